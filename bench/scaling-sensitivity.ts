/**
 * Whether the comparison depends on an assumption: `npx node bench/scaling-sensitivity.ts`. Runs both traces with bursts of 1× and 3×,
 * first with several seeds, then with one changed assumption at a time. Prints our GPU hours as a share of AWS's default target
 * tracking, the 95th percentile of the time to first token of both, and the share of the thinking that was done.
 */

import { parseArgs } from 'node:util';
import { defaultAdmission } from '../lambda/policy/admission.ts';
import { defaultScaling, type ScalingSettings } from '../lambda/policy/desired-copies.ts';
import { defaultElastic, type ElasticSettings } from '../lambda/policy/elastic-grant.ts';
import { openGate } from '../simulate/engine/gate.ts';
import type { Outcome } from '../simulate/engine/outcome.ts';
import { PolicyMaker } from '../simulate/policies.ts';
import { type Profile, s1OnP5 } from '../simulate/profile.ts';
import { CommittedScaling } from '../simulate/scaling/committed-scaling.ts';
import {
  defaultTargetTracking,
  TargetTracking,
  type TargetTrackingSettings,
} from '../simulate/scaling/target-tracking.ts';
import { defaultRouting, runScenario, type Scenario, traceScenario } from '../simulate/scenario.ts';
import { defaultGenerated } from '../simulate/traffic/generated.ts';
import { defaultMix, type ThinkingMix } from '../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, traceNames } from '../simulate/traffic/trace.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '5' }, only: { type: 'string' } } });

/** Changes to the defaults. */
interface Change {
  readonly seed?: number;
  readonly mix?: Partial<ThinkingMix>;
  readonly profile?: Partial<Profile>;
  /** Applied to the result of the load test. */
  readonly safetyFactor?: number;
  readonly aws?: Partial<TargetTrackingSettings>;
}

/** 95 % of the first tokens within a second. */
const objective = { seconds: 1, secondsPerPromptToken: 0 };
const bounds = { minCopies: 1, maxCopies: 64 };
const traces = traceNames.flatMap((name) => [1, 3].map((factor) => ({ trace: builtInTrace(name), factor })));

