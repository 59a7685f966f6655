import { describe, expect, it } from 'vitest';
import type { KeyLimits } from '../../../lambda/keys/key-record.ts';
import { completionOf, dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { Item, ItemKey } from '../../../lambda/storage/table.ts';
import { TableUnavailableError } from '../../../lambda/storage/table-unavailable-error.ts';

/** Midnight of a day (UTC) and its date. */
const NOW = 1_700_006_400;
const TODAY = '2023-11-15';
const used = { prompt: 10, cached: 4, thinking: 20, answer: 5, forced: 3, probe: 2, aborted: 1 };

/** A table that records its items and reads, and whose writes of usage records can fail. */
class WatchedTable extends MemoryTable {
  readonly puts: Item[] = [];
  reads = 0;
  failure: Error | undefined;

  override async put(item: Item & ItemKey) {
    if (item.pk.startsWith('USAGE#')) {
      if (this.failure !== undefined) throw this.failure;
      this.puts.push(item);
    }
    await super.put(item);
  }

  override async get(pk: string, sk: string) {
    this.reads += 1;
    return await super.get(pk, sk);
  }
}

function newWorld() {
  const clock = { now: NOW };
  const table = new WatchedTable();
  const ledger = new Ledger(table, () => clock.now);
  const admit = async (limits: KeyLimits, requestId = 'r', id = 'key_a') =>
    await ledger.admit({ id, admin: false, limits }, { requestId, model: 'm', tokens: 100, leaseSeconds: 60 });
  const records = async (days: readonly string[], key?: string) => {
    const found: UsageRecord[] = [];
    for await (const record of ledger.records(days, key)) found.push(record);
    return found;
  };
  /** Tokens that are left of 1,000 per day. */
  const left = async () => {
    const limits = { tokens_per_day: 1_000 };
    const { remaining } = await ledger.admit(
      { id: 'key_a', admin: false, limits },
      { requestId: 'probe', model: 'm', tokens: 0, leaseSeconds: 0 },
    );
    return remaining.tokens?.left;
  };
  return { clock, table, ledger, admit, records, left };
}
const unavailable = new TableUnavailableError('put', new Error('silent'));
const allLimits: readonly KeyLimits[] = [
  { requests_per_minute: 5 },
  { tokens_per_day: 1_000 },
  { concurrent_requests: 2 },
];

describe('the usage record of a request', () => {
  it('is reserved at its admission and settled at its end, and is kept for 400 days', async () => {
    const { admit, table } = newWorld();
    const admitted = await admit({});
    const reserved = {
      pk: `USAGE#${TODAY}`,
      sk: 'key_a#r',
      model: 'm',
      until: NOW + 60,
      ttl: NOW + 400 * 86_400,
      reserved: 100,
      status: 'reserved',
    };
    expect(table.puts).toEqual([reserved]);
    expect(admitted).toMatchObject({ remaining: {}, request: { request_id: 'r', key: 'key_a', model: 'm' } });
    await admitted.settle(used);
    await admitted.settle({ ...used, prompt: 999 });
    expect(table.puts.slice(1)).toEqual([{ ...reserved, status: 'settled', ...used }]);
  });

  it('of a request that ran several models is one for each, and the limits count them together', async () => {
    const { admit, records, left } = newWorld();
    const admitted = await admit({ tokens_per_day: 1_000 });
    await admitted.settle(used, [
      { ...used, model: 'second' },
      { ...used, model: 'third', prompt: 100 },
    ]);
    expect((await records([TODAY], 'key_a')).map(({ model, prompt }) => [model, prompt])).toEqual([
      ['m', 10],
      ['second', 10],
      ['third', 100],
    ]);
    expect(await left()).toBe(1_000 - 38 - 38 - 128);
  });

  it('is found by day and key', async () => {
    const { admit, records, clock } = newWorld();
    await admit({}, 'one', 'key_a');
    await admit({}, 'two', 'key_ab');
    clock.now = NOW + 86_400;
    await admit({}, 'three', 'key_a');
    const keysOf = async (days: readonly string[], key?: string) =>
      (await records(days, key)).map((record) => [record.day, record.key]);
    expect(await keysOf([TODAY, '2023-11-16'])).toEqual([
      [TODAY, 'key_a'],
      [TODAY, 'key_ab'],
      ['2023-11-16', 'key_a'],
    ]);
    expect(await keysOf([TODAY], 'key_a')).toEqual([[TODAY, 'key_a']]);
    expect(await keysOf(['2023-11-14'])).toEqual([]);
  });

  it('without what a release added has none of it', async () => {
    const { admit, records } = newWorld();
    await (await admit({})).settle({ ...used, elsewhere: [{ upstream: 'other', prompt: 1, completion: 2 }] });
    expect(await records([TODAY])).toEqual([
      {
        day: TODAY,
        key: 'key_a',
        model: 'm',
        status: 'settled',
        ...used,
        retrieved: 0,
        searches: 0,
        work: 'interactive',
        elsewhere: [{ upstream: 'other', prompt: 1, completion: 2 }],
      },
    ]);
  });

  it('is lost from the second at which its lease expires', async () => {
    const { admit, records, clock } = newWorld();
    await admit({});
    clock.now = NOW + 59;
    expect(await records([TODAY])).toMatchObject([{ status: 'running', prompt: 0, thinking: 0 }]);
    clock.now = NOW + 60;
    expect(await records([TODAY])).toMatchObject([{ status: 'lost' }]);
  });

  it('counts the thinking, answer, probes and aborted tokens as completion', () => {
    expect(completionOf(used)).toBe(28);
    expect(dayOf(NOW - 1)).toBe('2023-11-14');
    expect(dayOf(NOW)).toBe(TODAY);
  });
});

describe('a table that is out of order', () => {
  it.each(allLimits)('refuses a request of a key with %j, and frees what was reserved', async (limits) => {
    const { admit, table } = newWorld();
    table.failure = unavailable;
    await expect(admit(limits)).rejects.toBe(unavailable);
    table.failure = undefined;
    for (const id of ['a', 'b']) await admit(limits, id);
  });

  it('serves a request without limits, whose settlement then fails', async () => {
    const { admit, table } = newWorld();
    table.failure = unavailable;
    const admitted = await admit({ max_thinking_tokens: 5 });
    await expect(admitted.settle(used)).rejects.toBe(unavailable);
  });

  it('does not serve a request whose record is wrong', async () => {
    const { admit, table } = newWorld();
    table.failure = new Error('ValidationException');
    await expect(admit({})).rejects.toThrow('ValidationException');
  });

  it('at the end of a request does not keep its limits from being settled', async () => {
    const { admit, table, left } = newWorld();
    const admitted = await admit({ tokens_per_day: 1_000 });
    table.failure = unavailable;
    await expect(admitted.settle(used)).rejects.toBe(unavailable);
    table.failure = undefined;
    expect(await left()).toBe(1_000 - 38);
  });
});

describe('the early refusal of a key that has nothing left', () => {
  const caller = (limits: KeyLimits) => ({ id: 'key_a', admin: false, limits });

  it('reads nothing for a key without limits', async () => {
    const { ledger, table } = newWorld();
    await ledger.refuseExhausted(caller({ max_thinking_tokens: 5 }), 1_000_000);
    expect(table.reads).toBe(0);
  });

  it.each([
    [{ requests_per_minute: 1 }, 'rate_limit_exceeded', '60'],
    [{ concurrent_requests: 1 }, 'rate_limit_exceeded', '5'],
    [{ tokens_per_day: 100 }, 'tokens_exceeded', '86400'],
  ])('of %j reads its state once, and reserves nothing', async (limits, code, retryAfter) => {
    const { ledger, table, admit } = newWorld();
    await ledger.refuseExhausted(caller(limits), 100);
    await admit(limits);
    table.reads = 0;
    await expect(ledger.refuseExhausted(caller(limits), 1)).rejects.toMatchObject({
      status: 429,
      code,
      headers: { 'retry-after': retryAfter },
    });
    expect(table.reads).toBe(1);
    expect(table.puts).toHaveLength(1);
  });
});
