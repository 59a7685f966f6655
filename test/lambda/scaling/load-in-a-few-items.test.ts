import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Metered, MeteredTable } from '../../../bench/metered-table.ts';
import { unknownUse } from '../../../lambda/policy/expected-use.ts';
import type { AdmittedRequest } from '../../../lambda/scaling/admitted-request.ts';
import { shareFields, shareOf } from '../../../lambda/scaling/load-share.ts';
import type { ModelScaling } from '../../../lambda/scaling/model-scaling.ts';
import { SHARDS } from '../../../lambda/scaling/shards.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { Table } from '../../../lambda/storage/table.ts';
import { TableUnavailableError } from '../../../lambda/storage/table-unavailable-error.ts';
import { type LocalTable, startLocalTable } from '../../../local/local-table.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

/** Copies for thousands of requests. */
const manyCopies = { ...smallCopies, maxCopies: 1_000, cacheTokens: 4_000, maxRequests: 4 };

/** The load as one reads it from every lease, which decisions do not do. Leases that expired before the last tick do not count. */
async function exactLoad({ leaseStore, store }: ModelScaling) {
  const { value } = await store.state();
  const leases = (await leaseStore.all()).filter(({ until, endedAt }) => endedAt !== undefined || until > value.at);
  const shares = leases.map((lease) => shareOf(lease, unknownUse()));
  const sum = (field: (typeof shareFields)[number]) => shares.reduce((total, share) => total + share[field], 0);
  const { limitTokens, usedTokens, ...rest } = Object.fromEntries(shareFields.map((field) => [field, sum(field)]));
  return { ...rest, committedTokens: (limitTokens ?? 0) - (usedTokens ?? 0) };
}

async function knownLoad(scaling: ModelScaling) {
  const { copies: _, startingCopies: __, ...load } = (await scaling.snapshot()).load;
  return load;
}

/** The part of an answer of DynamoDB that is counted. */
interface Read {
  readonly ConsumedCapacity?: { readonly CapacityUnits: number } | readonly { readonly CapacityUnits: number }[];
  readonly Item?: object;
  readonly Responses?: Readonly<Record<string, readonly unknown[]>>;
}

/** Makes a model busy, as a tick with many requests does. */
async function spread(scaling: ModelScaling): Promise<void> {
  await scaling.tick(0);
  const { value, version } = await scaling.store.state();
  await scaling.store.write('state', { ...value, shards: { write: SHARDS, read: SHARDS } }, version);
}

