/**
 * Whether the comparison hangs on an assumption: `npx node bench/scaling-sensitivity.ts`. Both traces with bursts of 1× and 3×, once
 * with other seeds, then with one assumption at a time changed. Prints GPU hours of ours as part of AWS's default target tracking,
 * the first token's 95th percentile of both, and the part of the thinking that was done.
 */

import { parseArgs } from 'node:util';
import type { Outcome } from '../simulate/engine/simulate.ts';
import { openGate } from '../simulate/engine/simulate.ts';
import { PolicyMaker } from '../simulate/policies.ts';
import { type Profile, s1OnP5 } from '../simulate/profile.ts';
import {
  defaultTargetTracking,
  TargetTracking,
  type TargetTrackingSettings,
} from '../simulate/scaling/target-tracking.ts';
import { defaultRouting, runScenario, traceScenario } from '../simulate/scenario.ts';
import { defaultMix, type ThinkingMix } from '../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, traceNames } from '../simulate/traffic/trace.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '5' } } });

/** What is other than in the defaults. */
interface Change {
  readonly seed?: number;
  readonly mix?: Partial<ThinkingMix>;
  readonly profile?: Partial<Profile>;
  /** Of the load test's result. */
  readonly safetyFactor?: number;
  readonly aws?: Partial<TargetTrackingSettings>;
}

const bounds = { minCopies: 1, maxCopies: 64 };
const traces = traceNames.flatMap((name) => [1, 3].map((factor) => ({ trace: builtInTrace(name), factor })));

function outcomes({ trace, factor }: (typeof traces)[number], change: Change) {
  const scenario = traceScenario(trace, { ...noBursts, factor }, 4, {
    mix: { ...defaultMix, ...change.mix },
    profile: { ...s1OnP5(), ...change.profile },
    routing: defaultRouting,
    ...bounds,
    seed: change.seed ?? 1,
  });
  const maker = new PolicyMaker(scenario, 1);
  const target = maker.loadTest.maxConcurrency * (change.safetyFactor ?? 0.5);
  const aws = runScenario(scenario, {
    scaler: new TargetTracking({ ...defaultTargetTracking('concurrency', target, bounds), ...change.aws }),
    gate: openGate,
    initialCopies: maker.meanCopies,
  });
  return { aws, elastic: runScenario(scenario, maker.make({ kind: 'elastic', value: undefined })) };
}

const seconds = ({ firstToken }: Outcome) => firstToken.p95.toFixed(3);
const percent = (part: number) => `${(100 * part).toFixed(0)} %`;

const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
console.table(
  traces.map((scenario) => {
    const runs = seeds.map((seed) => outcomes(scenario, { seed }));
    const of = (value: (run: (typeof runs)[number]) => number, digits: number, scale = 1) => {
      const all = runs.map((run) => value(run) * scale);
      const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
      return `${mean.toFixed(digits)} (${Math.min(...all).toFixed(digits)}–${Math.max(...all).toFixed(digits)})`;
    };
    return {
      [`mean (least–most) of ${seeds.length} seeds`]: `${scenario.trace.name} ${scenario.factor}×`,
      'GPU hours of AWS, %': of(({ aws, elastic }) => elastic.gpuHours / aws.gpuHours, 0, 100),
      'AWS p95, s': of(({ aws }) => aws.firstToken.p95, 3),
      'ours p95, s': of(({ elastic }) => elastic.firstToken.p95, 3),
      'AWS p99, s': of(({ aws }) => aws.firstToken.p99, 2),
      'ours p99, s': of(({ elastic }) => elastic.firstToken.p99, 2),
      'thought, %': of(({ elastic }) => elastic.thinking.done / elastic.thinking.natural, 1, 100),
    };
  }),
);

const speed = s1OnP5().speed;
const changes: Readonly<Record<string, Change>> = {
  'as it is': {},
  'AWS removes half at once': { aws: { mostRemovedPart: 0.5 } },
  'AWS removes a tenth at once': { aws: { mostRemovedPart: 0.1 } },
  'AWS without a delay of metrics': { aws: { delaySeconds: 0 } },
  'AWS safety factor 0.6': { safetyFactor: 0.6 },
  'AWS safety factor 0.7': { safetyFactor: 0.7 },
  'half of the requests elastic': { mix: { elasticPart: 0.5 } },
  'floor half of the maximum': { mix: { floorPart: 0.5 } },
  'thinking half as long': { mix: { medianTokens: 2_048 } },
  'thinking more even (sigma 0.4)': { mix: { sigma: 0.4 } },
  'copies start in 3 minutes': { profile: { instanceSeconds: 90, copySeconds: 90 } },
  'copies start in 20 minutes': { profile: { instanceSeconds: 600, copySeconds: 600 } },
  'one copy an instance': { profile: { copiesPerInstance: 1, gpusPerInstance: 2 } },
  'half the cache': { profile: { speed: { ...speed, cacheTokens: speed.cacheTokens / 2 } } },
};
console.table(
  Object.entries(changes).map(([name, change]) => ({
    change: name,
    ...Object.fromEntries(
      traces.map((scenario) => {
        const { aws, elastic } = outcomes(scenario, change);
        const refused =
          elastic.refused > 0 ? `, ${((100 * elastic.refused) / elastic.requests).toFixed(1)} % refused` : '';
        const cell = `${percent(elastic.gpuHours / aws.gpuHours)}, ${seconds(elastic)} for ${seconds(aws)} s, ${percent(elastic.thinking.done / elastic.thinking.natural)}${refused}`;
        return [`${scenario.trace.name} ${scenario.factor}×`, cell];
      }),
    ),
  })),
);
