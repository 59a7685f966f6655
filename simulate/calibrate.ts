import * as z from 'zod';
import { firstModel } from '../cli/first-model.ts';
import { sentEvents } from '../cli/server-sent-events.ts';
import type { Profile } from './profile.ts';

export interface Calibration {
  /** Base URL of an OpenAI-compatible API, including `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** @default - the first model of the API */
  readonly model: string | undefined;
  /** Source of the values that cannot be measured through the API: cache, instance, start, price. */
  readonly base: Profile;
  /**
   * Numbers of concurrent requests to measure, one level after the other.
   *
   * @default [1, 2, 4, 8]
   */
  readonly levels?: readonly number[];
  /**
   * Output tokens per request.
   *
   * @default 96
   */
  readonly outputTokens?: number;
}

/** Measurement of one streamed request. Times are milliseconds of a monotonic clock. */
export interface TimedRequest {
  readonly sentAt: number;
  readonly firstAt: number;
  readonly endAt: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Lengths, in words, of the two prompts that measure the prefill speed. */
const SHORT_WORDS = 12;
const LONG_WORDS = 160;
const PROMPT_REPEATS = 5;

/** Repetitions of each level, because the speed of a machine varies over time. */
const LEVEL_REPEATS = 4;

/**
 * Measures a running API: the duration of a decode step by the number of concurrent requests, the prefill speed, and the overhead
 * of a call. Budgetforce's API generates an exact output length; for other APIs it is a maximum.
 *
 * @throws {Error} if the API cannot be reached, returns an error, or streams no usage
 */
export async function calibrate(calibration: Calibration): Promise<Profile> {
  const { baseUrl, base, levels = [1, 2, 4, 8] } = calibration;
  const api = { ...calibration, baseUrl: baseUrl.replace(/\/+$/, '') };
  const model = calibration.model ?? (await firstModel(api));
  const ask = (words: number, salt: number) => timedRequest(api, model, words, salt);
  await ask(SHORT_WORDS, 0);

  const short: TimedRequest[] = [];
  const long: TimedRequest[] = [];
  for (let repeat = 0; repeat < PROMPT_REPEATS; repeat++) {
    short.push(await ask(SHORT_WORDS, 2 * repeat + 1));
    long.push(await ask(LONG_WORDS, 2 * repeat + 2));
  }
  const samples: StepSample[] = [];
  for (let repeat = 0; repeat < LEVEL_REPEATS; repeat++) {
    for (const level of levels) {
      const salt = 1_000 * (1 + repeat * levels.length + level);
      const requests = await Promise.all(Array.from({ length: level }, (_, index) => ask(SHORT_WORDS, salt + index)));
      samples.push(...stepSamples(requests));
    }
  }
  return fitProfile({ base, name: `${model} at ${api.baseUrl}`, short, long, samples, maxLevel: Math.max(...levels) });
}

/** Mean step of a request, with the mean number of concurrent requests. */
interface StepSample {
  readonly requests: number;
  readonly seconds: number;
}

/** Computes the mean step of each request, and how many requests generated tokens during it on average. */
export function stepSamples(requests: readonly TimedRequest[]): readonly StepSample[] {
  return requests
    .filter(({ outputTokens, endAt, firstAt }) => outputTokens > 1 && endAt > firstAt)
    .map((request) => {
      const own = request.endAt - request.firstAt;
      const together = requests.reduce(
        (sum, other) =>
          sum + Math.max(0, Math.min(other.endAt, request.endAt) - Math.max(other.firstAt, request.firstAt)),
        0,
      );
      return { requests: together / own, seconds: own / 1_000 / (request.outputTokens - 1) };
    });
}

/** Fits a profile to the measurements. */
export function fitProfile({
  base,
  name,
  short,
  long,
  samples,
  maxLevel,
}: {
  readonly base: Profile;
  readonly name: string;
  readonly short: readonly TimedRequest[];
  readonly long: readonly TimedRequest[];
  readonly samples: readonly StepSample[];
  readonly maxLevel: number;
}): Profile {
  const { intercept, slope } = line(samples.map(({ requests, seconds }) => [requests, seconds]));
  const sequenceSeconds = Math.max(0, slope);
  const stepSeconds = Math.max(1e-6, slope > 0 ? intercept : mean(samples.map(({ seconds }) => seconds)));
  const firstSeconds = ({ firstAt, sentAt }: TimedRequest) => (firstAt - sentAt) / 1_000;
  const tokens =
    median(long.map(({ promptTokens }) => promptTokens)) - median(short.map(({ promptTokens }) => promptTokens));
  const seconds = median(long.map(firstSeconds)) - median(short.map(firstSeconds));
  // If the difference is below the noise, the prefill speed is the highest that can be measured.
  const prefillTokensPerSecond = tokens / Math.max(seconds, 1e-4);
  const shortSeconds = median(short.map(firstSeconds));
  const shortPrompt = median(short.map(({ promptTokens }) => promptTokens)) / prefillTokensPerSecond;
  const maxConcurrent = Math.max(...samples.map(({ requests }) => requests));
  return {
    ...base,
    name,
    source: `measured by budgetforce simulate --calibrate, with up to ${maxLevel} concurrent requests; cache, instance, start and price are those of "${base.name}"`,
    speed: {
      ...base.speed,
      stepSeconds,
      sequenceSeconds,
      // Included in `sequenceSeconds`, for contexts similar to the measured ones.
      cachedTokenSeconds: 0,
      prefillTokensPerSecond,
      maxSequences:
        maxConcurrent < maxLevel * QUEUED ? Math.max(1, Math.round(maxConcurrent)) : base.speed.maxSequences,
    },
    callOverheadSeconds: Math.max(0, shortSeconds - shortPrompt - stepSeconds - sequenceSeconds),
  };
}

/** If fewer than this fraction of the requests ran concurrently, the others were queued. */
const QUEUED = 0.7;

interface Api {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly outputTokens?: number;
}

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.looseObject({}).optional() })).default([]),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  /** A failure after the first byte is sent as an event. */
  error: z.object({ message: z.string() }).nullish(),
});

