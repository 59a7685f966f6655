import * as z from 'zod';
import { reasoningEfforts } from '../settings/settings.ts';

/** Maximum length of a `wait_text` or a `stop`, in characters. */
export const MAX_SHORT_TEXT = 256;

const tokens = z.int().min(0);

/** The native budget field, with Anthropic's fields of the same name. All counts are tokens of the model. */
const thinking = z
  .strictObject({
    min_tokens: tokens.optional().describe('Minimum of thinking tokens. 0 means no minimum.'),
    max_tokens: tokens.optional().describe('Maximum of thinking tokens. With 0, the model answers without thinking.'),
    waits: z
      .int()
      .min(0)
      .max(64)
      .optional()
      .describe(
        'With a minimum: how many early ends become "Wait" at most; further early ends are masked. Without a minimum: how many ends are suppressed, regardless of length.',
      ),
    wait_text: z
      .string()
      .min(1)
      .max(MAX_SHORT_TEXT)
      .optional()
      .describe('Text that is appended when an end is suppressed.'),
    soft_landing: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Share of the maximum from which thinking ends at the next end of a sentence or line. 0 to 1.'),
    detect_loops: z.boolean().optional().describe('Whether thinking is cut when it repeats itself word for word.'),
    deadline_ms: z
      .int()
      .min(1)
      .max(900_000)
      .optional()
      .describe(
        'Time limit of the whole request, in milliseconds. Thinking is cut early enough to leave time for the answer.',
      ),
    elastic: z
      .union([
        z.boolean(),
        z.strictObject({ floor_tokens: tokens.describe('Lower bound of the maximum under load, in tokens.') }),
      ])
      .optional()
      .describe(
        'Whether the maximum may shrink when the endpoint is loaded, down to `floor_tokens`. If omitted, the floor is `min_tokens` or an eighth of the maximum.',
      ),
    /** Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
    type: z.enum(['enabled', 'disabled']).optional().describe('Anthropic: `enabled` requires `budget_tokens`.'),
    budget_tokens: tokens.optional().describe('Anthropic’s name for `max_tokens`.'),
  })
  .describe('Thinking budget of this request.');

/** The native field alone, for dialects that have no other budget fields. */
export const nativeBudgetFields = { thinking: thinking.optional() } as const;

/** All budget fields of a chat request: the native field, and those of OpenAI, OpenRouter, Qwen, vLLM and llama.cpp. */
export const budgetFields = {
  ...nativeBudgetFields,
  reasoning_effort: z
    .enum(reasoningEfforts)
    .nullish()
    .describe('OpenAI: the maximum of this effort in the model’s settings.'),
  /** Source: https://openrouter.ai/docs/use-cases/reasoning-tokens */
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish(),
      max_tokens: tokens.nullish(),
      exclude: z
        .boolean()
        .nullish()
        .describe('Whether thinking is left out of the response. It is counted all the same.'),
      enabled: z.boolean().nullish(),
    })
    .nullish()
    .describe('OpenRouter.'),
  enable_thinking: z.boolean().nullish().describe('Qwen and DashScope: `false` means a maximum of 0.'),
  thinking_budget: tokens.nullish().describe('Qwen and DashScope: maximum of thinking tokens.'),
  thinking_token_budget: tokens.nullish().describe('vLLM: maximum of thinking tokens.'),
  chat_template_kwargs: z
    .strictObject({ enable_thinking: z.boolean().nullish(), thinking_budget: tokens.nullish() })
    .nullish(),
  reasoning_budget_tokens: tokens.nullish().describe('llama.cpp server: maximum of thinking tokens.'),
  thinking_budget_tokens: tokens.nullish().describe('llama.cpp server: maximum of thinking tokens.'),
} as const;

const budgetSchema = z.object(budgetFields);
export type BudgetFields = z.infer<typeof budgetSchema>;
