import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../../../lambda/errors/api-error.ts';
import type { Caller, KeyLimits } from '../../../lambda/keys/key-record.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { embeddedTable } from '../storage/embedded-table.ts';

let world: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  world = await embeddedTable();
}, 60_000);
afterAll(async () => {
  await world.close();
});

let now = 1_700_000_000;
let callers = 0;
const callerWith = (limits: KeyLimits): Caller => ({ id: `key_${++callers}`, admin: false, limits });
/** Each function has a ledger of its own: they share the table alone. */
const newLedger = () => new Ledger(world.table, () => now);
const reservation = (requestId: string, tokens = 100) => ({ requestId, model: 'm', tokens, leaseSeconds: 60 });
const used = { prompt: 10, cached: 4, thinking: 20, answer: 5, forced: 3 };
const recordsOf = async (caller: Caller) => {
  const records: UsageRecord[] = [];
  for await (const record of newLedger().records([dayOf(now)], caller.id)) records.push(record);
  return records;
};

/** How many of `count` requests at the same instant, each in a function of its own, are let in; and how the others are turned away. */
async function atOnce(caller: Caller, count: number) {
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => newLedger().admit(caller, reservation(`r${index}`))),
  );
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  return { admitted: count - refused.length, refused };
}

describe('admission', { timeout: 600_000 }, () => {
  it.each([
    ['requests a minute', { requests_per_minute: 1 }, 1],
    ['requests at once', { concurrent_requests: 1 }, 1],
    ['tokens a day', { tokens_per_day: 150 }, 1],
    ['all of them', { requests_per_minute: 7, concurrent_requests: 4, tokens_per_day: 350 }, 3],
  ])('of requests at the same instant lets no more in than %s allow', async (_, limits, most) => {
    const { admitted, refused } = await atOnce(callerWith(limits), 8);
    expect(admitted).toBe(most);
    for (const error of refused) {
      expect(error).toBeInstanceOf(ApiError);
      expect(error.status).toBe(429);
      expect(Number(error.headers['retry-after'])).toBeGreaterThan(0);
    }
  });

  it('lets a new minute and a new day begin at 0', async () => {
    const caller = callerWith({ requests_per_minute: 1, tokens_per_day: 100 });
    await (await newLedger().admit(caller, reservation('a'))).settle({ ...used, thinking: 85 });
    await expect(newLedger().admit(caller, reservation('b', 1))).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
    now += 60;
    await expect(newLedger().admit(caller, reservation('c', 1))).rejects.toMatchObject({ code: 'tokens_exceeded' });
    now += 86_400;
    await expect(newLedger().admit(caller, reservation('d'))).resolves.toBeDefined();
  });

  it('frees what a request reserved and did not use', async () => {
    const caller = callerWith({ tokens_per_day: 150, concurrent_requests: 1 });
    const first = await newLedger().admit(caller, reservation('a'));
    await first.settle(used);
    const second = await newLedger().admit(caller, reservation('b'));
    expect(second.remaining.tokens?.left).toBe(150 - 35 - 100);
  });

  it('keeps nothing reserved where the request cannot be written down', async () => {
    const caller = callerWith({ concurrent_requests: 1 });
    const { table } = world;
    const broken = new Ledger(
      Object.assign(Object.create(table), {
        get: (pk: string, sk: string) => table.get(pk, sk),
        putIfVersion: (item: { pk: string; sk: string }, before: number | undefined) =>
          table.putIfVersion(item, before),
        put: async () => {
          throw new Error('throttled');
        },
      }),
      () => now,
    );
    await expect(broken.admit(caller, reservation('a'))).rejects.toThrow('throttled');
    await expect(newLedger().admit(caller, reservation('b'))).resolves.toBeDefined();
  });
});

describe('the ledger', { timeout: 600_000 }, () => {
  it('has a request once, settled once, however often its end is told', async () => {
    const caller = callerWith({ tokens_per_day: 1_000 });
    const admitted = await newLedger().admit(caller, reservation('a'));
    await Promise.all([admitted.settle(used), admitted.settle(used)]);
    await admitted.settle({ ...used, thinking: 900 });
    expect(await recordsOf(caller)).toEqual([
      { day: dayOf(now), key: caller.id, model: 'm', status: 'settled', ...used },
    ]);
    const next = await newLedger().admit(caller, reservation('b', 0));
    expect(next.remaining.tokens?.left).toBe(1_000 - 35);
  });

  it('has a request whose function died: running until its lease ends, then lost, and its place is free', async () => {
    const caller = callerWith({ concurrent_requests: 1, tokens_per_day: 100 });
    await newLedger().admit(caller, reservation('dies'));
    expect(await recordsOf(caller)).toMatchObject([{ status: 'running' }]);
    await expect(newLedger().admit(caller, reservation('b'))).rejects.toMatchObject({ status: 429 });
    now += 60;
    expect(await recordsOf(caller)).toMatchObject([{ status: 'lost' }]);
    await expect(newLedger().admit(caller, reservation('b'))).resolves.toBeDefined();
    expect(await recordsOf(caller)).toHaveLength(2);
  });

  it('counts a request that ends after its lease was reclaimed', async () => {
    const caller = callerWith({ concurrent_requests: 1, tokens_per_day: 1_000 });
    const late = await newLedger().admit(caller, reservation('late'));
    now += 61;
    const other = await newLedger().admit(caller, reservation('other'));
    await late.settle(used);
    await other.settle(used);
    expect((await recordsOf(caller)).map(({ status }) => status)).toEqual(['settled', 'settled']);
    const next = await newLedger().admit(caller, reservation('next', 0));
    expect(next.remaining.tokens?.left).toBe(1_000 - 70);
  });

  it('settles every one of many requests that end at the same instant', async () => {
    const caller = callerWith({ concurrent_requests: 8, tokens_per_day: 10_000 });
    const running = await Promise.all(
      Array.from({ length: 8 }, (_, index) => newLedger().admit(caller, reservation(`r${index}`))),
    );
    await Promise.all(running.map(({ settle }) => settle(used)));
    const next = await newLedger().admit(caller, reservation('next', 0));
    expect(next.remaining.tokens?.left).toBe(10_000 - 8 * 35);
  });
});