/** Streams one request with a prompt of this many words, and measures its times. */
export async function timedRequest(api: Api, model: string, words: number, salt: number): Promise<TimedRequest> {
  const { outputTokens = 96 } = api;
  const sentAt = performance.now();
  const response = await post(api, '/chat/completions', {
    model,
    // Different words each time, so that no prefix cache has them.
    messages: [{ role: 'user', content: wordsOf(words, salt) }],
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: outputTokens + 32,
    // Without waits, early ends are masked, so the thinking is a single call.
    thinking: { min_tokens: outputTokens, max_tokens: outputTokens, waits: 0 },
  });
  let firstAt = 0;
  let endAt = 0;
  let usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | undefined;
  if (response.body === null) throw new Error(`${api.baseUrl} returned no body for a streamed request.`);
  for await (const data of sentEvents(response.body)) {
    if (data === '[DONE]') break;
    const chunk = chunkSchema.parse(JSON.parse(data));
    if (chunk.error) throw new Error(`${api.baseUrl} ended the stream with an error: ${chunk.error.message}`);
    const delta = chunk.choices[0]?.delta;
    if (delta !== undefined && ['reasoning_content', 'reasoning', 'content'].some((field) => delta[field])) {
      endAt = performance.now();
      if (firstAt === 0) firstAt = endAt;
    }
    usage = chunk.usage ?? usage;
  }
  if (usage === undefined || firstAt === 0)
    throw new Error(`${api.baseUrl} streamed no text or no usage, which the measurement requires.`);
  return { sentAt, firstAt, endAt, promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens };
}

async function post({ baseUrl, apiKey }: Api, path: string, body: unknown): Promise<Response> {
  const response = await fetch(`${baseUrl}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify(body),
  }).catch((cause: unknown) => {
    throw new Error(`${baseUrl} cannot be reached. Check that the API is running and that the URL ends in /v1.`, {
      cause,
    });
  });
  if (!response.ok)
    throw new Error(`${baseUrl}${path} returned status ${response.status}: ${(await response.text()).slice(0, 300)}`);
  return response;
}

/** A prompt of numbers that differs from the first word on for each salt. */
function wordsOf(count: number, salt: number): string {
  return Array.from({ length: count }, (_, index) => String((salt * 7_919 + index * 104_729) % 997)).join(' ');
}

/** Least-squares regression line. */
function line(points: readonly (readonly [number, number])[]): { readonly intercept: number; readonly slope: number } {
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = spread > 1e-9 ? points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread : 0;
  return { slope, intercept: meanY - slope * meanX };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