function outcomes({ trace, factor }: (typeof traces)[number], change: Change) {
  const scenario = traceScenario(trace, { ...noBursts, factor }, 4, {
    mix: { ...defaultMix, ...change.mix },
    profile: { ...s1OnP5(), ...change.profile },
    routing: defaultRouting,
    objective,
    ...bounds,
    seed: change.seed ?? 1,
  });
  const maker = new PolicyMaker(scenario);
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
const seedsTable = () =>
  console.table(
    traces.map((scenario) => {
      const runs = seeds.map((seed) => outcomes(scenario, { seed }));
      const of = (value: (run: (typeof runs)[number]) => number, digits: number, scale = 1) => {
        const all = runs.map((run) => value(run) * scale);
        const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
        return `${mean.toFixed(digits)} (${Math.min(...all).toFixed(digits)}–${Math.max(...all).toFixed(digits)})`;
      };
      return {
        [`mean (min–max) of ${seeds.length} seeds`]: `${scenario.trace.name} ${scenario.factor}×`,
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
  defaults: {},
  'AWS removes half at once': { aws: { maxRemovedPart: 0.5 } },
  'AWS removes a tenth at once': { aws: { maxRemovedPart: 0.1 } },
  'AWS without a delay of metrics': { aws: { delaySeconds: 0 } },
  'AWS safety factor 0.6': { safetyFactor: 0.6 },
  'AWS safety factor 0.7': { safetyFactor: 0.7 },
  'half of the requests elastic': { mix: { elasticPart: 0.5 } },
  'floor half of the maximum': { mix: { floorPart: 0.5 } },
  'thinking half as long': { mix: { medianTokens: 2_048 } },
  'thinking less varied (sigma 0.4)': { mix: { sigma: 0.4 } },
  'copies start in 3 minutes': { profile: { instanceSeconds: 90, copySeconds: 90 } },
  'copies start in 20 minutes': { profile: { instanceSeconds: 600, copySeconds: 600 } },
  'one copy per instance': { profile: { copiesPerInstance: 1, gpusPerInstance: 2 } },
  'half the cache': { profile: { speed: { ...speed, cacheTokens: speed.cacheTokens / 2 } } },
};
const changesTable = () =>
  console.table(
    Object.entries(changes).map(([name, change]) => ({
      change: name,
      ...Object.fromEntries(
        traces.map((scenario) => {
          const { aws, elastic } = outcomes(scenario, change);
          const refused =
            elastic.refused > 0 ? `, ${((100 * elastic.refused) / elastic.requests).toFixed(1)} % refused` : '';
          const cell = `${percent(elastic.gpuHours / aws.gpuHours)}, ${seconds(elastic)} against ${seconds(aws)} s, ${percent(elastic.thinking.done / elastic.thinking.natural)}${refused}`;
          return [`${scenario.trace.name} ${scenario.factor}×`, cell];
        }),
      ),
    })),
  );

/** Our policy with changed settings. */
const policies: Readonly<
  Record<string, { readonly scaling?: Partial<ScalingSettings>; readonly elastic?: ElasticSettings | 'none' }>
> = {
  defaults: {},
  'copies requested at pressure 1.7': { scaling: { maxPressure: 1.7 } },
  'copies requested at pressure 0.9': { scaling: { maxPressure: 0.9 } },
  'scale in after half an hour': { scaling: { scaleInAfterSeconds: 1_800 } },
  'both: 1.7 and half an hour': { scaling: { maxPressure: 1.7, scaleInAfterSeconds: 1_800 } },
  'target utilization 75 %': { scaling: { targetUtilization: 0.75 } },
  'target utilization 95 %': { scaling: { targetUtilization: 0.95 } },
  'demand smoothed over 120 s': { scaling: { smoothingSeconds: 120 } },
  'budgets shrink earlier': {
    elastic: { shrinkFrom: 0.5, shrinkTo: 1.1, cut: { shrinkFrom: 0.7, shrinkTo: 1.2 } },
  },
  'budgets shrink later': {
    elastic: { shrinkFrom: 1, shrinkTo: 1.6, cut: { shrinkFrom: 1.2, shrinkTo: 1.7 } },
  },
  'running thoughts are not cut': { elastic: { shrinkFrom: 0.7, shrinkTo: 1.3 } },
  'budgets do not shrink': { elastic: 'none' },
};

function policyTable(): void {
  const rest = {
    mix: defaultMix,
    profile: s1OnP5(),
    routing: defaultRouting,
    objective,
    ...bounds,
    seed: 1,
  };
  const day: Scenario = {
    ...rest,
    name: 'a day, random 3×',
    source: { kind: 'generated', settings: { ...defaultGenerated, requestsPerSecond: 3, burstFactor: 3 } },
    warmUpSeconds: 3_600,
  };
  const scenarios = [...traces.map(({ trace, factor }) => traceScenario(trace, { ...noBursts, factor }, 4, rest)), day];
  const worlds = scenarios.map((scenario) => {
    const maker = new PolicyMaker(scenario);
    const aws = runScenario(scenario, maker.make({ kind: 'aws-concurrency', value: undefined }));
    return { scenario, aws, ours: maker.make({ kind: 'elastic', value: undefined }) };
  });
  console.table(
    Object.entries(policies).map(([name, { scaling, elastic }]) => ({
      'GPU hours, first token p95 and p99, thought': name,
      ...Object.fromEntries(
        worlds.map(({ scenario, aws, ours }) => {
          const outcome = runScenario(scenario, {
            scaler: new CommittedScaling({
              ...defaultScaling,
              ...bounds,
              copiesPerInstance: scenario.profile.copiesPerInstance,
              ...scaling,
            }),
            gate:
              elastic === 'none'
                ? { admission: defaultAdmission }
                : { admission: defaultAdmission, elastic: elastic ?? defaultElastic },
            initialCopies: ours.initialCopies,
          });
          const { firstToken, thinking, gpuHours } = outcome;
          const refused = outcome.refused > 0 ? `, ${percent(outcome.refused / outcome.requests)} refused` : '';
          const cell = `${percent(gpuHours / aws.gpuHours)}, ${firstToken.p95.toFixed(3)}, ${firstToken.p99.toFixed(1)} s, ${percent(thinking.done / thinking.natural)}${refused}`;
          return [scenario.name, cell];
        }),
      ),
    })),
  );
}

if (values.only !== 'policy') {
  seedsTable();
  changesTable();
}
policyTable();
