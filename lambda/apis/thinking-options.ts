import { invalidRequest } from '../errors/api-error.ts';
import { gateOptionsOf } from '../forcing/settle-gates.ts';
import type { ThinkingOptions } from '../generation/request.ts';
import { type ReasoningEffort, reasoningEfforts } from '../settings/settings.ts';
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
  const configs = geminiConfigs(request);
  const found: NonNullable<ThinkingOptions['maximum']>[] = [];
  const addTokens = (field: string, value: number | null | undefined) => {
    // -1: the model decides, so the default applies.
    if (value != null && value >= 0) found.push({ field, tokens: value, effort: false });
  };
  const addSwitch = (field: string, on: boolean | null | undefined) => addTokens(field, on === false ? 0 : undefined);
  const addEffort = (field: string, effort: ReasoningEffort | null | undefined) => {
    if (effort != null) found.push({ field, tokens: tokensOf(field, effort, efforts), effort: true });
  };
  addTokens('thinking.max_tokens', native?.max_tokens);
  addTokens('thinking.budget_tokens', native?.budget_tokens);
  addTokens('thinking.type', native?.type === 'disabled' ? 0 : undefined);
  addTokens('reasoning.max_tokens', reasoning?.max_tokens);
  addSwitch('reasoning.enabled', reasoning?.enabled);
  addSwitch('enable_thinking', request.enable_thinking);
  addSwitch('chat_template_kwargs.enable_thinking', template?.enable_thinking);
  addSwitch('chat_template_kwargs.thinking', template?.thinking);
  addTokens('thinking_budget', request.thinking_budget);
  addTokens('chat_template_kwargs.thinking_budget', template?.thinking_budget);
  addTokens('thinking_token_budget', request.thinking_token_budget);
  addTokens('reasoning_budget_tokens', request.reasoning_budget_tokens);
  addTokens('thinking_budget_tokens', request.thinking_budget_tokens);
  addTokens('nvext.max_thinking_tokens', request.nvext?.max_thinking_tokens);
  if (typeof request.think === 'boolean') addSwitch('think', request.think);
  else addEffort('think', request.think);
  for (const { field, config } of configs) {
    addTokens(`${field}.thinkingBudget`, config.thinkingBudget);
    addTokens(`${field}.thinking_budget`, config.thinking_budget);
    addEffort(`${field}.thinkingLevel`, levelOf(config.thinkingLevel));
    addEffort(`${field}.thinking_level`, levelOf(config.thinking_level));
  }
  addEffort('reasoning_effort', request.reasoning_effort);
  addEffort('reasoning.effort', reasoning?.effort);
  addEffort('output_config.effort', request.output_config?.effort);
  addEffort('chat_template_kwargs.reasoning_effort', template?.reasoning_effort);

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
  const exclude =
    reasoning?.exclude === true ||
    request.include_reasoning === false ||
    native?.display === 'omitted' ||
    configs.some(({ config }) => (config.includeThoughts ?? config.include_thoughts) === false);
  if (exclude && native?.logprobs === true) {
    throw invalidRequest(
      'thinking.logprobs',
      'thinking.logprobs returns the tokens of the thinking, but the request leaves the thinking out of the response. Omit one of them.',
    );
  }
  return {
    maximum: first,
    minTokens: native?.min_tokens,
    waits: native?.waits,
    waitText: native?.wait_text,
    topLogprobs: topLogprobsOf(native),
    gates: gateOptionsOf(native),
    risk: native?.risk,
    softLanding: native?.soft_landing,
    detectLoops: native?.detect_loops,
    deadlineMs: native?.deadline_ms,
    elastic: elasticOf(native, first),
    exclude,
  };
}

function topLogprobsOf(native: BudgetFields['thinking']): number | undefined {
  const { logprobs, top_logprobs: top = 0 } = native ?? {};
  if (logprobs === true) return top;
  if (top === 0) return undefined;
  throw invalidRequest(
    'thinking.top_logprobs',
    `thinking.top_logprobs (${top}) requires thinking.logprobs: true. Give both or neither.`,
  );
}

/** @throws {ApiError} 400 if thinking log-probabilities are requested in a dialect whose responses have no place for them */
export function refuseThinkingLogprobs(thinking: BudgetFields['thinking']): void {
  const fields = ['logprobs', 'top_logprobs'] as const;
  const field = fields.find((name) => thinking?.[name] !== undefined && thinking[name] !== false);
  if (field === undefined) return;
  throw invalidRequest(
    `thinking.${field}`,
    `thinking.${field} is not supported here: responses of this API have no place for log probabilities of thinking. Omit it, or use /v1/chat/completions.`,
    'unsupported_parameter',
  );
}

/** Gemini's budgets, wherever its clients put them. */
function geminiConfigs(request: BudgetFields) {
  const inside = (field: string, outer: BudgetFields['google']) => [
    { field: `${field}.thinkingConfig`, config: outer?.thinkingConfig },
    { field: `${field}.thinking_config`, config: outer?.thinking_config },
  ];
  return [
    ...inside('generationConfig', request.generationConfig),
    ...inside('generation_config', request.generation_config),
    ...inside('google', request.google),
    ...inside('extra_body.google', request.extra_body?.google),
    { field: 'thinkingConfig', config: request.thinkingConfig },
    { field: 'thinking_config', config: request.thinking_config },
  ].flatMap(({ field, config }) => (config == null ? [] : [{ field, config }]));
}

function levelOf(level: string | null | undefined): ReasoningEffort | undefined {
  const name = level?.toLowerCase();
  return reasoningEfforts.find((effort) => effort === name);
}

/** What `max` means for a model that does not configure it: `xhigh`, or its highest effort. */
function highestOf(efforts: Readonly<Partial<Record<ReasoningEffort, number>>>): number | undefined {
  const values = Object.values(efforts);
  return efforts.xhigh ?? (values.length === 0 ? undefined : Math.max(...values));
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
  const value = efforts[effort] ?? (effort === 'max' ? highestOf(efforts) : undefined);
  if (value !== undefined) return value;
  const known = Object.keys(efforts).join(', ');
  throw invalidRequest(
    field,
    `${field} ${JSON.stringify(effort)} is not configured for this model. Available efforts: ${known}.`,
  );
}
