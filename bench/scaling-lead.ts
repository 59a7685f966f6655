/**
 * Which metric knows first that more copies are wanted: `npx node bench/scaling-lead.ts`. Writes docs/images/lead.svg.
 *
 * Requests come at the same rate all the time. Until minute 60 nine of ten ask for up to 2,048 tokens of thinking and one for up to
 * 16,384; from then on it is the other way round. The fleet stays as it is: so it is seen what each metric asks for.
 */

import { writeFileSync } from 'node:fs';
import { type Demand, measureDemand, noDemand } from '../lambda/policy/demand.ts';
import { openGate, simulate } from '../simulate/engine/simulate.ts';
import { timePlot } from '../simulate/plot.ts';
import { fullStep, s1OnP5 } from '../simulate/profile.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from '../simulate/scaling/scaler.ts';
import { defaultRouting } from '../simulate/scenario.ts';
import { defaultGenerated, GeneratedTraffic } from '../simulate/traffic/generated.ts';
import { defaultMix } from '../simulate/traffic/thinking.ts';
import type { Traffic } from '../simulate/traffic/traffic.ts';

const CHANGE_SECONDS = 3_600;
const END_SECONDS = 7_200;
const UTILIZATION = 0.85;

// One speed for all lines: what a full copy gives at this context.
const FULL = fullStep(s1OnP5(), 3_000);
const COPY_TOKENS_PER_SECOND = FULL.requests / FULL.stepSeconds;

/** What each metric would have. */
class Watch implements Scaler {
  readonly concurrency: (readonly [number, number])[] = [];
  readonly fast: (readonly [number, number])[] = [];
  readonly smooth: (readonly [number, number])[] = [];
  readonly #requestsPerCopy: number;
  #fast: Demand = noDemand;
  #smooth: Demand = noDemand;

  constructor(requestsPerCopy: number) {
    this.#requestsPerCopy = requestsPerCopy;
  }

  observe({ now, load, askedTokens }: Observation): undefined {
    const arrived = { tokens: askedTokens, seconds: SAMPLE_SECONDS };
    this.#fast = measureDemand(this.#fast, arrived, 60);
    this.#smooth = measureDemand(this.#smooth, arrived, 600);
    const copies = ({ tokensPerSecond }: Demand) => tokensPerSecond / (COPY_TOKENS_PER_SECOND * UTILIZATION);
    if (now < CHANGE_SECONDS - 1_200 || now > END_SECONDS) return;
    this.concurrency.push([now, load.requests / this.#requestsPerCopy]);
    this.fast.push([now, copies(this.#fast)]);
    this.smooth.push([now, copies(this.#smooth)]);
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

function watch(copies: number, requestsPerCopy: number): Watch {
  const scaler = new Watch(requestsPerCopy);
  simulate({
    profile: s1OnP5(),
    routing: defaultRouting,
    traffic: changing(1),
    scaler,
    gate: openGate,
    initialCopies: copies,
    measureFrom: 0,
    measureUntil: END_SECONDS,
    binSeconds: 60,
  });
  return scaler;
}

/** Seconds after the change until a line is at 90 % of the way to what is asked for in the last 20 minutes. */
function knownAfter(points: readonly (readonly [number, number])[], known = points): number {
  const mean = (from: number, until: number) => {
    const part = known.filter(([at]) => at >= from && at < until).map(([, value]) => value);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  };
  const before = mean(CHANGE_SECONDS - 1_200, CHANGE_SECONDS);
  const level = before + 0.9 * (mean(END_SECONDS - 1_200, END_SECONDS) - before);
  const there = points.find(([at, value]) => at > CHANGE_SECONDS && value >= level);
  return (there?.[0] ?? Number.POSITIVE_INFINITY) - CHANGE_SECONDS;
}

// What AWS's load test finds for one copy in the conversation trace, times its safety factor: see docs/scaling.md.
const REQUESTS_PER_COPY = 28;
const roomy = watch(40, REQUESTS_PER_COPY);
const tight = watch(12, REQUESTS_PER_COPY);
const rows = Object.entries({ '40 copies, room for both': roomy, '12 copies, too few after': tight }).map(
  ([fleet, { concurrency, fast, smooth }]) => ({
    fleet,
    'requests in flight, s': knownAfter(concurrency),
    'demand over 60 s, s': knownAfter(fast),
    'demand over 600 s, s': knownAfter(smooth),
    'copies asked for at the end: in flight': Math.round(concurrency.at(-1)?.[1] ?? 0),
    'by demand': Math.round(fast.at(-1)?.[1] ?? 0),
  }),
);
console.table(rows);
const lines = ({ concurrency, fast, smooth }: Watch) => [
  { name: 'requests in flight', points: concurrency },
  { name: 'demand over 60 s', points: fast },
  { name: 'demand over 600 s', points: smooth },
];
writeFileSync(
  'docs/images/lead.svg',
  timePlot('From minute 60 on nine of ten requests ask for eight times the thinking', [
    { title: 'copies asked for, with 40 copies there', lines: lines(roomy) },
    { title: 'copies asked for, with 12 copies there (too few after minute 60)', lines: lines(tight) },
  ]),
);
