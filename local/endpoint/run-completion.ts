import {
  type Engine,
  type EngineEvent,
  type EngineLogprobs,
  type TextStructure,
  UnknownStructureError,
} from '../engine/engine.ts';
import { BadRequestError, type CompletionBody } from './completion-body.ts';
import type { CopySeat } from './copy-clock.ts';
import { incrementalText } from './incremental-text.ts';
import { JsonEnd } from './json-end.ts';

/** One step of a completion: the content of one vLLM chunk. */
export interface CompletionStep {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly finishReason: 'stop' | 'length' | null;
  readonly stopReason: number | string | null;
  /** One entry for each of `tokenIds`, if requested. */
  readonly logprobs: readonly StepLogprobs[];
}

export interface StepLogprobs {
  readonly token: string;
  /** `null` for the first token of a prompt, which nothing predicts. */
  readonly logprob: number | null;
  readonly top: Readonly<Record<string, number>> | null;
}

export interface CompletionStart {
  readonly promptIds: readonly number[];
  readonly cachedTokens: number;
  /** What `echo` puts before the completion. `undefined` without it. */
  readonly echo: { readonly text: string; readonly logprobs: readonly StepLogprobs[] } | undefined;
}

/** Faults of the engine, for tests of its callers, and the pace of an emulated copy. */
export interface CompletionFaults {
  /** If omitted, the engine's own speed. */
  readonly seat?: Pick<CopySeat, 'cached' | 'prompt' | 'token'> | undefined;
  readonly ignoreMinTokens?: boolean | undefined;
  /** Delay between two tokens, in milliseconds. */
  readonly tokenDelayMs?: number | undefined;
}

/**
 * Runs a text completion as vLLM does: stop ids end it without their text, stop texts are removed from the text, and incomplete
 * characters are held back. A structured answer ends with its last character, without a further token.
 *
 * @throws {BadRequestError} if prompt and `max_tokens` exceed the context window, or the engine cannot enforce the structure
 */
