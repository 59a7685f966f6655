import * as z from 'zod';
import { formatNames } from '../forcing/format.ts';
import { scalingSettingsSchema } from './policy-settings.ts';

/**
 * The environment of the function, as `lib` writes it and `lambda` reads it: one schema for both.
 *
 * Lambda allows 4 KB for all variables together
 * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
 */

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

const backend = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sagemaker'),
    endpointName: z.string().min(1),
    /** Set where the endpoint holds inference components. */
    inferenceComponentName: z.string().min(1).optional(),
    /** The `model` field of the request body (vLLM's --served-model-name). */
    servedModelName: z.string().min(1).optional(),
  }),
  z.strictObject({
    kind: z.literal('completions'),
    /** Base of an OpenAI-compatible server; `/completions` is appended. For instance `http://localhost:8000/v1`. */
    baseUrl: z.url(),
    servedModelName: z.string().min(1),
    apiKey: z.string().min(1).optional(),
  }),
]);

const tokenizer = z.discriminatedUnion('kind', [
  /** A Hugging Face tokenizer.json, absolute or relative to the function's code. */
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1) }),
  /** The model's server tokenizes (vLLM's `/tokenize`). */
  z.strictObject({ kind: z.literal('endpoint') }),
]);

const deployedScalingSchema = z.strictObject({
  /** The component whose copies serve the model: an adapter's base where it is one. */
  componentName: z.string().min(1),
  /** The model whose copies they are. Models of one base share its load. */
  modelId: z.string().min(1),
  ...scalingSettingsSchema.shape,
});
export type DeployedScaling = z.infer<typeof deployedScalingSchema>;

const modelSettingsSchema = z.strictObject({
  /** The name that a client writes in `model`. */
  id: z.string().min(1).max(128),
  format: z.enum(formatNames),
  /** Prompt, thinking and answer together. Tokens. */
  contextTokens: z.int().min(128),
  backend,
  tokenizer,
  /** Thinking tokens where a request names no maximum. */
  defaultMaxThinkingTokens: z.int().min(0),
  /** The most thinking that a request may ask for. Tokens. */
  maxThinkingTokens: z.int().min(0),
  /** Answer tokens where a request names no maximum. */
  defaultMaxAnswerTokens: z.int().min(1),
  /** What each `reasoning_effort` means. Thinking tokens. */
  efforts: z.partialRecord(z.enum(reasoningEfforts), z.int().min(0)),
  /** From this share of its maximum on, thinking ends with a sentence or a line, where a request says nothing. 0 to 1. */
  softLanding: z.number().min(0).max(1).optional(),
  /** Whether a thought that repeats itself is cut, where a request says nothing. */
  detectLoops: z.boolean().optional(),
  /** Dollars for a million tokens, for what the API says of its price. */
  dollarsPerMillionTokens: z.strictObject({ prompt: z.number().min(0), completion: z.number().min(0) }).optional(),
  /** The system message where a conversation has none. Absent: the format's own. */
  systemPrompt: z.string().optional(),
  /** Sampling where a request says nothing, for instance a card's recommended temperature. */
  defaultTemperature: z.number().min(0).max(2).optional(),
  /** How its copies scale, and whose thinking may shrink under load. Absent: nobody looks at the load. */
  scaling: deployedScalingSchema.optional(),
});
export type ModelSettings = z.infer<typeof modelSettingsSchema>;

export const settingsSchema = z.strictObject({
  models: z.array(modelSettingsSchema).min(1),
  /** Secrets Manager secret whose string is the bearer key, or a JSON object with `apiKey`. Absent: no key is asked for. */
  apiKeySecretArn: z.string().min(1).optional(),
  /** SHA-256 of each valid key, in hex; where no secret is set. */
  apiKeySha256: z.array(z.hash('sha256')).min(1).optional(),
  /** DynamoDB table of keys, limits, usage and load (lambda/storage/table.ts). Absent: none of these is kept. */
  tableName: z.string().min(1).optional(),
  /** The longest that a request may take, from admission to the last byte. Milliseconds. */
  requestTimeoutMs: z.int().min(1_000).max(900_000),
  /**
   * How long a request waits for a copy where the endpoint has none, its stream kept alive. Milliseconds; 0 answers 503 with
   * Retry-After at once.
   */
  capacityWaitMs: z.int().min(0),
  /** A comment line is sent when a stream was silent for this long. Milliseconds; 0 switches it off. */
  keepAliveMs: z.int().min(0),
});
export type Settings = z.infer<typeof settingsSchema>;

/** The variable that holds the settings as JSON. */
export const SETTINGS_VARIABLE = 'BUDGETFORCE_SETTINGS';

/** @throws {Error} with the path, what was expected and what came. */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const text = environment[SETTINGS_VARIABLE];
  if (text === undefined) throw new Error(`The environment variable ${SETTINGS_VARIABLE} is not set.`);
  const parsed = settingsSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${SETTINGS_VARIABLE} is wrong:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
