import { describe, expect, it } from 'vitest';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { Item } from '../../../lambda/storage/table.ts';
import { chat, scriptedApp } from '../scripted-world.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

const stiff = (id: string, changes = {}) => request(id, { elastic: false, ...changes });
const withoutQueue = { ...smallCopies, policy: { max_queue_seconds: 0 } };

describe('A wake', () => {
  it('one of many functions that concurrently find the endpoint asleep wakes it', async () => {
    const table = new MemoryTable();
    const first = loadWorld(0, { table });
    const worlds = Array.from({ length: 20 }, () => loadWorld(0, { table, copies: first.control }));
    await first.autoscaler.scaling.tick();
    const admissions = await Promise.all(
      worlds.map(async ({ autoscaler }, index) => await autoscaler.gate.admit(request(`r${index}`))),
    );
    expect(first.control.asked).toEqual([1]);
    expect(admissions.every(({ report }) => report.expectedWaitSeconds > 0)).toBe(true);
  });

  it('a wake requests no copy if copies are starting that the state does not show yet', async () => {
    const { autoscaler, control } = loadWorld(0);
    await autoscaler.scaling.tick();
    control.seen = { current: 0, desired: 3 };
    await autoscaler.gate.admit(request('a'));
    expect(control.asked).toEqual([]);
  });

  it('a wake is requested even if the copies cannot be described', async () => {
    const { autoscaler, control } = loadWorld(0);
    control.describe = async () => {
      throw new Error('Rate exceeded');
    };
    expect((await autoscaler.gate.admit(request('a'))).report.expectedWaitSeconds).toBe(20);
    expect(control.asked).toEqual([1]);
  });

  it('a wake without effect, because of another update, is repeated after half a minute', async () => {
    const { autoscaler, control, clock } = loadWorld(0);
    control.setCopies = async (copies: number) => {
      control.asked.push(copies);
    };
    await autoscaler.gate.admit(request('a'));
    clock.now += 10;
    await autoscaler.gate.whileWaiting();
    expect(control.asked).toEqual([1]);
    clock.now += 25;
    await autoscaler.gate.whileWaiting();
    expect(control.asked).toEqual([1, 1]);
  });

  it('no more requests wait for the first copy than it can start within the maximum queue time', async () => {
    const { autoscaler } = loadWorld(0);
    const waits: number[] = [];
    const refused: unknown[] = [];
    for (let index = 0; index < 80; index++) {
      await autoscaler.gate.admit(stiff(`r${index}`)).then(
        ({ report }) => waits.push(report.expectedWaitSeconds),
        (error: unknown) => refused.push(error),
      );
    }
    expect(waits[0]).toBe(20);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(100);
    expect(waits.at(-1)).toBeLessThanOrEqual(20 + 120);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused[0]).toMatchObject({ status: 503, code: 'endpoint_full' });
    // Retry-After includes the start of the copy.
    expect(Number(Object(refused[0]).headers['retry-after'])).toBeGreaterThan(20);
  });
});

/** A table that holds back the functions until `waitFor` of them have counted their request. */
class CrowdedTable extends MemoryTable {
  waitFor = 0;
  #counted = 0;
  #all: (() => void) | undefined;
  readonly #crowd = new Promise<void>((resolve) => {
    this.#all = resolve;
  });

  override async add(...args: Parameters<MemoryTable['add']>): Promise<Item> {
    const item = await super.add(...args);
    if (this.waitFor > 0) {
      this.#counted += 1;
      if (this.#counted >= this.waitFor) this.#all?.();
      await this.#crowd;
    }
    return item;
  }
}

describe('Concurrent requests to many functions', () => {
  it('concurrent requests to many functions are granted as if they had arrived one after the other', async () => {
    const table = new CrowdedTable();
    const worlds = Array.from({ length: 7 }, () => loadWorld(1, { table }));
    await worlds[0]?.autoscaler.scaling.tick();
    table.waitFor = worlds.length;
    const admissions = await Promise.all(
      worlds.map(async ({ autoscaler }, index) => await autoscaler.gate.admit(request(`r${index}`))),
    );
    const alone = loadWorld(1);
    const inOrder: number[] = [];
    for (let index = 0; index < 7; index++) {
      inOrder.push((await alone.autoscaler.gate.admit(request(`r${index}`))).report.granted);
    }
    expect(admissions.map(({ report }) => report.granted)).toEqual(inOrder);
  });

  it('a failure of the table during a decision leaves no lease behind', async () => {
    const { autoscaler } = loadWorld(1);
    await autoscaler.scaling.tick();
    autoscaler.scaling.store.control = async () => {
      throw new Error('The table is not there.');
    };
    await expect(autoscaler.gate.admit(request('a'))).rejects.toThrow('The table is not there.');
    expect(await autoscaler.scaling.leaseStore.all()).toEqual([]);
  });
});

describe('A paused endpoint', () => {
  it('a paused endpoint refuses requests even while its copies still run', async () => {
    const { autoscaler } = loadWorld(1);
    await autoscaler.scaling.store.write('control', { paused: true, changes: [] }, undefined);
    await expect(autoscaler.gate.admit(request('a'))).rejects.toMatchObject({ status: 503, code: 'endpoint_paused' });
  });
});

