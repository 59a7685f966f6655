/**
 * What each metric says, and when, after requests begin to ask for more thinking: `npx node bench/scaling-lead.ts`. Writes
 * docs/images/lead.svg.
 *
 * Requests come at the same rate all the time. Until the change nine of ten ask for up to 2,048 tokens of thinking and one for up
 * to 16,384; from then on it is the other way round. The fleet stays as it is: so it is seen what each metric asks for. Lines are
 * means of runs with other seeds.
 */

import { writeFileSync } from 'node:fs';
import { type Demand, measureDemand, noDemand } from '../lambda/policy/demand.ts';
import { utilizationWith } from '../lambda/policy/desired-copies.ts';
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

// One speed for all lines: what a full copy gives at this context.
const FULL = fullStep(s1OnP5(), 3_000);
const COPY_TOKENS_PER_SECOND = FULL.requests / FULL.stepSeconds;

// What the load test finds for one copy in the conversation trace, times its safety factor: see docs/scaling.md.
const REQUESTS_PER_COPY = 28;

const metrics = ['requests in flight', 'committed tokens', 'demand over 60 s', 'demand over 600 s'] as const;
type Values = Readonly<Record<(typeof metrics)[number], number>>;

/** Writes down what each metric is, every `SAMPLE_SECONDS`. */
class Watch implements Scaler {
  readonly seen: Values[] = [];
  #fast: Demand = noDemand;
  #smooth: Demand = noDemand;

  observe({ now, load, askedTokens }: Observation): undefined {
    const arrived = { tokens: askedTokens, seconds: SAMPLE_SECONDS };
    this.#fast = measureDemand(this.#fast, arrived, 60);
    this.#smooth = measureDemand(this.#smooth, arrived, 600);
    if (now > END_SECONDS) return;
    this.seen.push({
      'requests in flight': load.requests,
      'committed tokens': load.committedTokens,
      'demand over 60 s': this.#fast.tokensPerSecond,
      'demand over 600 s': this.#smooth.tokensPerSecond,
    });
  }
}

/** The same requests with other maxima from a time on. */
function changing(seed: number): Traffic {
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
      // Both draw the same numbers, so both come at the same times.
      const other = long.next(at >= CHANGE_SECONDS ? arrival : { ...arrival });
      return more && other;
    },
  };
}

/** Means over all seeds. Entry n is of second (n + 1) × `SAMPLE_SECONDS`. */
function watch(copies: number): readonly Values[] {
  const runs = Array.from({ length: SEEDS }, (_, index) => {
    const scaler = new Watch();
    simulate({
      profile: s1OnP5(),
      routing: defaultRouting,
      traffic: changing(2 * index + 1),
      scaler,
      gate: openGate,
      initialCopies: copies,
      measureFrom: 0,
      measureUntil: END_SECONDS,
      binSeconds: 60,
    });
    return scaler.seen;
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

function levels(seen: readonly Values[], name: keyof Values) {
  const mean = (part: readonly Values[]) => part.reduce((sum, values) => sum + values[name], 0) / part.length;
  return { before: mean(seen.slice(CHANGE - LEVEL, CHANGE)), after: mean(seen.slice(-LEVEL)) };
}

/** Seconds after the change until a metric is above so much. */
function above(seen: readonly Values[], name: keyof Values, level: number): number {
  const found = seen.findIndex((values, at) => at > CHANGE && values[name] >= level);
  return (found - CHANGE) * SAMPLE_SECONDS;
}

const roomy = watch(40);
const tight = watch(12);

console.table(
  metrics.map((name) => {
    const { before, after } = levels(roomy, name);
    return {
      metric: name,
      'a quarter above, s': above(roomy, name, before * 1.25),
      'half way, s': above(roomy, name, (before + after) / 2),
      '90 % of the way, s': above(roomy, name, before + 0.9 * (after - before)),
      'grows by': Math.round((after / before) * 100) / 100,
    };
  }),
);

const copiesBy = {
  'requests in flight': ({ 'requests in flight': requests }: Values) => requests / REQUESTS_PER_COPY,
  'demand over 60 s': (values: Values) =>
    values['demand over 60 s'] / (COPY_TOKENS_PER_SECOND * utilizationWith.elasticBudgets),
};
const asked = (seen: readonly Values[], at: number) =>
  Object.fromEntries(
    Object.entries(copiesBy).map(([name, copies]) => [name, Math.round(copies(seen[at] ?? blank) * 10) / 10]),
  );
const blank: Values = {
  'requests in flight': 0,
  'committed tokens': 0,
  'demand over 60 s': 0,
  'demand over 600 s': 0,
};
console.table(
  [10, 30, 60].flatMap((minutes) => {
    const at = CHANGE + (minutes * 60) / SAMPLE_SECONDS;
    return [
      { 'minutes after': minutes, 'copies there': 40, ...asked(roomy, at) },
      { 'minutes after': minutes, 'copies there': 12, ...asked(tight, at) },
    ];
  }),
);

const around = (seen: readonly Values[], from: number, until: number, value: (values: Values) => number) =>
  seen.flatMap((values, index) => {
    const at = (index + 1) * SAMPLE_SECONDS - CHANGE_SECONDS;
    return at >= from && at <= until ? [[at, value(values)] as const] : [];
  });
const wayOf = (name: keyof Values) => {
  const { before, after } = levels(roomy, name);
  return { name, points: around(roomy, -120, 600, (values) => (values[name] - before) / (after - before)) };
};
const copiesOf = (name: keyof typeof copiesBy) => ({ name, points: around(tight, -120, 3_590, copiesBy[name]) });
writeFileSync(
  'docs/images/lead.svg',
  timePlot('Enough copies: how far each metric is on its way, 0 before the change, 1 long after', [
    { title: `minute 0: nine of ten requests ask for eight times the thinking`, lines: metrics.map(wayOf) },
  ]),
);
writeFileSync(
  'docs/images/lead-overload.svg',
  timePlot('Too few copies (12): how many each metric asks for', [
    { title: 'copies', scale: 'log', lines: [copiesOf('requests in flight'), copiesOf('demand over 60 s')] },
  ]),
);
