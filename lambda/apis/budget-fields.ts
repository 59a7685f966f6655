import * as z from 'zod';
import { confidenceMeasures } from '../forcing/confidence.ts';
import { reasoningEfforts } from '../settings/settings.ts';
import { MAX_TOKENS } from './sampling-fields.ts';

/** Maximum length of a `wait_text` or a `stop`, in characters. */
export const MAX_SHORT_TEXT = 256;

/** Maximum number of `stop` texts. OpenAI has 4, Anthropic and others more. */
export const MAX_STOPS = 64;

/** Maximum of `waits`, and of texts in a list of `wait_text`. */
export const MAX_WAITS = 64;

const tokens = z.int().min(0).max(MAX_TOKENS);

const share = z.number().min(0).max(1);

const shortText = z.string().min(1).max(MAX_SHORT_TEXT);

/** A maximum of a dialect in which -1 means that the model decides. */
const tokensOrDynamic = z.int().min(-1).max(MAX_TOKENS);

const LEVEL = /^(minimal|low|medium|high|thinking_level_unspecified)$/i;
const LEVELS = 'must be MINIMAL, LOW, MEDIUM or HIGH';
const effort = z.enum(reasoningEfforts);

/** Gemini's budget, in the spelling of its REST API and of its SDKs. Source: https://ai.google.dev/gemini-api/docs/thinking */
const thinkingConfig = z.strictObject({
  thinkingBudget: tokensOrDynamic.nullish().describe('0 means no thinking, -1 the default.'),
  thinking_budget: tokensOrDynamic.nullish(),
  thinkingLevel: z.string().regex(LEVEL, LEVELS).nullish().describe('Means the effort of this name.'),
  thinking_level: z.string().regex(LEVEL, LEVELS).nullish(),
  includeThoughts: z.boolean().nullish().describe('`false` leaves thinking out of the response.'),
  include_thoughts: z.boolean().nullish(),
});
const google = z.strictObject({ thinking_config: thinkingConfig.nullish(), thinkingConfig: thinkingConfig.nullish() });

/** The native budget field, with Anthropic's fields of the same name. All counts are tokens of the model. */
const thinking = z
  .strictObject({
    min_tokens: tokens.optional().describe('Minimum of thinking tokens. 0 means no minimum.'),
    max_tokens: tokens.optional().describe('Maximum of thinking tokens. With 0, the model answers without thinking.'),
    waits: z
      .int()
      .min(0)
      .max(MAX_WAITS)
      .optional()
      .describe(
        'With a minimum: how many early ends become "Wait" at most; further early ends are masked. Without a minimum: how many ends are suppressed, regardless of length.',
      ),
    wait_text: z
      .union([shortText, z.array(shortText).min(1).max(MAX_WAITS)])
      .optional()
      .describe(
        'Text that is appended when an end is suppressed, up to 256 characters. A list of up to 64 has one for each Wait in turn; the last one repeats.',
      ),
    wait_when: z
      .enum(['always', 'unsure'])
      .optional()
      .describe(
        'Whether an end becomes a Wait at any confidence, or only if the confidence in the thought since the last Wait is below `unsure_below`. A Wait for each of `waits`, or one if it is omitted.',
      ),
    unsure_below: share
      .optional()
      .describe('Confidence below which an end becomes a Wait. If omitted, that of the model’s calibration. 0 to 1.'),
    confidence_measure: z
      .enum(confidenceMeasures)
      .optional()
      .describe(
        'Measure of `budget_forcing.confidence` and of `unsure_below`. If omitted, that of the calibration, or `min_token`.',
      ),
    stop_when: z
      .enum(['never', 'sure'])
      .optional()
      .describe(
        'With `sure`, short answers are probed at ends of lines, and thinking ends when they agree or are confident. Never below the minimum.',
      ),
    sure_above: share.optional().describe('Confidence of a probe that ends the thinking. If omitted, 0.95.'),
    sure_probes: z
      .int()
      .min(2)
      .max(16)
      .optional()
      .describe('Number of successive probes with the same answer that end the thinking. If omitted, 3.'),
    risk: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe(
        'Highest share of wrong answers, by the upper 95 % bound on the questions of the model’s calibration. Chooses Waits, threshold and maximum.',
      ),
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
    logprobs: z
      .boolean()
      .optional()
      .describe(
        'Chat Completions: whether to return the log probabilities of the thinking tokens, as `choices[].logprobs.reasoning_content`. A forced token has `logprob: null`.',
      ),
    top_logprobs: z
      .int()
      .min(0)
      .max(20)
      .optional()
      .describe('Number of most likely tokens to return with each thinking token. Requires `logprobs`.'),
    /** Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
    type: z
      .enum(['enabled', 'disabled', 'adaptive', 'auto'])
      .optional()
      .describe('Anthropic, DeepSeek and GLM: `disabled` means a maximum of 0, the others the default.'),
    display: z
      .enum(['summarized', 'omitted'])
      .optional()
      .describe('Anthropic: `omitted` leaves thinking out of the response. Otherwise it is sent in full.'),
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
    .describe(
      'OpenAI: the maximum of this effort in the model’s settings. `max` means `xhigh` unless it is configured.',
    ),
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
  thinking_budget: tokensOrDynamic
    .nullish()
    .describe('Qwen and DashScope: maximum of thinking tokens. -1 means the default.'),
  thinking_token_budget: tokensOrDynamic.nullish().describe('vLLM: maximum of thinking tokens.'),
  chat_template_kwargs: z
    .strictObject({
      enable_thinking: z.boolean().nullish(),
      thinking: z.boolean().nullish().describe('DeepSeek’s name for `enable_thinking`.'),
      thinking_budget: tokensOrDynamic.nullish(),
      reasoning_effort: effort.nullish(),
    })
    .nullish(),
  reasoning_budget_tokens: tokensOrDynamic.nullish().describe('llama.cpp server: maximum of thinking tokens.'),
  thinking_budget_tokens: tokensOrDynamic.nullish().describe('llama.cpp server: maximum of thinking tokens.'),
  think: z.union([z.boolean(), effort]).nullish().describe('Ollama: whether to think, or an effort.'),
  nvext: z
    .strictObject({ max_thinking_tokens: tokensOrDynamic.nullish() })
    .nullish()
    .describe('NVIDIA NIM: maximum of thinking tokens.'),
  output_config: z.strictObject({ effort: effort.nullish() }).nullish().describe('Anthropic.'),
  include_reasoning: z.boolean().nullish().describe('OpenRouter: `false` leaves thinking out of the response.'),
  generationConfig: google.nullish().describe('Gemini.'),
  generation_config: google.nullish(),
  thinkingConfig: thinkingConfig.nullish(),
  thinking_config: thinkingConfig.nullish(),
  google: google.nullish(),
  extra_body: z.strictObject({ google: google.nullish() }).nullish().describe('Gemini, through OpenAI’s clients.'),
} as const;

const budgetSchema = z.object(budgetFields);
export type BudgetFields = z.infer<typeof budgetSchema>;
