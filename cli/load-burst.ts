import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type ApiClientOptions, callApi } from './api-client.ts';
import { firstModel } from './first-model.ts';
import { sentEvents } from './server-sent-events.ts';

export interface BurstOptions extends ApiClientOptions {
  readonly model: string | undefined;
  readonly requests: number;
  /** Requests per second, evenly spaced. If 0, all requests start at once. */
  readonly rate: number;
  /** Maximum thinking tokens of each request. */
  readonly maxTokens: number;
  /** Minimum thinking tokens of each request, and the floor of an elastic one. */
  readonly floorTokens: number;
  /** Share of elastic requests, 0 to 1. */
  readonly elastic: number;
}

/** Outcome of one request. Budgets in thinking tokens. */
export interface BurstAnswer {
  readonly status: number;
  readonly elastic: boolean;
  readonly requested: number;
  readonly granted: number;
  readonly used: number;
  readonly endReason: string | undefined;
  /** Seconds since the start of the burst. */
  readonly sentAt: number;
  /** Seconds since the request was sent. */
  readonly firstTokenAfter: number | undefined;
  /** Seconds since the request was sent. */
  readonly doneAfter: number;
  /** Why the request counts as lost: it was neither answered completely nor refused with a Retry-After header. */
  readonly lost: string | undefined;
}

/** State of the endpoint at one time of the burst. */
export interface BurstSample {
  /** Seconds since the start of the burst. */
  readonly at: number;
  readonly inFlight: number;
  readonly copies: number;
  readonly starting: number;
  readonly committedTokens: number;
  readonly pressure: number | null;
  /** Thinking tokens that the running requests requested. */
  readonly requested: number;
  /** Thinking tokens that the running requests were granted. */
  readonly granted: number;
}

const loadSchema = z.object({
  copies: z.object({ running: z.int(), starting: z.int() }),
  committed_tokens: z.number(),
  pressure: z.number().nullable(),
  wanted_thinking_tokens: z.number(),
  granted_thinking_tokens: z.number(),
});

const QUESTIONS = [
  'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?',
  'What is 37 + 58 - 21 + 44?',
  'Start with 24, multiply by 3, subtract 15, add 68. What is the result?',
];

/**
 * Sends a burst of streamed requests, and samples the state of the endpoint every second.
 *
 * @param onSample called with each sample
 * @param stop ends the sending of requests when it aborts; requests in flight run to their end
 * @returns one answer for each request that was sent
 */
export async function runBurst(
  options: BurstOptions,
  onSample: (sample: BurstSample) => void = () => {},
  stop: AbortSignal = new AbortController().signal,
): Promise<{ readonly answers: readonly BurstAnswer[]; readonly samples: readonly BurstSample[] }> {
  const model = options.model ?? (await firstModel(options));
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  const samples: BurstSample[] = [];
  let inFlight = 0;
  const sampleLoad = async () => {
    const load = loadSchema.parse(await callApi(options, 'GET', `/load?model=${encodeURIComponent(model)}`));
    const sample = {
      at: seconds(),
      inFlight,
      copies: load.copies.running,
      starting: load.copies.starting,
      committedTokens: load.committed_tokens,
      pressure: load.pressure,
      requested: load.wanted_thinking_tokens,
      granted: load.granted_thinking_tokens,
    };
    samples.push(sample);
    onSample(sample);
  };
  await sampleLoad();
  const timer = setInterval(() => void sampleLoad().catch(() => undefined), 1_000);
  try {
    const answers = await Promise.all(
      Array.from({ length: options.requests }, async (_, index) => {
        if (options.rate > 0) await sleep((index / options.rate) * 1_000, undefined, { signal: stop }).catch(() => {});
        if (stop.aborted) return [];
        inFlight++;
        try {
          return [await sendOnce(options, model, index, seconds)];
        } finally {
          inFlight--;
        }
      }),
    );
    // The answers are complete, so a failed last sample is no failure of the burst.
    await sampleLoad().catch(() => undefined);
    return { answers: answers.flat(), samples };
  } finally {
    clearInterval(timer);
  }
}

const eventSchema = z.object({
  error: z.object({ message: z.string() }).optional(),
  choices: z.array(z.object({ delta: z.looseObject({}).optional() })).optional(),
  budget_forcing: z.object({ thinking_tokens: z.int(), end_reason: z.string().nullable() }).optional(),
});

async function sendOnce(
  options: BurstOptions,
  model: string,
  index: number,
  seconds: () => number,
): Promise<BurstAnswer> {
  const sentAt = seconds();
  const elastic = Math.floor((index + 1) * options.elastic) > Math.floor(index * options.elastic);
  let answer: Omit<BurstAnswer, 'sentAt' | 'doneAfter' | 'lost' | 'elastic'> = {
    status: 0,
    requested: options.maxTokens,
    granted: 0,
    used: 0,
    endReason: undefined,
    firstTokenAfter: undefined,
  };
  const ended = (lost?: string): BurstAnswer => ({
    ...answer,
    elastic,
    sentAt,
    doneAfter: seconds() - sentAt,
    lost,
  });
  try {
    const response = await fetch(`${options.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
      },
      body: JSON.stringify({
        model,
        stream: true,
        messages: [{ role: 'user', content: QUESTIONS[index % QUESTIONS.length] }],
        thinking: {
          max_tokens: options.maxTokens,
          min_tokens: options.floorTokens,
          elastic: elastic ? { floor_tokens: options.floorTokens } : false,
        },
      }),
    });
    answer = {
      ...answer,
      status: response.status,
      granted: Number(response.headers.get('x-thinking-granted-tokens') ?? options.maxTokens),
    };
    if (!response.ok || response.body === null) {
      await response.text();
      return ended(response.headers.has('retry-after') ? undefined : `status ${response.status} without Retry-After`);
    }
    for await (const data of sentEvents(response.body)) {
      if (data === '[DONE]') return ended();
      const event = eventSchema.parse(JSON.parse(data));
      if (event.error !== undefined) return ended(event.error.message);
      const delta = event.choices?.[0]?.delta ?? {};
      if ('reasoning_content' in delta || delta['content']) {
        answer = { ...answer, firstTokenAfter: answer.firstTokenAfter ?? seconds() - sentAt };
      }
      const { budget_forcing: report } = event;
      if (report !== undefined) {
        answer = { ...answer, used: report.thinking_tokens, endReason: report.end_reason ?? undefined };
      }
    }
    return ended('the stream ended before [DONE]');
  } catch (error) {
    return ended(error instanceof Error ? error.message : 'unknown error');
  }
}