describe('Fifty functions at once, on the embedded table', () => {
  let local: LocalTable;
  let client: DynamoDBClient;
  /** Capacity that the table reports, by operation. */
  let consumed: { readonly operation: string; readonly units: number; readonly items: number }[] = [];

  beforeAll(async () => {
    local = await startLocalTable();
    client = new DynamoDBClient({
      endpoint: local.url,
      region: 'us-east-2',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    client.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
          const result = await next(args);
          const output = result.output as Read;
          const all = [output.ConsumedCapacity ?? []].flat();
          consumed.push({
            operation: commandName,
            units: all.reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0),
            items: output.Item === undefined ? Object.values(output.Responses ?? {}).flat().length : 1,
          });
          return result;
        },
      { step: 'initialize', name: 'meter' },
    );
  });
  afterAll(async () => {
    client.destroy();
    await local.close();
  });

  it('count every request once while functions admit, end and die, and read at most 16 items for a decision', {
    timeout: 240_000,
  }, async () => {
    const table = new Table(local.name, client);
    const clock = { now: 1_790_000_000 };
    const worlds = Array.from({ length: 50 }, () =>
      loadWorld(900, { table, settings: manyCopies, now: () => clock.now, tickSeconds: 10 }),
    );
    const { scaling, gate } = loadWorld(900, { table, settings: manyCopies, now: () => clock.now }).autoscaler;
    await spread(scaling);
    const running: AdmittedRequest[][] = worlds.map(() => []);
    let id = 0;
    let admissions = 0;
    let killed = 0;
    const rounds = async (count: number, each: number) => {
      for (let round = 0; round < count; round++) {
        clock.now += 1;
        // The tick of this second, if one is due: it alone reads leases.
        await scaling.tick();
        await Promise.all(
          worlds.map(async ({ autoscaler }, index) => {
            const own = running[index] ?? [];
            const oldest = own.splice(0, Math.max(0, own.length - 3));
            for (const [at, admitted] of oldest.entries()) {
              // One function in ten dies with its requests.
              if (index % 10 === 0) killed += 1;
              else {
                admitted.count(0, { thinking: 100 + at, answer: 20 });
                await admitted.end(10);
              }
            }
            for (let count = 0; count < each; count++) {
              const { admitted } = await autoscaler.gate.admit(
                request(`0190d1c8-7b3e-${id++}`, { key: `key_${index % 7}`, elastic: index % 2 === 0 }),
              );
              own.push(admitted);
              admissions += 1;
            }
          }),
        );
      }
    };
    /** Read units and items of one more decision, when no tick is due. */
    const decision = async () => {
      await scaling.tick();
      consumed = [];
      const { admitted } = await gate.admit(request(`one-${id++}`));
      const reads = consumed.filter(({ operation }) => /Get|Query/.test(operation));
      expect(reads.some(({ operation }) => operation.startsWith('Query'))).toBe(false);
      await admitted.end();
      return {
        units: reads.reduce((sum, { units }) => sum + units, 0),
        items: reads.reduce((sum, { items }) => sum + items, 0) + 1,
      };
    };

    await rounds(3, 1);
    const few = await decision();
    expect(await knownLoad(scaling)).toEqual(await exactLoad(scaling));
    await rounds(12, 4);
    expect(await knownLoad(scaling)).toEqual(await exactLoad(scaling));
    const many = await decision();
    expect(many.units).toBeLessThanOrEqual(few.units + 1);
    expect(Math.max(few.items, many.items)).toBeLessThanOrEqual(16);
    expect(admissions).toBeGreaterThan(2_000);
    expect(killed).toBeGreaterThan(100);

    // The functions that are left end what they run. Those that died are gone with the leases: after 30 seconds and one tick.
    for (const own of running) for (const admitted of own) await admitted.end();
    expect((await knownLoad(scaling)).requests).toBeGreaterThan(0);
    clock.now += 31;
    await scaling.tick();
    expect(await knownLoad(scaling)).toEqual(await exactLoad(scaling));
    expect(await knownLoad(scaling)).toMatchObject({ requests: 0, reservedTokens: 0, committedTokens: 0 });
    clock.now += 10;
    await scaling.tick();
    expect(await scaling.leaseStore.all()).toEqual([]);
  });
});

/** What happens to an endpoint, one after the other. */
const anyEvent = fc.oneof(
  fc.record({
    kind: fc.constant('arrive' as const),
    tokens: fc.integer({ min: 1, max: 900 }),
    key: fc.nat({ max: 3 }),
  }),
  fc.record({
    kind: fc.constant('grow' as const),
    which: fc.nat({ max: 50 }),
    tokens: fc.integer({ min: 0, max: 900 }),
  }),
  fc.record({ kind: fc.constantFrom('end' as const, 'die' as const, 'withdraw' as const), which: fc.nat({ max: 50 }) }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.double({ min: 0.1, max: 12, noNaN: true }) }),
  fc.record({ kind: fc.constant('tick' as const) }),
);

/** A table that loses some additions: before they are done, or only their answers. */
class LossyTable extends MemoryTable {
  readonly #lose: (done: boolean) => boolean;

  constructor(lose: (done: boolean) => boolean) {
    super();
    this.#lose = lose;
  }

