import * as z from 'zod';
import { reasoningEfforts } from '../settings/settings.ts';

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
