/**
 * How fast each metric rises after requests begin to ask for more thinking: `npx node bench/scaling-lead.ts`. Writes
 * docs/images/lead.svg and docs/images/lead-overload.svg.
 *
 * The request rate is constant. Until the change nine of ten requests ask for up to 2,048 thinking tokens and one for up to 16,384;
 * after it the shares are swapped. The number of copies is fixed, so that the metrics do not change their own cause. Lines are means
 * over runs with different seeds.
 */

import { writeFileSync } from 'node:fs';
import { type Demand, measureDemand, noDemand } from '../lambda/policy/demand.ts';
import { utilizationWith } from '../lambda/policy/desired-copies.ts';
import { USUAL_CONTEXT_TOKENS } from '../lib/serving/decode-speed.ts';
import { openGate } from '../simulate/engine/gate.ts';
import { simulate } from '../simulate/engine/simulate.ts';
import { timePlot } from '../simulate/plot.ts';
import { fullStep, s1OnP5 } from '../simulate/profile.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from '../simulate/scaling/scaler.ts';
import { defaultRouting } from '../simulate/scenario.ts';
import { defaultGenerated, GeneratedTraffic } from '../simulate/traffic/generated.ts';
import { defaultMix } from '../simulate/traffic/thinking.ts';
import type { Traffic } from '../simulate/traffic/traffic.ts';

const CHANGE_SECONDS = 3_600;
const END_SECONDS = 7_200;
const SEEDS = 20;

// One speed for all lines: that of a full copy at this context.
const FULL = fullStep(s1OnP5(), USUAL_CONTEXT_TOKENS);
const COPY_TOKENS_PER_SECOND = FULL.requests / FULL.stepSeconds;

// Result of the load test of one copy on the conversation trace, times its safety factor: see docs/scaling.md.
const REQUESTS_PER_COPY = 28;

const metrics = ['requests in flight', 'committed tokens', 'demand over 60 s', 'demand over 600 s'] as const;
type Values = Readonly<Record<(typeof metrics)[number], number>>;

/** Records the metrics every `SAMPLE_SECONDS`. */
class Recorder implements Scaler {
  readonly samples: Values[] = [];
  #fast: Demand = noDemand;
  #smooth: Demand = noDemand;

  observe({ now, load, arrivedCopies, capacity }: Observation): undefined {
    // Work, in output tokens of a full copy.
    const outputTokens = arrivedCopies * capacity.tokensPerSecond * SAMPLE_SECONDS;
    const arrived = { promptTokens: 0, outputTokens, seconds: SAMPLE_SECONDS };
    this.#fast = measureDemand(this.#fast, arrived, load, 60);
    this.#smooth = measureDemand(this.#smooth, arrived, load, 600);
    if (now > END_SECONDS) return;
    this.samples.push({
      'requests in flight': load.requests,
      'committed tokens': load.committedTokens,
      'demand over 60 s': this.#fast.tokensPerSecond,
      'demand over 600 s': this.#smooth.tokensPerSecond,
    });
  }
}

/** Requests whose maxima change at `CHANGE_SECONDS`. */
function changingTraffic(seed: number): Traffic {
  const maxima = (part: number) => [
    { tokens: 16_384, part },
    { tokens: 2_048, part: 1 - part },
  ];
  const settings = { ...defaultGenerated, swing: 0, seconds: END_SECONDS };
  const short = new GeneratedTraffic(settings, { ...defaultMix, maxima: maxima(0.1) }, seed);
  const long = new GeneratedTraffic(settings, { ...defaultMix, maxima: maxima(0.9) }, seed);
  return {
    next(arrival) {
      const more = short.next(arrival);
      const { at } = arrival;
      // Both draw the same random numbers, so their requests arrive at the same times.
      const other = long.next(at >= CHANGE_SECONDS ? arrival : { ...arrival });
      return more && other;
    },
  };
}

