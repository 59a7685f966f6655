import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type ApiClientOptions, callApi } from './api-client.ts';
import { sentEvents } from './server-sent-events.ts';

export interface BurstOptions extends ApiClientOptions {
  readonly model: string | undefined;
  readonly requests: number;
  /** Requests a second, evenly spread. 0: all at once. */
  readonly rate: number;
  /** Thinking tokens that each asks for at most. */
  readonly maxTokens: number;
  readonly floorTokens: number;
  /** Part of the requests that let their budget shrink. 0 to 1. */
  readonly elastic: number;
}

/** What became of one request. */
export interface BurstAnswer {
  readonly status: number;
  readonly elastic: boolean;
  readonly wanted: number;
  readonly granted: number;
  readonly used: number;
  readonly endReason: string | undefined;
  readonly sentAt: number;
  /** Seconds from sending. */
  readonly firstTokenAfter: number | undefined;
  readonly doneAfter: number;
  /** Why it counts as lost: neither answered to its end nor refused with a Retry-After. */
  readonly lost: string | undefined;
}

/** One look at the endpoint while the burst runs. */
export interface BurstSample {
  /** Seconds from the beginning. */
  readonly at: number;
  readonly inFlight: number;
  readonly copies: number;
  readonly starting: number;
  readonly committedTokens: number;
  readonly pressure: number | null;
  /** Of the requests that are under way. */
  readonly wanted: number;
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
 * Sends a burst of streamed requests, and looks at the endpoint every second meanwhile.
 *
 * @param onSample told of each look
 * @param stop aborts when no more requests are to be sent; those under way are waited for
 * @returns an answer for each request that was sent
 */
export async function runBurst(
  options: BurstOptions,
  onSample: (sample: BurstSample) => void = () => {},
  stop: AbortSignal = new AbortController().signal,
): Promise<{ readonly answers: readonly BurstAnswer[]; readonly samples: readonly BurstSample[] }> {
  const models = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });
  const model = options.model ?? models.parse(await callApi(options, 'GET', '/models')).data[0]?.id ?? '';
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  const samples: BurstSample[] = [];
  let inFlight = 0;
  const look = async () => {
    const load = loadSchema.parse(await callApi(options, 'GET', `/load?model=${encodeURIComponent(model)}`));
    const sample = {
      at: seconds(),
      inFlight,
      copies: load.copies.running,
      starting: load.copies.starting,
      committedTokens: load.committed_tokens,
      pressure: load.pressure,
      wanted: load.wanted_thinking_tokens,
      granted: load.granted_thinking_tokens,
    };
    samples.push(sample);
    onSample(sample);
  };
  await look();
  const timer = setInterval(() => void look().catch(() => undefined), 1_000);
  try {
    const answers = await Promise.all(
      Array.from({ length: options.requests }, async (_, index) => {
        if (options.rate > 0) await sleep((index / options.rate) * 1_000, undefined, { signal: stop }).catch(() => {});
        if (stop.aborted) return [];
        inFlight++;
        try {
          return [await askOnce(options, model, index, seconds)];
        } finally {
          inFlight--;
        }
      }),
    );
    // What became of the requests is known, whether or not anybody answers now.
    await look().catch(() => undefined);
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

async function askOnce(
  options: BurstOptions,
  model: string,
  index: number,
  seconds: () => number,
): Promise<BurstAnswer> {
  const sentAt = seconds();
  const elastic = Math.floor((index + 1) * options.elastic) > Math.floor(index * options.elastic);
  let answer: Omit<BurstAnswer, 'sentAt' | 'doneAfter' | 'lost' | 'elastic'> = {
    status: 0,
    wanted: options.maxTokens,
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
    return ended('the stream ended without its end');
  } catch (error) {
    return ended(error instanceof Error ? error.message : 'unknown');
  }
}
