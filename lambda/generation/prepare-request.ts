import { ApiError, invalidRequest } from '../errors/api-error.ts';
import type { FormatIds } from '../forcing/format.ts';
import { type ForcingPrefix, toForcingPrefix, type WaitText } from '../forcing/plan.ts';
import type { Limits } from '../forcing/report.ts';
import { type ModelLimits, type RequestedBudget, type Shrink, settleLimits } from '../forcing/settle-limits.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ModelSettings } from '../settings/settings.ts';
import { TooManyTokensError } from '../tokenizer/too-many-tokens-error.ts';
import { type PreparedPrompt, preparePrompt } from './prepare-prompt.ts';
import type { GenerationContext, GenerationRequest, PlainCompletion } from './request.ts';
import type { RetrievalAccount } from './retrieval.ts';

const DEFAULT_WAIT_TEXT = 'Wait';

/** A request as token ids, with the limits that its model and its key allow. The load may still lower them. */
export interface PreparedRequest {
  readonly format: FormatIds;
  readonly promptIds: readonly number[];
  /** The beginning of the output. `undefined` if the output begins with the thinking. */
  readonly prefix: ForcingPrefix | undefined;
  readonly wait: WaitText;
  readonly laterWaits: readonly WaitText[];
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
  /** Maximum tokens of passages that the thought may be given. 0 if none are looked up while the model thinks. */
  readonly passageTokens: number;
  /** What was looked up before the thinking, if anything was. */
  readonly retrieval?: RetrievalAccount;
}

/**
 * Encodes a request and settles its limits.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit the context window.
 */
export async function prepareRequest(
  request: GenerationRequest,
  context: Pick<GenerationContext, 'caller' | 'signal' | 'lookup'>,
): Promise<PreparedRequest> {
  const { model, plain } = request;
  const waitTexts = waitTextsOf(request.thinking);
  // Limits that exclude each other, or those of the key, need no tokens to be refused.
  const { format, passageTokens, settle } = await refuseContradictions(request, context.caller);
  const [{ promptIds, prefixIds, retrieval }, waits] = await Promise.all([
    promptWithinWindow(request, context),
    Promise.all(waitTexts.map(async (text) => ({ ids: await model.textIds(text), text }))),
  ]);
  const settled = settle(promptIds.length + prefixIds.length);
  const { limits } = settled;
  const shrunk = [...shrunkByPrefix(request), ...settled.shrunk];
  const prefix =
    plain === undefined
      ? toForcingPrefix(request.prefix ?? {}, prefixIds)
      : ({ part: 'answer', ids: [], text: '' } as const);
  const [wait = { ids: [], text: '' }, ...laterWaits] = waits;
  return {
    ...{ format, promptIds, prefix, wait, laterWaits, limits, shrunk, passageTokens },
    ...(retrieval === undefined ? {} : { retrieval }),
  };
}

/**
 * Refuses limits that no prompt can satisfy.
 *
 * @returns the request's format, the most tokens of passages in its thought, and what settles its limits for the tokens of a prompt
 * @throws {ApiError} 400 if the limits contradict each other, or exceed those of the model or the key
 */
export async function refuseContradictions(request: GenerationRequest, caller: Caller) {
  const { model, structure, plain } = request;
  const requested = budgetAfterPrefix(request);
  const passageTokens = request.retrieval?.when === 'unsure' ? request.retrieval.maxTokens : 0;
  const modelLimits = { ...toModelLimits(model.settings, caller), passageTokens };
  const family = await model.format({ bare: structure !== undefined });
  const format = plain === undefined ? family : withoutDelimiters(family, plain);
  const settle = (promptTokens: number) => {
    const result = settleLimits(requested, modelLimits, promptTokens, format, request.names);
    if (!result.ok) throw new ApiError(400, result.message, { param: result.field, code: result.code });
    return result;
  };
  settle(0);
  return { format, passageTokens, settle };
}

/** The texts of the Waits, in turn. */
export function waitTextsOf({ waitText }: Pick<GenerationRequest['thinking'], 'waitText'>): readonly string[] {
  return [waitText ?? DEFAULT_WAIT_TEXT].flat();
}

/** The prompt. One that exceeds the context window, or the daily tokens of the key, is refused as soon as that is certain. */
async function promptWithinWindow(
  request: GenerationRequest,
  context: Pick<GenerationContext, 'caller' | 'signal' | 'lookup'>,
): Promise<PreparedPrompt> {
  const { contextTokens } = request.model.settings;
  const perDay = context.caller.limits.tokens_per_day ?? Number.POSITIVE_INFINITY;
  try {
    return await preparePrompt(request, request.model, { ...context, maxTokens: Math.min(contextTokens, perDay) });
  } catch (error) {
    if (!(error instanceof TooManyTokensError)) throw error;
    if (contextTokens <= perDay) throw exceedsWindow(request.names.prompt ?? 'messages', contextTokens);
    // No wait helps, so this is no 429.
    throw new ApiError(
      400,
      `The conversation has more than ${perDay} tokens, which is what this key allows for a day. Shorten the conversation.`,
      { code: 'tokens_exceeded' },
    );
  }
}

/** The 400 of a prompt that certainly has more tokens than the context window. */
export function exceedsWindow(field: string, contextTokens: number): ApiError {
  return new ApiError(
    400,
    `The conversation has more than ${contextTokens} tokens, which is the model's context window. Shorten the conversation.`,
    { param: field, code: 'context_length_exceeded' },
  );
}

/** The format of a plain completion: it adds no token, and only the given tokens end it. The server adds the model's own. */
function withoutDelimiters({ name }: FormatIds, { stopTokenIds }: PlainCompletion): FormatIds {
  return {
    name,
    openThinking: [],
    skipThinking: [],
    thinkingEnds: [],
    openAnswer: [],
    forceAnswer: [],
    newline: [],
    forcedAnswerText: '',
    answerEnds: stopTokenIds,
    endTexts: new Map(),
  };
}

/** The requested budget. If the answer is given, its thinking is over. */
function budgetAfterPrefix({ requested, prefix, structure, names }: GenerationRequest): RequestedBudget {
  if (prefix?.answer === undefined || prefix.answer === '') return requested;
  if (structure !== undefined) {
    throw invalidRequest(
      'messages',
      'The last message begins the answer, and the answer must have a form (response_format or tool_choice), which begins with its first character. Omit one of them.',
    );
  }
  if ((requested.minTokens ?? 0) > 0 || (requested.waits ?? 0) > 0) {
    const field = (requested.minTokens ?? 0) > 0 ? names.minTokens : 'thinking.waits';
    throw invalidRequest(
      field,
      `${field} asks for thinking, but the last message begins the answer. Omit one of them.`,
    );
  }
  return { ...requested, maxTokens: 0, maxIsPreference: false };
}

/** How a given answer lowered the maximum: its thinking is over. */
function shrunkByPrefix({ requested, prefix, model }: GenerationRequest): readonly Shrink[] {
  const from = requested.maxTokens ?? model.settings.defaultMaxThinkingTokens;
  if (prefix?.answer === undefined || prefix.answer === '' || from === 0) return [];
  return [{ limit: 'max_tokens', from, to: 0, because: 'prefix' }];
}

/** The model's limits, lowered by those of the key. */
function toModelLimits(settings: ModelSettings, { limits }: Caller): ModelLimits {
  const ceiling = limits.max_thinking_tokens;
  if (ceiling === undefined || ceiling >= settings.maxThinkingTokens) return settings;
  return { ...settings, maxThinkingTokens: ceiling, ceilingSource: 'key' };
}
