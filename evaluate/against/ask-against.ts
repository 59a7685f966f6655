import * as z from 'zod';
import { sentEvents } from '../../cli/server-sent-events.ts';
import type { Answer } from '../ask.ts';
import { type Failure, post, withRetries } from '../retry.ts';
import { type ChargedTokens, type Dialect, type DialectName, dialects, type Gathered, nothing } from './dialects.ts';

/** Another API, which is asked the same questions without a budget. */
export interface Against {
  /** Its base URL, for example `https://…/v1`. */
  readonly url: string;
  readonly model: string;
  readonly dialect: DialectName;
  readonly apiKey: string | undefined;
  /** Fields that are added to each request, such as an effort. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** How messages name the API and the options of its key and dialect. @default - those of --against */
  readonly words?: { readonly api: string; readonly key: string; readonly dialect: string } | undefined;
}

const againstWords = { api: '--against', key: '--against-key-env', dialect: '--against-dialect' } as const;

/** Name under which the answers of the other API are filed. */
export function conditionOfAgainst(model: string): string {
  return `against-${model}`;
}

/**
 * Asks the other API one question. Its sampling is its own, and it gets no seed.
 *
 * @throws {Error} if it refuses, or still fails or sends no usable answer after five attempts
 */
export async function askAgainst(against: Against, prompt: string, signal: AbortSignal): Promise<Answer> {
  const startedAt = new Date().toISOString();
  const start = performance.now();
  const { gathered, firstTextMs } = await withRetries(() => tryOnce(against, prompt), signal);
  const { thought, answer, note } = gathered;
  const usage = completeUsage(gathered.usage);
  return {
    model: against.model,
    prompt,
    thought,
    answer,
    sentSeed: null,
    tries: 1,
    rejected: false,
    thinkingTokens: usage?.thinking ?? 0,
    answerTokens: usage === undefined ? 0 : Math.max(0, usage.output - (usage.thinking ?? 0)),
    forcedTokens: 0,
    spentTokens: usage?.output ?? 0,
    promptTokens: usage?.input ?? 0,
    waits: 0,
    endReason: null,
    limits: null,
    report: null,
    usage:
      usage === undefined
        ? null
        : { prompt_tokens: usage.input, completion_tokens: usage.output, reasoning_tokens: usage.thinking ?? null },
    note: note ?? (answer === '' ? 'The answer is empty.' : null),
    startedAt,
    firstTextMs,
    ms: Math.round(performance.now() - start),
  };
}

/** The tokens, if both counts came. */
function completeUsage(usage: ChargedTokens | undefined) {
  const { input, output, thinking } = usage ?? {};
  return input === undefined || output === undefined ? undefined : { input, output, thinking };
}

interface Received {
  readonly gathered: Gathered;
  readonly firstTextMs: number | null;
}

async function tryOnce(against: Against, prompt: string): Promise<Received | Failure> {
  const dialect: Dialect = dialects[against.dialect];
  const { words = againstWords } = against;
  const start = performance.now();
  const response = await post(
    `${against.url}${dialect.path}`,
    dialect.headers(against.apiKey),
    // Streamed, so that no idle timeout cuts a long thought.
    { ...dialect.body(against.model, prompt), ...against.extra, stream: true },
    `The API of ${words.api} (${against.model})`,
  );
  if (!(response instanceof Response)) return explain(response, against);
  const bad = (what: string): Failure => ({
    failure: `The API of ${words.api} sent ${what}. Is ${against.url} an API of the ${against.dialect} dialect (${words.dialect})?`,
    retryable: true,
    backoffSeconds: 0.2,
  });
  try {
    // A server that ignores "stream" answers with one JSON object.
    if (response.headers.get('content-type')?.includes('json')) {
      const whole = dialect.whole(await response.json());
      return whole === undefined
        ? bad('a body that is no answer')
        : { gathered: whole, firstTextMs: Math.round(performance.now() - start) };
    }
    return await readStream(response, dialect, start, bad, words.api);
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof z.ZodError) return bad('a body that is no answer');
    return { failure: `The connection broke: ${cause instanceof Error ? cause.message : cause}`, retryable: true };
  }
}

async function readStream(
  response: Response,
  dialect: Dialect,
  start: number,
  bad: (what: string) => Failure,
  api: string,
): Promise<Received | Failure> {
  if (response.body === null) return bad('an empty body');
  let gathered = nothing;
  let firstTextMs: number | null = null;
  let events = 0;
  for await (const data of sentEvents(response.body)) {
    if (data === '[DONE]') continue;
    const next = dialect.add(gathered, JSON.parse(data));
    if (typeof next === 'string')
      return { failure: `The API of ${api} failed while answering: ${next}`, retryable: true };
    gathered = next;
    events++;
    if (firstTextMs === null && gathered.answer + gathered.thought !== '')
      firstTextMs = Math.round(performance.now() - start);
  }
  if (events === 0 || !gathered.started) return bad('a stream that is no answer');
  return gathered.ended
    ? { gathered, firstTextMs }
    : { failure: 'The stream ended before the answer did.', retryable: true };
}

function explain(
  failure: Failure & { readonly status?: number },
  { dialect, model, words = againstWords }: Against,
): Failure {
  switch (failure.status) {
    case 401:
    case 403:
      return { ...failure, failure: `${failure.failure} Put its key into the variable that ${words.key} names.` };
    case 404:
    case 405:
      return {
        ...failure,
        failure: `${failure.failure} Is the model ${JSON.stringify(model)} right, does the URL end in /v1, and is the dialect ${dialect} (${words.dialect})?`,
      };
    default:
      return failure;
  }
}
