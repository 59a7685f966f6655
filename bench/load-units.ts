/**
 * Capacity units of the table that the load of a model takes: `npx node bench/load-units.ts`. Runs the live admission, renewals, ends and ticks
 * of many functions over a table in memory that counts units as DynamoDB does, with a clock of its own. Each request runs for 80 seconds;
 * those at the start have a part of that left.
 */

import { renewSeconds, snapshotSeconds } from '../lambda/policy/load-freshness.ts';
import type { AdmittedRequest } from '../lambda/scaling/admitted-request.ts';
import type { CopyControl } from '../lambda/scaling/copy-control.ts';
import { ModelAutoscaler } from '../lambda/scaling/model-autoscaler.ts';
import { type Metered, MeteredTable } from './metered-table.ts';

const REQUEST_SECONDS = 80;
/** In which the requests come that run at the start, and after which units are counted. */
const FILL_SECONDS = 20;
const SETTLE_SECONDS = 15;
const MEASURED_SECONDS = 20;
const START = 1_790_000_000;

interface Running {
  readonly admitted: AdmittedRequest;
  readonly cameAt: number;
  readonly endsAt: number;
  looksAt: number;
}

async function unitsAt(inFlight: number) {
  let now = START;
  let listen: ((metered: Metered) => void) | undefined;
  const table = new MeteredTable((metered) => listen?.(metered));
  const copies = Math.max(1, Math.round(inFlight / 10));
  const fixedCopies: CopyControl = {
    describe: async () => ({ current: copies, desired: copies }),
    setCopies: async () => {},
    bounds: async () => undefined,
    setBounds: async () => {},
    schedules: async () => [],
    putSchedule: async () => {},
    deleteSchedule: async () => false,
  };
  // As many functions as requests: none shares a cache with another one.
  const functionFor = () =>
    new ModelAutoscaler({
      owner: { endpointName: 'e', modelId: 'm' },
      settings: {
        minCopies: 1,
        maxCopies: copies,
        copiesPerInstance: 1,
        cacheTokens: 200_000,
        maxRequests: 64,
        stepSeconds: 0.02,
        fullRequests: 32,
        fullStepSeconds: 0.03,
        startSeconds: 300,
        elastic: 'asked',
      },
      table,
      copies: fixedCopies,
      now: () => now,
      emit: () => {},
      log: () => {},
      capacityWaitMs: 0,
    });

  const running: Running[] = [];
  const totals = { decisions: 0, decisionReads: 0, decisionItems: 0, writes: 0, requests: 0, tickReads: 0, ticks: 0 };
  const bySecond = new Map<string, number>();
  let most = { reads: 0, writes: 0 };
  const gapSeconds = REQUEST_SECONDS / inFlight;
  const until = START + FILL_SECONDS + SETTLE_SECONDS + MEASURED_SECONDS;
  let arrivesAt = START;
  let id = 0;
  const measure = async (kind: 'decision' | 'other', run: () => Promise<unknown>) => {
    const measured = now >= until - MEASURED_SECONDS;
    const all: Metered[] = [];
    listen = (metered) => all.push(metered);
    await run();
    if (!measured) return;
    for (const { pk, readUnits, writeUnits } of all) {
      for (const [what, units] of [
        ['reads', readUnits],
        ['writes', writeUnits],
      ] as const) {
        const slot = `${what} ${pk} ${Math.floor(now)}`;
        bySecond.set(slot, (bySecond.get(slot) ?? 0) + units);
      }
      totals.writes += writeUnits;
    }
    const reads = all.reduce((sum, one) => sum + one.readUnits, 0);
    // Only a tick reads leases.
    if (all.some(({ operation }) => operation === 'query')) {
      totals.ticks += 1;
      totals.tickReads += reads;
    } else if (kind === 'decision') {
      totals.decisions += 1;
      totals.decisionReads += reads;
      // Its own changes come back with the addition.
      totals.decisionItems = Math.max(totals.decisionItems, 1 + all.reduce((sum, one) => sum + one.items, 0));
    }
  };

  while (now < until) {
    const looks = running.reduce<Running | undefined>(
      (a, b) => (a === undefined || b.looksAt < a.looksAt ? b : a),
      undefined,
    );
    const [first] = running;
    const endsAt = first?.endsAt ?? Number.POSITIVE_INFINITY;
    now = Math.min(arrivesAt, endsAt, looks?.looksAt ?? Number.POSITIVE_INFINITY);
    if (now >= until) break;
    if (first !== undefined && now === endsAt) {
      running.shift();
      first.admitted.count(0, { thinking: 4_000, answer: 350 });
      await measure('other', () => first.admitted.end(500));
    } else if (now === arrivesAt) {
      const fills = id < inFlight;
      arrivesAt += fills ? FILL_SECONDS / inFlight : gapSeconds;
      const endsAt = fills ? START + FILL_SECONDS + id * gapSeconds : now + REQUEST_SECONDS;
      await measure('decision', async () => {
        const { admitted } = await functionFor().gate.admit({
          requestId: `0190d1c8-${String(id++).padStart(28, '0')}`,
          key: `key_${id % 20}`,
          promptTokens: 1_000,
          minTokens: 0,
          maxTokens: 8_192,
          answerTokens: 1_024,
          samples: 1,
          elastic: true,
          floorTokens: 1_024,
        });
        running.push({ admitted, cameAt: now, endsAt, looksAt: now + snapshotSeconds(running.length) });
      });
      if (now >= until - MEASURED_SECONDS) totals.requests += 1;
    } else if (looks !== undefined) {
      looks.looksAt += snapshotSeconds(running.length);
      looks.admitted.count(0, { thinking: Math.round((now - looks.cameAt) * 50), answer: 0 });
      await measure('other', () => looks.admitted.refresh());
    }
  }
  for (const [slot, units] of bySecond) {
    const what = slot.startsWith('reads') ? 'reads' : 'writes';
    most = { ...most, [what]: Math.max(most[what], units) };
  }
  return {
    'in flight': running.length,
    copies,
    'renewed every, s': round(renewSeconds(running.length)),
    'items a decision': totals.decisionItems,
    'read units a decision': round(totals.decisionReads / totals.decisions),
    'read units a tick': Math.round(totals.tickReads / totals.ticks),
    'write units a request': round(totals.writes / totals.requests),
    'most writes/s of a partition': most.writes,
    'most reads/s of a partition': most.reads,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const sizes = process.argv.slice(2).map(Number);
const rows = [];
for (const size of sizes.length > 0 ? sizes : [10, 100, 1_000, 10_000]) rows.push(await unitsAt(size));
console.table(rows);
