import * as z from 'zod';
import { formatNames } from '../forcing/format.ts';
import { upstreamSchema } from '../upstream/registry.ts';
import { aliasesSchema, aliasProblem } from './aliases.ts';
import { backgroundSettingsSchema } from './background-settings.ts';
import { batchSettingsSchema } from './batch-settings.ts';
import { calibrationSchema, gateDefaultsSchema } from './calibration.ts';
import { corsOriginSchema } from './cors-origin.ts';
import {
  fallbackProblem,
  fallbackSettingsSchema,
  MAX_FALLBACKS,
  priceSchema,
  tokenizerSettingsSchema,
} from './fallback-settings.ts';
import { scalingSettingsSchema } from './policy-settings.ts';
import { retentionSchema } from './retention.ts';
import { retrievalSettingsSchema } from './retrieval-settings.ts';
import { routeProblem, routeSchema } from './routes.ts';

/** Settings of the function: one schema for `lib`, which writes them, and `lambda`, which reads them (read-settings.ts). */

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** `shared`: a prompt may reuse what any key has sent. `per-key`: only what its own key has sent. */
export const prefixCaches = ['shared', 'per-key'] as const;
export type PrefixCache = (typeof prefixCaches)[number];

const deployedScalingSchema = z.strictObject({
  /** Inference component whose copies serve the model. For an adapter, its base component. */
  componentName: z.string().min(1),
  /** Model that owns the copies. Models of the same base share its load. */
  modelId: z.string().min(1),
  ...scalingSettingsSchema.shape,
});
export type DeployedScaling = z.infer<typeof deployedScalingSchema>;

const zeroCopiesSchema = z.strictObject({
  /** Inference component whose copies serve the model. For an adapter, its base component. */
  componentName: z.string().min(1),
  /** Model that owns the copies. */
  modelId: z.string().min(1),
  /** Expected time until the first copy takes requests, in seconds. If omitted, unknown. */
  startSeconds: z.number().min(0).optional(),
  /** Expected decode time of one token, in seconds. If omitted, unknown. */
  secondsPerToken: z.number().min(0).optional(),
});
export type ZeroCopiesSettings = z.infer<typeof zeroCopiesSchema>;

const modelSettingsSchema = z.strictObject({
  /** Value of a request's `model`. */
  id: z.string().min(1).max(128),
  format: z.enum(formatNames),
  /** Prompt, thinking and answer together, in tokens. */
  contextTokens: z.int().min(128),
  upstream: upstreamSchema,
  tokenizer: tokenizerSettingsSchema,
  /** Maximum of thinking tokens if a request sets none. */
  defaultMaxThinkingTokens: z.int().min(0),
  /** Highest maximum of thinking tokens that a request may set. */
  maxThinkingTokens: z.int().min(0),
  /** Maximum of answer tokens if a request sets none. */
  defaultMaxAnswerTokens: z.int().min(1),
  /** Maximum of each `reasoning_effort`, in thinking tokens. */
  efforts: z.partialRecord(z.enum(reasoningEfforts), z.int().min(0)),
  /** Share of the maximum from which thinking ends at the next end of a sentence or line, if a request sets none. 0 to 1. */
  softLanding: z.number().min(0).max(1).optional(),
  /** Whether thinking that repeats itself is cut, if a request does not say. */
  detectLoops: z.boolean().optional(),
  /** Rules by confidence if neither a request nor its key sets them. */
  gates: gateDefaultsSchema.optional(),
  /** Thresholds and policies that were measured for the model. If omitted, requests give their own thresholds. */
  calibration: calibrationSchema.optional(),
  /** Price that the API reports, in dollars per million tokens. */
  dollarsPerMillionTokens: priceSchema.optional(),
  /** System message of a conversation without one. If omitted, the format's own. */
  systemPrompt: z.string().optional(),
  /** Temperature if a request sets none, for instance the recommendation of the model card. */
  defaultTemperature: z.number().min(0).max(2).optional(),
  /** Scaling of the model's copies. If omitted, the model does not scale by load. */
  scaling: deployedScalingSchema.optional(),
  /** How the model leaves zero copies. If omitted, it never scales to zero. */
  zeroCopies: zeroCopiesSchema.optional(),
  /** Upstreams on which its requests go on if its own fails, in this order. If omitted, none. */
  fallbacks: z.array(fallbackSettingsSchema).min(1).max(MAX_FALLBACKS).optional(),
  /** Time without a first chunk after which the first fallback is called as well, in milliseconds. If omitted, it is not. */
  hedgeAfterMs: z.int().min(1).optional(),
  /** Time between two chunks of its calls after which they are ended and resumed, in milliseconds. If omitted, that of all models. */
  upstreamIdleMs: z.int().min(1).optional(),
});
export type ModelSettings = z.infer<typeof modelSettingsSchema>;

