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
/** A ledger of another function. Functions share only the table. */
const newLedger = () => new Ledger(world.table, () => now);
const reservation = (requestId: string, tokens = 100) => ({ requestId, model: 'm', tokens, leaseSeconds: 60 });
const used = { prompt: 10, cached: 4, thinking: 20, answer: 5, forced: 3, probe: 0, aborted: 0 };
const recordsOf = async (caller: Caller) => {
  const records: UsageRecord[] = [];
  for await (const record of newLedger().records([dayOf(now)], caller.id)) records.push(record);
  return records;
};

/** Sends `count` concurrent requests, each through its own function. Returns how many are admitted, and the refusals. */
async function concurrently(caller: Caller, count: number) {
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => newLedger().admit(caller, reservation(`r${index}`))),
  );
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  return { admitted: count - refused.length, refused };
}

describe('Admission by the limits of a key', { timeout: 600_000 }, () => {
  it.each([
    ['requests per minute', { requests_per_minute: 1 }, 1],
    ['concurrent requests', { concurrent_requests: 1 }, 1],
    ['tokens per day', { tokens_per_day: 150 }, 1],
    ['all limits', { requests_per_minute: 7, concurrent_requests: 4, tokens_per_day: 350 }, 3],
  ])('concurrent requests of a key never exceed its limit: %s', async (_, limits, max) => {
    const { admitted, refused } = await concurrently(callerWith(limits), 8);
    expect(admitted).toBe(max);
    for (const error of refused) {
      expect(error).toBeInstanceOf(ApiError);
      expect(error.status).toBe(429);
      expect(Number(error.headers['retry-after'])).toBeGreaterThan(0);
    }
  });

  it('limits are reset with a new minute and a new day', async () => {
    const caller = callerWith({ requests_per_minute: 1, tokens_per_day: 100 });
    await (await newLedger().admit(caller, reservation('a'))).settle({ ...used, thinking: 85 });
    await expect(newLedger().admit(caller, reservation('b', 1))).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
    now += 60;
    await expect(newLedger().admit(caller, reservation('c', 1))).rejects.toMatchObject({ code: 'tokens_exceeded' });
    now += 86_400;
    await expect(newLedger().admit(caller, reservation('d'))).resolves.toBeDefined();
  });

  it('a settled request frees its unused reservation', async () => {
    const caller = callerWith({ tokens_per_day: 150, concurrent_requests: 1 });
    const first = await newLedger().admit(caller, reservation('a'));
    await first.settle(used);
    const second = await newLedger().admit(caller, reservation('b'));
    expect(second.remaining.tokens?.left).toBe(150 - 35 - 100);
  });

  it('probes and aborted samples count against the limits of a key', async () => {
    const caller = callerWith({ tokens_per_day: 200 });
    const first = await newLedger().admit(caller, reservation('a'));
    await first.settle({ ...used, thinking: 0, answer: 0, probe: 7, aborted: 40 });
    const second = await newLedger().admit(caller, reservation('b', 0));
    expect(second.remaining.tokens?.left).toBe(200 - 10 - 47);
    expect(await recordsOf(caller)).toContainEqual(expect.objectContaining({ probe: 7, aborted: 40 }));
  });

  it('a request whose usage record cannot be written leaves no reservation', async () => {
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

describe('Usage records of the ledger', { timeout: 600_000 }, () => {
  it('a request has one usage record and is settled once, even if it is settled repeatedly', async () => {
    const caller = callerWith({ tokens_per_day: 1_000 });
    const admitted = await newLedger().admit(caller, reservation('a'));
    await Promise.all([admitted.settle(used), admitted.settle(used)]);
    await admitted.settle({ ...used, thinking: 900 });
    expect(await recordsOf(caller)).toEqual([
      {
        day: dayOf(now),
        key: caller.id,
        model: 'm',
        status: 'settled',
        work: 'interactive',
        retrieved: 0,
        searches: 0,
        ...used,
      },
    ]);
    const next = await newLedger().admit(caller, reservation('b', 0));
    expect(next.remaining.tokens?.left).toBe(1_000 - 35);
  });

  it('a request whose function dies is running until its lease expires, then lost, and its place is free', async () => {
    const caller = callerWith({ concurrent_requests: 1, tokens_per_day: 100 });
    await newLedger().admit(caller, reservation('dies'));
    expect(await recordsOf(caller)).toMatchObject([{ status: 'running' }]);
    await expect(newLedger().admit(caller, reservation('b'))).rejects.toMatchObject({ status: 429 });
    now += 60;
    expect(await recordsOf(caller)).toMatchObject([{ status: 'lost' }]);
    await expect(newLedger().admit(caller, reservation('b'))).resolves.toBeDefined();
    expect(await recordsOf(caller)).toHaveLength(2);
  });

  it('a request that ends after its lease expired is still counted', async () => {
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

  it('all of many requests that end concurrently are settled', async () => {
    const caller = callerWith({ concurrent_requests: 8, tokens_per_day: 10_000 });
    const running = await Promise.all(
      Array.from({ length: 8 }, (_, index) => newLedger().admit(caller, reservation(`r${index}`))),
    );
    await Promise.all(running.map(({ settle }) => settle(used)));
    const next = await newLedger().admit(caller, reservation('next', 0));
    expect(next.remaining.tokens?.left).toBe(10_000 - 8 * 35);
  });
});
