import { ApiError } from '../errors/api-error.ts';
import type { FormatIds } from '../forcing/format.ts';
import type { Limits } from '../forcing/report.ts';
import { type ModelLimits, type Shrink, settleLimits } from '../forcing/settle-limits.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { GenerationRequest } from './request.ts';

const DEFAULT_WAIT_TEXT = 'Wait';

/** A request as token ids, with the limits that its model and its key allow. The load may still lower them. */
export interface PreparedRequest {
  readonly format: FormatIds;
  readonly promptIds: readonly number[];
  readonly wait: { readonly ids: readonly number[]; readonly text: string };
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
}

/**
 * Encodes a request and settles its limits.
 *
 * @throws {ApiError} 400 if the limits contradict each other or do not fit the context window.
 */
export async function prepareRequest(request: GenerationRequest, caller: Caller): Promise<PreparedRequest> {
  const { model, requested, structure, thinking } = request;
  const waitText = thinking.waitText ?? DEFAULT_WAIT_TEXT;
  const [format, promptIds, waitIds] = await Promise.all([
    model.format({ bare: structure !== undefined }),
    model.promptIds(request.turns),
    model.textIds(waitText),
  ]);
  const settled = settleLimits(
    requested,
    toModelLimits(model.settings, caller),
    promptIds.length,
    format,
    request.names,
  );
  if (!settled.ok) throw new ApiError(400, settled.message, { param: settled.field, code: settled.code });
  const { limits, shrunk } = settled;
  return { format, promptIds, wait: { ids: waitIds, text: waitText }, limits, shrunk };
}

/** The model's limits, lowered by those of the key. */
function toModelLimits(settings: ModelSettings, { limits }: Caller): ModelLimits {
  const ceiling = limits.max_thinking_tokens;
  if (ceiling === undefined || ceiling >= settings.maxThinkingTokens) return settings;
  return { ...settings, maxThinkingTokens: ceiling, ceilingSource: 'key' };
}