export async function* runCompletion(
  engine: Engine,
  body: CompletionBody,
  signal: AbortSignal,
  faults: CompletionFaults = {},
): AsyncGenerator<CompletionStart | CompletionStep, void, undefined> {
  const promptIds = typeof body.prompt === 'string' ? engine.tokenize(body.prompt, true) : body.prompt;
  if (promptIds.length + body.max_tokens > engine.contextTokens) {
    throw new BadRequestError(
      `This model's maximum context length is ${engine.contextTokens} tokens. However, you requested ${body.max_tokens} output tokens and your prompt contains ${promptIds.length} input tokens.`,
    );
  }
  const unknown = promptIds.find((id) => id >= engine.vocabularySize);
  // vLLM's text.
  if (unknown !== undefined) throw new BadRequestError(`Token id ${unknown} is out of vocabulary`);
  const ends = new Set([...body.stop_token_ids, ...engine.endIds]);
  const controls = new Set(body.skip_special_tokens ? [...engine.endIds, ...(engine.controlIds ?? [])] : []);
  const text = incrementalText((ids) => engine.detokenize(ids.filter((id) => !controls.has(id))));
  const echo = body.echo ? await echoOf(engine, promptIds, body, signal) : undefined;
  const json = body.structured_outputs == null ? undefined : new JsonEnd();
  // vLLM samples on after an end token. Here none is sampled, which gives as many tokens.
  const minTokens = body.ignore_eos === true ? body.max_tokens : body.min_tokens;
  let held = '';
  let count = 0;
  const events = engine.generate(
    {
      promptIds,
      maxTokens: body.max_tokens,
      minTokens: faults.ignoreMinTokens === true ? 0 : minTokens,
      stopTokenIds: body.stop_token_ids,
      temperature: body.temperature,
      topP: body.top_p,
      topK: body.top_k,
      minP: body.min_p,
      repetitionPenalty: body.repetition_penalty,
      frequencyPenalty: body.frequency_penalty,
      presencePenalty: body.presence_penalty,
      seed: body.seed,
      ...(body.logprobs == null ? {} : { topLogprobs: body.logprobs }),
      ...structureOf(body),
    },
    signal,
  );
  for await (const event of refusingStructures(events)) {
    if (event.kind === 'prompt') {
      yield { promptIds, cachedTokens: faults.seat?.cached(promptIds) ?? event.cached, echo };
      continue;
    }
    count++;
    // The step that ends a prompt generates its first token.
    if (count === 1) await faults.seat?.prompt(promptIds);
    else await faults.seat?.token(event.id);
    const logprobs = event.logprobs === undefined ? [] : [stepLogprobs(engine, event.id, event.logprobs)];
    const ended = ends.has(event.id);
    const added = ended ? (body.include_stop_str_in_output ? engine.detokenize([event.id]) : '') : text.push(event.id);
    held += added;
    const complete = json?.push(added) === true;
    const stop = count > body.min_tokens ? firstStop(held, body.stop) : undefined;
    if (stop !== undefined) {
      const cut = stop.at + (body.include_stop_str_in_output ? stop.text.length : 0);
      yield { text: held.slice(0, cut), tokenIds: [event.id], finishReason: 'stop', stopReason: stop.text, logprobs };
      return;
    }
    if (ended) {
      const stopReason = body.stop_token_ids.includes(event.id) ? event.id : null;
      yield { text: held + text.end(), tokenIds: [event.id], finishReason: 'stop', stopReason, logprobs };
      return;
    }
    if (complete) {
      yield { text: held, tokenIds: [event.id], finishReason: 'stop', stopReason: null, logprobs };
      return;
    }
    if (count === body.max_tokens) {
      yield { text: held + text.end(), tokenIds: [event.id], finishReason: 'length', stopReason: null, logprobs };
      return;
    }
    const keep = longestStart(held, body.stop);
    yield {
      text: held.slice(0, held.length - keep),
      tokenIds: [event.id],
      finishReason: null,
      stopReason: null,
      logprobs,
    };
    held = held.slice(held.length - keep);
    if (faults.tokenDelayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, faults.tokenDelayMs));
  }
}

async function echoOf(
  engine: Engine,
  promptIds: readonly number[],
  { logprobs: top }: CompletionBody,
  signal: AbortSignal,
): Promise<NonNullable<CompletionStart['echo']>> {
  const text = engine.detokenize(promptIds);
  if (top == null) return { text, logprobs: [] };
  const later = await engine.promptLogprobs(promptIds, top, signal);
  const logprobs = promptIds.map((id, index): StepLogprobs => {
    const given = later[index - 1];
    return given === undefined
      ? { token: engine.detokenize([id]), logprob: null, top: null }
      : stepLogprobs(engine, id, given);
  });
  return { text, logprobs };
}

function stepLogprobs(engine: Engine, id: number, { own, top }: EngineLogprobs): StepLogprobs {
  return {
    token: engine.detokenize([id]),
    logprob: own,
    top: Object.fromEntries(top.map((other) => [engine.detokenize([other.id]), other.logprob])),
  };
}

/** Reports a structure that the engine cannot enforce as an invalid request. */
async function* refusingStructures(events: AsyncGenerator<EngineEvent>): AsyncGenerator<EngineEvent> {
  try {
    yield* events;
  } catch (error) {
    throw error instanceof UnknownStructureError ? new BadRequestError(error.message) : error;
  }
}

function structureOf({ structured_outputs: requested }: CompletionBody): { readonly structure?: TextStructure } {
  if (requested == null) return {};
  return { structure: 'json' in requested ? { kind: 'json_schema', schema: requested.json } : { kind: 'json_object' } };
}

function firstStop(text: string, stops: readonly string[]): { readonly at: number; readonly text: string } | undefined {
  return stops
    .map((stop) => ({ at: text.indexOf(stop), text: stop }))
    .filter(({ at }) => at >= 0)
    .toSorted((a, b) => a.at - b.at)[0];
}

/** Length of the longest suffix of the text that is a proper prefix of a stop text. */
function longestStart(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
