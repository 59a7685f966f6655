import { invalidRequest } from '../errors/api-error.ts';
import type { ThinkingOptions } from '../generation/request.ts';
import type { ReasoningEffort } from '../settings/settings.ts';
import type { BudgetFields } from './budget-fields.ts';

/**
 * Reads the thinking options of a request from the fields of every dialect.
 *
 * @throws {ApiError} 400 that names both fields if two of them contradict each other.
 */
export function toThinkingOptions(
  request: BudgetFields,
  efforts: Readonly<Partial<Record<ReasoningEffort, number>>>,
): ThinkingOptions {
  const { thinking: native, reasoning, chat_template_kwargs: template } = request;
  if (native?.type === 'enabled' && native.budget_tokens === undefined && native.max_tokens === undefined) {
    throw invalidRequest(
      'thinking.budget_tokens',
      'thinking.budget_tokens is missing. thinking.type "enabled" requires it: give a whole number of tokens.',
    );
  }
  const found: NonNullable<ThinkingOptions['maximum']>[] = [];
  const addTokens = (field: string, value: number | null | undefined) => {
    if (value != null) found.push({ field, tokens: value, effort: false });
  };
  const addEffort = (field: string, effort: ReasoningEffort | null | undefined) => {
    if (effort != null) found.push({ field, tokens: tokensOf(field, effort, efforts), effort: true });
  };
  addTokens('thinking.max_tokens', native?.max_tokens);
  addTokens('thinking.budget_tokens', native?.budget_tokens);
  addTokens('thinking.type', native?.type === 'disabled' ? 0 : undefined);
  addTokens('reasoning.max_tokens', reasoning?.max_tokens);
  addTokens('reasoning.enabled', reasoning?.enabled === false ? 0 : undefined);
  addTokens('enable_thinking', request.enable_thinking === false ? 0 : undefined);
  addTokens('chat_template_kwargs.enable_thinking', template?.enable_thinking === false ? 0 : undefined);
  addTokens('thinking_budget', request.thinking_budget);
  addTokens('chat_template_kwargs.thinking_budget', template?.thinking_budget);
  addTokens('thinking_token_budget', request.thinking_token_budget);
  addTokens('reasoning_budget_tokens', request.reasoning_budget_tokens);
  addTokens('thinking_budget_tokens', request.thinking_budget_tokens);
  addEffort('reasoning_effort', request.reasoning_effort);
  addEffort('reasoning.effort', reasoning?.effort);

  const [first, ...others] = found;
  const other = others.find((candidate) => candidate.tokens !== first?.tokens);
  if (first !== undefined && other !== undefined) {
    throw invalidRequest(
      other.field,
      `${first.field} and ${other.field} set different maximums of thinking (${first.tokens} and ${other.tokens} tokens). Give only one.`,
    );
  }
  if (first?.tokens === 0 && (native?.waits ?? 0) > 0) {
    throw invalidRequest(
      'thinking.waits',
      `thinking.waits (${native?.waits}) asks for more thinking, but ${first.field} sets a maximum of 0. Give a maximum above 0, or no waits.`,
    );
  }
  return {
    maximum: first,
    minTokens: native?.min_tokens,
    waits: native?.waits,
    waitText: native?.wait_text,
    softLanding: native?.soft_landing,
    detectLoops: native?.detect_loops,
    deadlineMs: native?.deadline_ms,
    elastic: elasticOf(native, first),
    exclude: reasoning?.exclude === true,
  };
}

function elasticOf(native: BudgetFields['thinking'], maximum: ThinkingOptions['maximum']): ThinkingOptions['elastic'] {
  const elastic = native?.elastic;
  if (elastic === undefined) return undefined;
  if (typeof elastic === 'boolean') return { allowed: elastic, floorTokens: undefined };
  const { floor_tokens: floorTokens } = elastic;
  if (maximum !== undefined && !maximum.effort && floorTokens > maximum.tokens) {
    throw invalidRequest(
      'thinking.elastic.floor_tokens',
      `thinking.elastic.floor_tokens (${floorTokens}) is greater than ${maximum.field} (${maximum.tokens}). Give a floor that is not above the maximum.`,
    );
  }
  return { allowed: true, floorTokens };
}

function tokensOf(
  field: string,
  effort: ReasoningEffort,
  efforts: Readonly<Partial<Record<ReasoningEffort, number>>>,
): number {
  const value = efforts[effort];
  if (value !== undefined) return value;
  const known = Object.keys(efforts).join(', ');
  throw invalidRequest(
    field,
    `${field} ${JSON.stringify(effort)} is not configured for this model. Available efforts: ${known}.`,
  );
}
