/**
 * How fast the simulator is, and what memory it takes: `npx node --expose-gc bench/simulate.ts`.
 *
 * Each run is one process on one core: generated requests by day and night on s1-32b, with the elastic policy, so with all that a
 * request can go through. `--requests LIST` says how many; 10,000,000 by default at last. Requests a second are of processor time,
 * which other programs on the machine do not change; the heap is looked at after collections at a tenth and at the end of a run.
 */

import { parseArgs } from 'node:util';
import { defaultScaling } from '../lambda/policy/desired-copies.ts';
import { elasticGate, openGate } from '../simulate/engine/gate.ts';
import { simulate } from '../simulate/engine/simulate.ts';
import { s1OnP5 } from '../simulate/profile.ts';
import { CommittedScaling } from '../simulate/scaling/committed-scaling.ts';
import { FixedFleet } from '../simulate/scaling/scaler.ts';
import { defaultRouting } from '../simulate/scenario.ts';
import { defaultGenerated, GeneratedTraffic } from '../simulate/traffic/generated.ts';
import { defaultMix } from '../simulate/traffic/thinking.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000,1000000,10000000' } } });

const profile = s1OnP5();
const rows = [];
for (const requests of values.requests.split(',').map(Number)) {
  for (const policy of ['fixed', 'elastic'] as const) {
    if (policy === 'fixed' && requests > 1e6) continue;
    const settings = { ...defaultGenerated, requests, seconds: Number.POSITIVE_INFINITY };
    globalThis.gc?.();
    let most = process.memoryUsage().rss;
    let heapEarly = 0;
    let heapLate = 0;
    const look = { every: Math.max(1, Math.floor(requests / 50)), seen: 0 };
    const traffic = new GeneratedTraffic(settings, defaultMix, 1);
    const cpu = process.cpuUsage();
    const outcome = simulate({
      profile,
      routing: defaultRouting,
      traffic: {
        next: (arrival) => {
          look.seen += 1;
          if (look.seen % look.every === 0) most = Math.max(most, process.memoryUsage().rss);
          if (look.seen === Math.floor(requests / 10)) heapEarly = heapInUse();
          if (look.seen === requests) heapLate = heapInUse();
          return traffic.next(arrival);
        },
      },
      scaler:
        policy === 'fixed'
          ? new FixedFleet()
          : new CommittedScaling({ ...defaultScaling, maxCopies: 64, targetUtilization: 0.85, copiesPerInstance: 4 }),
      gate: policy === 'fixed' ? openGate : elasticGate,
      initialCopies: 24,
      measureFrom: 0,
      measureUntil: Number.POSITIVE_INFINITY,
      binSeconds: 3_600,
    });
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (user + system) / 1e6;
    rows.push({
      policy,
      requests,
      'simulated, days': Math.round(outcome.whole.endedAt / 864) / 100,
      'processor, s': Math.round(seconds * 10) / 10,
      'requests/s': Math.round(requests / seconds),
      'heap at a tenth, MB': heapEarly,
      'heap at the end, MB': heapLate,
      'most resident, MB': Math.round(most / 1e6),
      lost: outcome.whole.arrived - outcome.whole.completed - outcome.whole.refused,
    });
  }
}
console.table(rows);

function heapInUse(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 1e5) / 10;
}