describe('Requests to a paused endpoint', () => {
  it('requests to a paused endpoint add no demand and cause no decision', async () => {
    const { autoscaler, clock } = loadWorld(1);
    await autoscaler.scaling.tick(0);
    await autoscaler.scaling.store.write('control', { paused: true, changes: [] }, undefined);
    clock.now += 60;
    await autoscaler.scaling.tick(0);
    const before = (await autoscaler.scaling.snapshot()).state;
    for (let index = 0; index < 5; index++) await autoscaler.gate.admit(request(`r${index}`)).catch(() => undefined);
    for (let minute = 0; minute < 3; minute++) {
      clock.now += 60;
      await autoscaler.scaling.tick(0);
    }
    const { state } = await autoscaler.scaling.snapshot();
    expect(state.at).toBeGreaterThan(before.at);
    expect(state.demand).toEqual(before.demand);
    expect(state.decisions).toEqual(before.decisions);
  });
});

describe('A key that floods an endpoint', () => {
  it('a key that floods an endpoint is refused while other keys can still queue', async () => {
    const { autoscaler } = loadWorld(1);
    await autoscaler.gate.admit(stiff('small', { key: 'key_small' }));
    let refused: unknown;
    for (let index = 0; index < 200 && refused === undefined; index++) {
      await autoscaler.gate.admit(stiff(`flood${index}`, { key: 'key_flood' })).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(refused).toMatchObject({ status: 429, code: 'key_over_its_part' });
    for (const key of ['key_small', 'key_new']) {
      const { report } = await autoscaler.gate.admit(stiff(`first of ${key}`, { key }));
      expect(report.expectedWaitSeconds).toBeGreaterThan(0);
    }
  });

  it('a key that floods an endpoint leaves a bounded number of refused leases', async () => {
    const { autoscaler, clock } = loadWorld(1, { settings: withoutQueue });
    for (let index = 0; index < 700; index++) await autoscaler.gate.admit(stiff(`r${index}`)).catch(() => undefined);
    expect((await autoscaler.scaling.leaseStore.all()).length).toBeLessThan(520);
    clock.now += 60;
    await autoscaler.scaling.tick();
    expect(await autoscaler.scaling.leaseStore.all()).toEqual([]);
  });

  it('requests that the limits of a key refuse add no demand and change no expectation', async () => {
    const { autoscaler, clock } = loadWorld(1);
    const table = new MemoryTable();
    const keys = new KeyStore(table, () => 1_700_000_000);
    const { app } = scriptedApp([], {
      loads: new Map([['scripted', autoscaler]]),
      keys,
      ledger: new Ledger(table, () => 1_700_000_000),
    });
    const { key } = await keys.create('limited', { limits: { tokens_per_day: 100 } });
    await autoscaler.scaling.tick();
    for (let index = 0; index < 5; index++) {
      const response = await app.request('/v1/chat/completions', chat({}, { authorization: `Bearer ${key}` }));
      expect(response.status).toBe(429);
    }
    expect(await autoscaler.scaling.leaseStore.all()).toEqual([]);
    clock.now += 20;
    const { demand, use } = await autoscaler.scaling.tick();
    expect(demand.tokensPerSecond).toBe(0);
    expect(new Set(use)).toEqual(new Set([1]));
  });
});

describe('The expected use of requests', () => {
  it('the expected use is learned only from requests that generated tokens', async () => {
    const { autoscaler, clock } = loadWorld(1);
    const failed = await autoscaler.gate.admit(request('failed'));
    await failed.admitted.end();
    clock.now += 20;
    expect(new Set((await autoscaler.scaling.tick()).use)).toEqual(new Set([1]));
    const answered = await autoscaler.gate.admit(request('answered'));
    answered.admitted.count(0, { thinking: 100, answer: 10 });
    await answered.admitted.end();
    clock.now += 20;
    expect(Math.min(...(await autoscaler.scaling.tick()).use)).toBeLessThan(1);
  });
});

describe('Items in the table', () => {
  it('the state of a function whose clock is an hour ahead does not block ticks', async () => {
    const table = new MemoryTable();
    const ahead = loadWorld(1, { table, now: () => 1_000 + 3_600 });
    await ahead.autoscaler.scaling.tick();
    const { autoscaler, lines } = loadWorld(1, { table });
    await autoscaler.scaling.tick();
    expect(lines).toHaveLength(1);
    expect((await autoscaler.scaling.tick()).at).toBe(1_000);
  });

  it('items of another version of the function are ignored', async () => {
    const table = new MemoryTable();
    const { autoscaler, lines } = loadWorld(1, { table });
    await table.put({ pk: 'LOAD#scripted', sk: 'other', requestId: 'other', weight: 'heavy' });
    await table.putIfVersion({ pk: 'SCALING#scripted', sk: 'state', value: '{"at":"noon"}' }, undefined);
    expect((await autoscaler.gate.admit(request('a'))).report.granted).toBe(800);
    expect(lines).toHaveLength(1);
    expect(await autoscaler.scaling.leaseStore.all()).toHaveLength(1);
  });

  it('a request ends once, even if it is ended or counted again later', async () => {
    const { autoscaler, clock } = loadWorld(1);
    const { admitted } = await autoscaler.gate.admit(request('a'));
    admitted.begin();
    admitted.count(0, { thinking: 50, answer: 0 });
    await Promise.all([admitted.end(), admitted.end()]);
    admitted.count(0, { thinking: 500, answer: 100 });
    await admitted.end();
    const [lease] = await autoscaler.scaling.leaseStore.all();
    expect(lease).toMatchObject({ usedTokens: 50, endedAt: clock.now });
    expect((await autoscaler.scaling.snapshot()).load).toMatchObject({ requests: 0, committedTokens: 0 });
  });
});