  override async add(...args: Parameters<MemoryTable['add']>) {
    if (this.#lose(false)) throw new TableUnavailableError('add', new Error('lost'));
    const item = await super.add(...args);
    if (this.#lose(true)) throw new TableUnavailableError('add', new Error('answer lost'));
    return item;
  }
}

describe('The settled load and its changes', () => {
  it.each([1, SHARDS])(
    'are the exact sum of the leases after any events, in %d partitions',
    async (shards) => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyEvent, { minLength: 5, maxLength: 80 }), async (events) => {
          const { autoscaler, clock } = loadWorld(500, { settings: manyCopies });
          const { scaling, gate } = autoscaler;
          if (shards > 1) await spread(scaling);
          const running: AdmittedRequest[] = [];
          const ends = { end: 0, die: 0, withdraw: 0 };
          for (const [id, event] of events.entries()) {
            const which = 'which' in event && running.length > 0 ? event.which % running.length : undefined;
            if (event.kind === 'arrive') {
              const asked = request(`r${id}`, {
                key: `key_${event.key}`,
                promptTokens: event.tokens,
                elastic: id % 2 === 0,
              });
              running.push((await gate.admit(asked)).admitted);
            } else if (event.kind === 'wait') clock.now += event.seconds;
            else if (event.kind === 'tick') await scaling.tick(0);
            else if (which !== undefined) {
              const one = running[which];
              if (event.kind === 'grow') {
                one?.count(0, { thinking: event.tokens, answer: 0 });
                await one?.refresh();
              } else {
                running.splice(which, 1);
                ends[event.kind] += 1;
                if (event.kind === 'end') await one?.end();
                if (event.kind === 'withdraw') await one?.withdraw();
              }
            }
            // Reading may tick, and leases that expired are settled with it.
            const known = await knownLoad(scaling);
            expect(known).toEqual(await exactLoad(scaling));
          }
          const byKey = await scaling.snapshot();
          const keys = [0, 1, 2, 3].map((key) => byKey.keyLoad(`key_${key}`).reservedTokens);
          expect(keys.reduce((sum, one) => sum + one, 0)).toBe(byKey.load.reservedTokens);
        }),
        { seed: 11, numRuns: 60 },
      );
    },
    120_000,
  );

  it('are right again after the next tick if additions were lost, or done without an answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 40, maxLength: 40 }), async (luck) => {
        let at = 0;
        let losing = false;
        const table = new LossyTable((done) => losing && luck[at++ % luck.length] === (done ? 0 : 1));
        const { autoscaler, clock } = loadWorld(500, { settings: manyCopies, table });
        const { scaling, gate } = autoscaler;
        await scaling.tick();
        losing = true;
        const running: AdmittedRequest[] = [];
        for (let id = 0; id < 15; id++) {
          clock.now += 0.3;
          await gate.admit(request(`r${id}`)).then(
            ({ admitted }) => running.push(admitted),
            () => undefined,
          );
          if (id % 3 === 2)
            await running
              .shift()
              ?.end()
              .catch(() => undefined);
        }
        losing = false;
        // The next tick settles every period that is two seconds old, and all of them are after seven.
        clock.now += 10;
        await scaling.tick();
        expect(await knownLoad(scaling)).toEqual(await exactLoad(scaling));
      }),
      { seed: 5, numRuns: 100 },
    );
  }, 60_000);
});

describe('A thousand requests in flight', () => {
  it('cost no more reads a decision than thirty, and each partition a bounded number of writes', async () => {
    const seen: Metered[] = [];
    const table = new MeteredTable((metered) => seen.push(metered));
    const { autoscaler, clock } = loadWorld(900, { settings: manyCopies, table });
    const { scaling, gate } = autoscaler;
    await spread(scaling);
    const decide = async (id: string) => {
      await scaling.tick();
      seen.length = 0;
      const { admitted } = await gate.admit(request(id));
      return { admitted, units: seen.reduce((sum, { readUnits }) => sum + readUnits, 0) };
    };
    for (let id = 0; id < 30; id++) await gate.admit(request(`few${id}`));
    clock.now += 10;
    const few = await decide('a');
    for (let id = 0; id < 1_000; id++) {
      clock.now += 0.01;
      await gate.admit(request(`many${id}`));
    }
    clock.now += 10;
    const many = await decide('b');
    expect(many.units).toBeLessThanOrEqual(few.units + 1);
    seen.length = 0;
    many.admitted.count(0, { thinking: 10, answer: 0 });
    clock.now += 6;
    await many.admitted.refresh();
    const writes = seen.reduce((sum, { writeUnits }) => sum + writeUnits, 0);
    expect(writes).toBeGreaterThan(0);
    // One renewal: at 10,000 requests in flight there are 700 a second, over SHARDS partitions for leases and as many for changes.
    expect((writes * 700) / SHARDS).toBeLessThan(1_000);
  });
});
