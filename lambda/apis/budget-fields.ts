import * as z from 'zod';
import { invalidRequest } from '../errors/api-error.ts';
import type { ThinkingOptions } from '../generation/request.ts';
import { type ReasoningEffort, reasoningEfforts } from '../settings/settings.ts';

/** The most characters of a `wait_text` or a `stop`. */
export const SHORT_TEXT = 256;

const tokens = z.int().min(0);

/** Our own dialect of budgets, and Anthropic's beside it. All in tokens of the model. */
const thinking = z
  .strictObject({
    min_tokens: tokens.optional().describe('At least so many thinking tokens. 0 is no minimum.'),
    max_tokens: tokens.optional().describe('At most so many. 0 answers at once.'),
    waits: z
      .int()
      .min(0)
      .max(64)
      .optional()
      .describe(
        'With a minimum: how many early ends are turned into "Wait" at most (further ones are masked). Without: how many ends are suppressed, whatever the length.',
      ),
    wait_text: z.string().min(1).max(SHORT_TEXT).optional().describe('What is appended where an end is suppressed.'),
    soft_landing: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('From this share of the maximum on, thinking ends with a sentence or a line. 0 to 1.'),
    detect_loops: z.boolean().optional().describe('Whether a thought that repeats itself word for word is cut.'),
    deadline_ms: z
      .int()
      .min(1)
      .max(900_000)
      .optional()
      .describe('The whole answer is due so long after the request came: thinking is cut early enough. Milliseconds.'),
    elastic: z
      .union([z.boolean(), z.strictObject({ floor_tokens: tokens.describe('The least that the maximum shrinks to.') })])
      .optional()
      .describe(
        'Whether the maximum may shrink when the endpoint is loaded: to no less than `floor_tokens`, by default `min_tokens` or an eighth of the maximum.',
      ),
    /** Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
    type: z.enum(['enabled', 'disabled']).optional().describe('Anthropic: `enabled` goes with `budget_tokens`.'),
    budget_tokens: tokens.optional().describe('Anthropic’s name of `max_tokens`.'),
  })
  .describe('A budget for the thinking of this request.');

/** Our own field alone, for dialects whose clients know no other. */
export const nativeBudgetFields = { thinking: thinking.optional() } as const;

/** The fields of a request that speak of thinking, in every dialect that clients use today. */
export const budgetFields = {
  ...nativeBudgetFields,
  reasoning_effort: z.enum(reasoningEfforts).nullish().describe('OpenAI: a maximum from the model’s table of efforts.'),
  /** Source: https://openrouter.ai/docs/use-cases/reasoning-tokens */
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish(),
      max_tokens: tokens.nullish(),
      /** Thinks, but does not send the thoughts. */
      exclude: z.boolean().nullish().describe('Thinks, but does not send the thoughts.'),
      enabled: z.boolean().nullish(),
    })
    .nullish()
    .describe('OpenRouter.'),
  enable_thinking: z.boolean().nullish().describe('Qwen and DashScope: false is a maximum of 0.'),
  thinking_budget: tokens.nullish().describe('Qwen and DashScope: a maximum.'),
  thinking_token_budget: tokens.nullish().describe('vLLM: a maximum.'),
  chat_template_kwargs: z
    .strictObject({ enable_thinking: z.boolean().nullish(), thinking_budget: tokens.nullish() })
    .nullish(),
  reasoning_budget_tokens: tokens.nullish().describe('llama.cpp’s server: a maximum.'),
  thinking_budget_tokens: tokens.nullish().describe('llama.cpp’s server: a maximum.'),
} as const;

const budgetSchema = z.object(budgetFields);
export type BudgetFields = z.infer<typeof budgetSchema>;

/**
 * The thinking options of a request.
 *
 * @throws {ApiError} 400 that names both fields where two dialects contradict each other.
 */
export function toThinkingOptions(
  request: BudgetFields,
  efforts: Readonly<Partial<Record<ReasoningEffort, number>>>,
): ThinkingOptions {
  const { thinking: native, reasoning, chat_template_kwargs: template } = request;
  if (native?.type === 'enabled' && native.budget_tokens === undefined && native.max_tokens === undefined) {
    throw invalidRequest(
      'thinking.budget_tokens',
      'thinking.budget_tokens is missing: thinking.type "enabled" goes with a whole number.',
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
      `${first.field} and ${other.field} set different maximums of thinking (${first.tokens} and ${other.tokens} tokens). Give one of them.`,
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
  throw invalidRequest(field, `${field} ${JSON.stringify(effort)} is not set for this model. It knows: ${known}.`);
}
