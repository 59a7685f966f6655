import { ApiError, invalidRequest } from '../errors/api-error.ts';
import type { FormatIds } from '../forcing/format.ts';
import { type ForcingPrefix, toForcingPrefix } from '../forcing/plan.ts';
import type { Limits } from '../forcing/report.ts';
import { type ModelLimits, type RequestedBudget, type Shrink, settleLimits } from '../forcing/settle-limits.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ModelSettings } from '../settings/settings.ts';
import { preparePrompt } from './prepare-prompt.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';

const DEFAULT_WAIT_TEXT = 'Wait';

/** A request as token ids, with the limits that its model and its key allow. The load may still lower them. */
export interface PreparedRequest {
  readonly format: FormatIds;
  readonly promptIds: readonly number[];
  /** The beginning of the output. `undefined` if the output begins with the thinking. */
  readonly prefix: ForcingPrefix | undefined;
  readonly wait: { readonly ids: readonly number[]; readonly text: string };
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
}

/**
 * Encodes a request and settles its limits.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit the context window.
 */
export async function prepareRequest(
  request: GenerationRequest,
  context: Pick<GenerationContext, 'caller' | 'signal'>,
): Promise<PreparedRequest> {
  const { model, structure, thinking } = request;
  const requested = budgetAfterPrefix(request);
  const waitText = thinking.waitText ?? DEFAULT_WAIT_TEXT;
  const [format, { promptIds, prefixIds }, waitIds] = await Promise.all([
    model.format({ bare: structure !== undefined }),
    preparePrompt(request, model, context),
    model.textIds(waitText),
  ]);
  const settled = settleLimits(
    requested,
    toModelLimits(model.settings, context.caller),
    promptIds.length + prefixIds.length,
    format,
    request.names,
  );
  if (!settled.ok) throw new ApiError(400, settled.message, { param: settled.field, code: settled.code });
  const { limits, shrunk } = settled;
  const prefix = toForcingPrefix(request.prefix ?? {}, prefixIds);
  return { format, promptIds, prefix, wait: { ids: waitIds, text: waitText }, limits, shrunk };
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

/** The model's limits, lowered by those of the key. */
function toModelLimits(settings: ModelSettings, { limits }: Caller): ModelLimits {
  const ceiling = limits.max_thinking_tokens;
  if (ceiling === undefined || ceiling >= settings.maxThinkingTokens) return settings;
  return { ...settings, maxThinkingTokens: ceiling, ceilingSource: 'key' };
}
