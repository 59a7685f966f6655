/**
 * Compares the simulator with a running endpoint: `npx node bench/simulate-live.ts --base-url http://localhost:8787/v1`.
 *
 * Calibrates, sends Poisson traffic with exact budgets, calibrates again, and simulates the same requests on the mean of the two
 * profiles. If the profiles differ by more than 10 %, the speed of the machine changed and the comparison is not valid. Emulated
 * copies (`npm start -- --copies 1..1 --token-ms 12 --elastic never`) keep their speed on a busy machine.
 *
 * `--long-prompts` sends the prompts of the traffic "long" of simulate/traffic, all of them shorter by a factor of 80. The copy must then
 * compute prompts slower by the same factor: `--prompt-speed 200 --prompt-chunk 100`, and the same chunk here.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { firstModel } from '../cli/first-model.ts';
import { calibrate, type TimedRequest, timedRequest } from '../simulate/calibrate.ts';
import type { CopySpeed } from '../simulate/engine/copy.ts';
import { openGate } from '../simulate/engine/gate.ts';
import { Times } from '../simulate/engine/measures.ts';
import type { Outcome } from '../simulate/engine/outcome.ts';
import { simulate } from '../simulate/engine/simulate.ts';
import { type Profile, s1OnP5 } from '../simulate/profile.ts';
import { Random } from '../simulate/random.ts';
import { FixedFleet } from '../simulate/scaling/scaler.ts';
import { defaultRouting } from '../simulate/scenario.ts';
import { trafficKinds } from '../simulate/traffic/kinds.ts';
import { lengthAt } from '../simulate/traffic/quantiles.ts';
import { newArrival } from '../simulate/traffic/traffic.ts';

const { values } = parseArgs({
  options: {
    'base-url': { type: 'string', default: 'http://localhost:8787/v1' },
    'api-key': { type: 'string' },
    requests: { type: 'string', default: '120' },
    /** Load as a share of the speed of `--parallel` concurrent requests. */
    utilization: { type: 'string', default: '0.5' },
    parallel: { type: 'string', default: '4' },
    'long-prompts': { type: 'boolean', default: false },
    'prompt-chunk': { type: 'string', default: '512' },
  },
});
const api = { baseUrl: values['base-url'], apiKey: values['api-key'] };
const parallel = Number(values.parallel);

const model = await firstModel(api);
const before = await measure();

/** Tokens of a word of `timedRequest`, and the factor by which long prompts are shortened. */
const WORD_TOKENS = 4;
const SHORTER = 80;
const SHORT_PROMPT_WORDS = 12;

const longPrompts = trafficKinds.long.kinds[0]?.prompt ?? [];
const random = new Random(1);
const meanTokens = 96;
const sized = Array.from({ length: Number(values.requests) }, () => ({
  tokens: 32 + Math.floor(random.uniform() * 2 * (meanTokens - 32)),
  words: values['long-prompts']
    ? Math.max(1, Math.round(lengthAt(longPrompts, random.uniform()) / SHORTER / WORD_TOKENS))
    : SHORT_PROMPT_WORDS,
}));
const meanWords = sized.reduce((sum, { words }) => sum + words, 0) / sized.length;
const workSeconds =
  (meanTokens * stepOf(before)) / parallel + (meanWords * WORD_TOKENS) / before.speed.prefillTokensPerSecond;
const gapSeconds = workSeconds / Number(values.utilization);
let at = 0;
const plan = sized.map((request, index) => {
  at += random.exponential(gapSeconds);
  return { at, ...request, salt: 50_000 + index };
});

const start = performance.now();
const live: readonly TimedRequest[] = await Promise.all(
  plan.map(async (request) => {
    await sleep(request.at * 1_000 - (performance.now() - start));
    return timedRequest({ ...api, outputTokens: request.tokens }, model, request.words, request.salt);
  }),
);
const firstToken = new Times();
const total = new Times();
for (const { sentAt, firstAt, endAt } of live) {
  firstToken.add((firstAt - sentAt) / 1_000);
  total.add((endAt - sentAt) / 1_000);
}

const after = await measure();
const mean = (value: (speed: CopySpeed) => number) => (value(before.speed) + value(after.speed)) / 2;
const profile = {
  ...before,
  callOverheadSeconds: (before.callOverheadSeconds + after.callOverheadSeconds) / 2,
  speed: {
    ...before.speed,
    stepSeconds: mean((speed) => speed.stepSeconds),
    sequenceSeconds: mean((speed) => speed.sequenceSeconds),
    prefillTokensPerSecond: mean((speed) => speed.prefillTokensPerSecond),
    maxSequences: parallel,
    chunkTokens: Number(values['prompt-chunk']),
    longPromptTokens: Math.ceil(Number(values['prompt-chunk']) / 2),
  },
};

const simulated = simulateOn(profile);

function simulateOn(on: Profile): Outcome {
  let next = 0;
  return simulate({
    profile: on,
    routing: defaultRouting,
    traffic: {
      next: (arrival) => {
        const request = plan[next];
        const measured = live[next];
        if (request === undefined || measured === undefined) return false;
        next += 1;
        Object.assign(arrival, newArrival(), {
          at: request.at,
          promptTokens: measured.promptTokens,
          naturalThinkingTokens: request.tokens,
          maxThinkingTokens: request.tokens,
          answerTokens: Math.max(1, measured.outputTokens - request.tokens),
          maxAnswerTokens: 1_000,
        });
        return true;
      },
    },
    scaler: new FixedFleet(),
    gate: openGate,
    initialCopies: 1,
    measureFrom: 0,
    measureUntil: Number.POSITIVE_INFINITY,
    binSeconds: 60,
  });
}

const ms = (seconds: number) => Math.round(seconds * 1_000);
const msOf = (profiled: Profile) => (stepOf(profiled) * 1_000).toFixed(2);
process.stdout.write(
  `${live.length} requests in ${at.toFixed(1)} s; step ${msOf(before)} ms with ${parallel} concurrent requests before, ${msOf(after)} ms after, ${Math.round(profile.speed.prefillTokensPerSecond)} prompt tokens/s\n`,
);
const drift = Math.abs(stepOf(after) / stepOf(before) - 1);
if (drift > 0.1)
  process.stdout.write(
    `The speed of the machine changed by ${Math.round(drift * 100)} % between the calibrations, so the comparison is not valid.\n`,
  );
const row = (measured: number, value: (outcome: Outcome) => number) => ({
  live: ms(measured),
  simulated: ms(value(simulated)),
});
console.table({
  'first token, mean ms': row(firstToken.percentiles().mean, (outcome) => outcome.firstToken.mean),
  'first token, p50 ms': row(firstToken.percentiles().p50, (outcome) => outcome.firstToken.p50),
  'first token, p95 ms': row(firstToken.percentiles().p95, (outcome) => outcome.firstToken.p95),
  'last token, mean ms': row(total.percentiles().mean, (outcome) => outcome.total.mean),
  'last token, p95 ms': row(total.percentiles().p95, (outcome) => outcome.total.p95),
});

function measure(): Promise<Profile> {
  return calibrate({ ...api, model, base: s1OnP5(), levels: [1, 2, parallel] });
}

/** Step time with all slots taken, in seconds. */
function stepOf({ speed }: Profile): number {
  return speed.stepSeconds + parallel * speed.sequenceSeconds;
}