/** Means over all seeds. Entry n is at (n + 1) × `SAMPLE_SECONDS`. */
function record(copies: number): readonly Values[] {
  const runs = Array.from({ length: SEEDS }, (_, index) => {
    const scaler = new Recorder();
    simulate({
      profile: s1OnP5(),
      routing: defaultRouting,
      traffic: changingTraffic(2 * index + 1),
      scaler,
      gate: openGate,
      initialCopies: copies,
      measureFrom: 0,
      measureUntil: END_SECONDS,
      binSeconds: 60,
    });
    return scaler.samples;
  });
  const length = Math.min(...runs.map((run) => run.length));
  return Array.from({ length }, (_, at) => {
    const mean = (name: keyof Values) => runs.reduce((sum, run) => sum + (run[at]?.[name] ?? 0), 0) / runs.length;
    return {
      'requests in flight': mean('requests in flight'),
      'committed tokens': mean('committed tokens'),
      'demand over 60 s': mean('demand over 60 s'),
      'demand over 600 s': mean('demand over 600 s'),
    };
  });
}

const CHANGE = CHANGE_SECONDS / SAMPLE_SECONDS - 1;
const LEVEL = 1_200 / SAMPLE_SECONDS;

function levels(samples: readonly Values[], name: keyof Values) {
  const mean = (part: readonly Values[]) => part.reduce((sum, values) => sum + values[name], 0) / part.length;
  return { before: mean(samples.slice(CHANGE - LEVEL, CHANGE)), after: mean(samples.slice(-LEVEL)) };
}

/** Seconds from the change until a metric reaches a level. */
function secondsTo(samples: readonly Values[], name: keyof Values, level: number): number {
  const found = samples.findIndex((values, at) => at > CHANGE && values[name] >= level);
  return (found - CHANGE) * SAMPLE_SECONDS;
}

const ample = record(40);
const scarce = record(12);

console.table(
  metrics.map((name) => {
    const { before, after } = levels(ample, name);
    return {
      metric: name,
      '25 % above, s': secondsTo(ample, name, before * 1.25),
      '50 % of the change, s': secondsTo(ample, name, (before + after) / 2),
      '90 % of the change, s': secondsTo(ample, name, before + 0.9 * (after - before)),
      'grows by': Math.round((after / before) * 100) / 100,
    };
  }),
);

const copiesBy = {
  'requests in flight': ({ 'requests in flight': requests }: Values) => requests / REQUESTS_PER_COPY,
  'demand over 60 s': (values: Values) =>
    values['demand over 60 s'] / (COPY_TOKENS_PER_SECOND * utilizationWith.elasticBudgets),
};
const requestedCopies = (samples: readonly Values[], at: number) =>
  Object.fromEntries(
    Object.entries(copiesBy).map(([name, copies]) => [name, Math.round(copies(samples[at] ?? noValues) * 10) / 10]),
  );
const noValues: Values = {
  'requests in flight': 0,
  'committed tokens': 0,
  'demand over 60 s': 0,
  'demand over 600 s': 0,
};
console.table(
  [10, 30, 60].flatMap((minutes) => {
    const at = CHANGE + (minutes * 60) / SAMPLE_SECONDS;
    return [
      { 'minutes after': minutes, 'actual copies': 40, ...requestedCopies(ample, at) },
      { 'minutes after': minutes, 'actual copies': 12, ...requestedCopies(scarce, at) },
    ];
  }),
);

const around = (samples: readonly Values[], from: number, until: number, value: (values: Values) => number) =>
  samples.flatMap((values, index) => {
    const at = (index + 1) * SAMPLE_SECONDS - CHANGE_SECONDS;
    return at >= from && at <= until ? [[at, value(values)] as const] : [];
  });
const changeLine = (name: keyof Values) => {
  const { before, after } = levels(ample, name);
  return { name, points: around(ample, -120, 600, (values) => (values[name] - before) / (after - before)) };
};
const copiesLine = (name: keyof typeof copiesBy) => ({ name, points: around(scarce, -120, 3_590, copiesBy[name]) });
writeFileSync(
  'docs/images/lead.svg',
  timePlot('Enough copies: change of each metric, 0 before the change of traffic, 1 long after', [
    { title: `minute 0: nine of ten requests ask for eight times the thinking`, lines: metrics.map(changeLine) },
  ]),
);
writeFileSync(
  'docs/images/lead-overload.svg',
  timePlot('Too few copies (12): copies that each metric requests', [
    { title: 'copies', scale: 'log', lines: [copiesLine('requests in flight'), copiesLine('demand over 60 s')] },
  ]),
);