const webhookSettingsSchema = z.strictObject({
  /** Secrets Manager secret from which the signing secrets of all webhooks follow. */
  secretArn: z.string().min(1),
});

const fields = z.strictObject({
  models: z.array(modelSettingsSchema).min(1),
  /** Further names of models: the id of the model by the alias. If omitted, there are none. */
  aliases: aliasesSchema.optional(),
  /** Ids behind which several models answer. If omitted, there are none. */
  routes: z.array(routeSchema).optional(),
  /** Whether `/v1/completions` may be used, whose prompts may contain control tokens. If omitted, it may not. */
  rawPrompts: z.boolean().optional(),
  /** Whether keys share the prefix cache of a model. If omitted, they do. */
  prefixCache: z.enum(prefixCaches).optional(),
  /** Origins of pages that may call the API from a browser. If omitted, none. */
  corsOrigins: z.array(corsOriginSchema).optional(),
  /** Whether long JSON answers are compressed. If omitted, they are not. */
  gzip: z.boolean().optional(),
  /**
   * Secrets Manager secret whose string is the admin key, or a JSON object with `apiKey` or `apiKeys`. If this and `apiKeySha256` are
   * omitted, requests need no key.
   */
  apiKeySecretArn: z.string().min(1).optional(),
  /** SHA-256 of each admin key, in hex. Ignored if `apiKeySecretArn` is set. */
  apiKeySha256: z.array(z.hash('sha256')).min(1).optional(),
  /** DynamoDB table of keys, limits, usage and load (lambda/storage/table.ts). If omitted, none of these is stored. */
  tableName: z.string().min(1).optional(),
  /** S3 bucket of the content that `retention` allows to store. If omitted, none is stored. */
  contentBucket: z.string().min(1).optional(),
  /** How long content of requests is stored. If omitted, nothing is. */
  retention: retentionSchema.prefault({}),
  /** How responses run in the background. If omitted, none do. */
  background: backgroundSettingsSchema.optional(),
  /** Where documents and their passages are. If omitted, there is no retrieval. */
  retrieval: retrievalSettingsSchema.optional(),
  /** Batches of requests. If omitted, none are taken. */
  batches: batchSettingsSchema.optional(),
  /** Webhooks of keys. If omitted, none are sent. */
  webhooks: webhookSettingsSchema.optional(),
  /** Whether requests with fields that have no effect are refused. If false, such fields are reported as ignored. */
  strict: z.boolean().optional(),
  /** Time limit of a request, from admission to the last byte, in milliseconds. */
  requestTimeoutMs: z.int().min(1_000).max(900_000),
  /**
   * How long a request waits for the first copy of an endpoint without copies, in milliseconds. Its stream is kept alive. 0 responds
   * at once with 503 and Retry-After.
   */
  capacityWaitMs: z.int().min(0),
  /** Time without an event after which a stream sends a comment line, in milliseconds. 0 never sends one. */
  keepAliveMs: z.int().min(0),
  /**
   * Time between two chunks of a call after which it is ended and resumed, in milliseconds; before the first chunk, five times as
   * long. If omitted, a minute.
   */
  upstreamIdleMs: z.int().min(1).optional(),
});

export const settingsSchema = fields.superRefine(({ models, aliases = {}, routes = [] }, context) => {
  const modelIds = models.map(({ id }) => id);
  const routeIds = routes.map(({ id }) => id);
  const problem = aliasProblem(aliases, [...modelIds, ...routeIds]);
  const wrong = routeProblem(routes, models, aliases);
  if (wrong !== undefined) context.addIssue({ code: 'custom', path: ['routes', wrong.index], message: wrong.sentence });
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: ['aliases', problem.alias], message: problem.sentence });
  const failing = fallbackProblem(models);
  if (failing !== undefined) {
    const at = models.findIndex(({ id }) => id === failing.id);
    context.addIssue({ code: 'custom', path: ['models', at, 'fallbacks'], message: failing.sentence });
  }
});
export type Settings = z.infer<typeof settingsSchema>;
