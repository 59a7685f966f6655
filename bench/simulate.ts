/**
 * Speed and memory of the simulator: `npx node --expose-gc bench/simulate.ts`.
 *
 * Each run is single-threaded: generated requests by day and night on s1-32b, with a fixed number of copies and with the elastic policy.
 * `--requests LIST` sets the numbers of requests, by default up to 10,000,000. Speed is per second of processor time, so that other
 * programs do not change it. The heap is measured after garbage collections, at a tenth and at the end of a run.
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
    let maxResident = process.memoryUsage().rss;
    let heapEarly = 0;
    let heapLate = 0;
    const sampleEvery = Math.max(1, Math.floor(requests / 50));
    let arrivals = 0;
    const traffic = new GeneratedTraffic(settings, defaultMix, 1);
    const cpu = process.cpuUsage();
    const outcome = simulate({
      profile,
      routing: defaultRouting,
      traffic: {
        next: (arrival) => {
          arrivals += 1;
          if (arrivals % sampleEvery === 0) maxResident = Math.max(maxResident, process.memoryUsage().rss);
          if (arrivals === Math.floor(requests / 10)) heapEarly = heapInUse();
          if (arrivals === requests) heapLate = heapInUse();
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
      'max resident, MB': Math.round(maxResident / 1e6),
      lost: outcome.whole.arrived - outcome.whole.completed - outcome.whole.refused,
    });
  }
}
console.table(rows);

function heapInUse(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 1e5) / 10;
}
