import { invalidRequest } from '../../errors/api-error.ts';
import { exceedsWindow } from '../../generation/prepare-request.ts';
import type { GenerationRequest } from '../../generation/request.ts';
import type { ServedModel } from '../../models/served-model.ts';
import { TooManyTokensError } from '../../tokenizer/too-many-tokens-error.ts';
import { budgetFields } from '../budget-fields.ts';
import { refuseThinkingLogprobs } from '../thinking-options.ts';
import { toGenerationRequest } from '../to-generation.ts';
import type { CompletionRequest } from './request.ts';

/** OpenAI's default of `max_tokens` in completions. */
const DEFAULT_MAX_TOKENS = 16;

/** A prompt of a request, as text and as ids. */
export interface RawPrompt {
  /** `undefined` if the client sent ids. */
  readonly text: string | undefined;
  readonly ids: readonly number[];
}

/**
 * Returns the prompts of a request, encoded with the model's tokenizer.
 *
 * @throws {ApiError} 400 if a prompt exceeds the context window. The rest of it is then not encoded.
 */
export async function promptsOf(
  { prompt }: CompletionRequest,
  model: ServedModel,
  signal: AbortSignal,
): Promise<readonly RawPrompt[]> {
  const { contextTokens } = model.settings;
  const encode = async (text: string): Promise<RawPrompt> => {
    try {
      return { text, ids: await model.rawIds(text, { signal, maxTokens: contextTokens }) };
    } catch (error) {
      throw error instanceof TooManyTokensError ? exceedsWindow('prompt', contextTokens) : error;
    }
  };
  if (typeof prompt === 'string') return [await encode(prompt)];
  if (prompt.every((entry) => typeof entry === 'number')) return [{ text: undefined, ids: prompt }];
  return await Promise.all(
    prompt.map(async (entry) => {
      if (typeof entry === 'string') return await encode(entry);
      return { text: undefined, ids: typeof entry === 'number' ? [entry] : entry };
    }),
  );
}

/** The prompts of a request that are text. */
export function textsOf({ prompt }: CompletionRequest): readonly string[] {
  return [prompt].flat(1).filter((entry) => typeof entry === 'string');
}

/** Returns the first field of a request that sets a budget of thinking. `undefined`: a plain completion. */
export function budgetFieldOf(request: CompletionRequest): string | undefined {
  return Object.entries(request).find(([name, value]) => Object.hasOwn(budgetFields, name) && value != null)?.[0];
}

/**
 * Converts one prompt of a request: to a plain completion, or with a budget to a generation whose thinking opens after the prompt.
 *
 * @throws {ApiError} 400 if fields contradict each other.
 */
export function toCompletion(request: CompletionRequest, prompt: RawPrompt, model: ServedModel): GenerationRequest {
  const budget = budgetFieldOf(request);
  checkFields(request, budget);
  refuseThinkingLogprobs(request.thinking);
  const { prompt: _prompt, echo: _echo, logprobs, ...rest } = request;
  const maxTokens = request.max_tokens ?? (budget === undefined ? DEFAULT_MAX_TOKENS : undefined);
  const generation = toGenerationRequest(
    { ...rest, messages: [], max_tokens: undefined, logprobs: undefined, ignore_eos: undefined, min_tokens: undefined },
    model,
  );
  const shared: GenerationRequest = {
    ...generation,
    turns: [],
    promptIds: prompt.ids,
    requested: {
      ...generation.requested,
      ...(maxTokens === undefined ? {} : { maxCompletionTokens: Math.max(1, maxTokens) }),
    },
    names: { ...generation.names, maxCompletionTokens: 'max_tokens', prompt: 'prompt' },
    ...(logprobs == null ? {} : { topLogprobs: logprobs }),
  };
  if (budget !== undefined) return shared;
  const minTokens = request.ignore_eos === true ? (maxTokens ?? 0) : (request.min_tokens ?? 0);
  return {
    ...shared,
    requested: { ...shared.requested, maxTokens: 0 },
    plain: {
      stopTokenIds: request.stop_token_ids ?? [],
      minTokens,
      showControls: request.skip_special_tokens === false,
    },
  };
}

function checkFields(request: CompletionRequest, budget: string | undefined): void {
  const { echo, max_tokens: max, min_tokens: min, n, best_of: best } = request;
  if (best != null && best > (n ?? 1)) {
    throw invalidRequest(
      'best_of',
      `best_of (${best}) is greater than n (${n ?? 1}). Give n, and choose among the answers.`,
    );
  }
  if (max === 0 && echo !== true) {
    throw invalidRequest(
      'max_tokens',
      'max_tokens is 0, but without echo nothing is returned. Give echo: true, or 1 or more.',
    );
  }
  if ((min ?? 0) > (max ?? DEFAULT_MAX_TOKENS) && budget === undefined) {
    throw invalidRequest(
      'min_tokens',
      `min_tokens (${min}) is greater than max_tokens (${max ?? DEFAULT_MAX_TOKENS}). Give a minimum that is not above the maximum.`,
    );
  }
  if (budget === undefined) return;
  const plainOnly = {
    echo: echo === true,
    return_token_ids: request.return_token_ids === true,
    stop_token_ids: (request.stop_token_ids ?? []).length > 0,
    min_tokens: (min ?? 0) > 0,
    ignore_eos: request.ignore_eos === true,
    skip_special_tokens: request.skip_special_tokens === false,
  };
  const field = Object.entries(plainOnly).find(([, set]) => set)?.[0];
  if (field !== undefined) {
    throw invalidRequest(
      field,
      `${field} is for plain completions, but ${budget} asks for thinking, which the format delimits. Omit one of them.`,
    );
  }
}
