import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { deriveFormat, type PublishedTemplate } from '../lambda/formats/derive-format.ts';
import { aliasesSchema } from '../lambda/settings/aliases.ts';
import { batchRulesSchema } from '../lambda/settings/batch-settings.ts';
import { retentionSchema } from '../lambda/settings/retention.ts';
import { routeSchema } from '../lambda/settings/routes.ts';
import { apiSchema, formatSchema, requestFields, tokenizerSchema } from './api/api-schema.ts';
import { externalUpstreamSchema } from './api/external-model.ts';
import { templateBeside } from './api/published-template.ts';
import { backgroundSchema } from './background/background-schema.ts';
import { endpointSchema } from './endpoint/endpoint-schema.ts';
import { copyFields } from './endpoint/scaling-schema.ts';
import { monitoringSchema } from './monitoring/monitoring-schema.ts';
import { retrievalSchema } from './retrieval/retrieval-schema.ts';
import { serverFields, weightFields } from './serving/model-schema.ts';
import { trainingSchema } from './training/training-schema.ts';
import { weightsSchema } from './weights/weights-schema.ts';

/**
 * The config of one stage, as a JSON file. The schema checks shapes and types, each room its own part. Whether the values
 * work on AWS is checked by the constructs, because other apps use them without a config file.
 */

const id = z.string().min(1).max(128).describe('Name that a client writes in `model`.');

/** Fields of a model that the endpoint hosts, and that a model on another server cannot have. */
const hostedFields = { ...weightFields, ...serverFields, ...copyFields };

const hostedModelSchema = z.strictObject({
  id,
  format: formatSchema,
  ...weightFields,
  tokenizer: tokenizerSchema,
  ...serverFields,
  ...copyFields,
  ...requestFields,
});

const externalModelSchema = z.strictObject(
  {
    id,
    format: formatSchema,
    upstream: externalUpstreamSchema.describe(
      'Server of the model, if it exists already: instead of `source` and the fields of server and copies.',
    ),
    contextTokens: z
      .int()
      .min(128)
      .describe('Window that the server serves (vLLM’s `--max-model-len`: prompt, thinking and answer), in tokens.'),
    tokenizer: tokenizerSchema,
    ...requestFields,
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? uselessFields(issue.keys) : undefined) },
);

function uselessFields(keys: readonly string[]): string | undefined {
  const useless = keys.filter((key) => key in hostedFields);
  if (useless.length === 0) return undefined;
  return `A model with "upstream" runs on a server of its own, which Budgetforce does not start or scale: leave out ${useless.join(', ')}, or host the model on the endpoint and leave out upstream`;
}

const stageSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z
    .string()
    .regex(
      /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
      'Expected at most 40 lower-case letters, digits and dashes, starting with a letter',
    )
    .describe('Name of the stage, which its stacks and its endpoint bear.'),
  account: z
    .string()
    .regex(/^\d{12}$/)
    .optional()
    .describe('AWS account. If omitted, the account of the credentials at deployment.'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'Expected a region, for instance "us-east-1"')
    .describe('AWS region, for instance `us-east-1`.'),
  endpoint: endpointSchema.optional().describe('Endpoint of the models with a `source`. Omitted if there is none.'),
  models: z.array(z.union([hostedModelSchema, externalModelSchema])).min(1),
  aliases: aliasesSchema
    .default({})
    .describe(
      'Further names of models: the id of the model by the alias, for instance `{ "gpt-5": "s1-32b" }`. A response has the name that the request has. The limits of a key name ids.',
    ),
  routes: z
    .array(routeSchema)
    .default([])
    .describe(
      'Further model ids, behind which several models answer, the smallest first ([routes](routes.md)). A key must allow every model of a route.',
    ),
  weights: weightsSchema
    .optional()
    .describe(
      'Stack with a bucket for weights and a CodeBuild project that brings models of the Hugging Face hub into it (`npx budgetforce weights --codebuild`). If omitted, there is none.',
    ),
  training: trainingSchema
    .optional()
    .describe(
      'Stack that fine-tunes a hosted model and brings it into service ([fine-tuning](fine-tuning.md)). Costs nothing while no run is going. If omitted, there is none.',
    ),
  api: apiSchema.prefault({}),
  retention: retentionSchema
    .prefault({})
    .describe('How long content of requests is stored. A key has to allow it too ([feedback](feedback.md)).'),
  background: backgroundSchema
    .optional()
    .describe(
      'Responses that run after the answer to their request, for as long as they take ([background](background.md)). Requires retention.responsesDays. If omitted, none do.',
    ),
  retrieval: retrievalSchema
    .optional()
    .describe(
      'Stores of documents in which requests look ([retrieval](retrieval.md#deployed)), in the API’s stack. If omitted, there are none.',
    ),
  batches: batchRulesSchema
    .optional()
    .describe(
      'Batches of requests, which run when copies are free ([batches](batches.md#deployed)). Needs `retention.filesDays`. If omitted, there are none.',
    ),
  watching: monitoringSchema.prefault({}),
  logRetentionDays: z
    .union([z.literal(1), z.literal(7), z.literal(30), z.literal(90), z.literal(365)])
    .default(30)
    .describe('Retention of the logs, in days. They contain neither prompts nor answers.'),
});

const hosts = ({ models }: z.output<typeof stageSchema>) => models.some((model) => !('upstream' in model));

export const configSchema = stageSchema
  .refine((config) => config.endpoint !== undefined || !hosts(config), {
    path: ['endpoint'],
    error: 'Expected an endpoint, which hosts the models with a source: write endpoint, or give each model an upstream',
  })
  .refine((config) => config.endpoint === undefined || hosts(config), {
    path: ['endpoint'],
    error: 'Every model has an upstream, so the endpoint would host none: leave endpoint out',
  })
  .refine((config) => config.training === undefined || config.endpoint !== undefined, {
    path: ['training'],
    error:
      'There is no endpoint whose model could be trained: write endpoint and a model with a source, or leave training out',
  })
  .refine((config) => config.training?.network === undefined || config.endpoint?.network !== undefined, {
    path: ['training', 'network'],
    error:
      'The job is to be in the network of the endpoint, but endpoint.network is missing: write endpoint.network, or leave training.network out',
  })
  .refine(({ api, endpoint }) => api.network?.kind !== 'endpoint' || endpoint?.network !== undefined, {
    path: ['api', 'network'],
    error:
      'The function is to be in the network of the endpoint, but endpoint.network is missing: write endpoint.network, or api.network of kind "existing" with subnets of yours',
  });

export type Config = z.output<typeof configSchema>;
/** A model that the endpoint hosts. */
export type ModelConfig = z.output<typeof hostedModelSchema>;
/** A hosted model as it is written. */
export type ModelConfigInput = z.input<typeof hostedModelSchema>;
/** A model on a server of its own. */
export type ExternalModelConfig = z.output<typeof externalModelSchema>;
/** A model on a server of its own, as it is written. */
export type ExternalModelConfigInput = z.input<typeof externalModelSchema>;
/** A config with an endpoint, and of its models those that the endpoint hosts. */
export type HostedConfig = Omit<Config, 'endpoint' | 'models'> & {
  readonly endpoint: NonNullable<Config['endpoint']>;
  readonly models: readonly ModelConfig[];
};
/** A config as it is written: fields with a default may be omitted. */
export type ConfigInput = z.input<typeof configSchema>;

/** Thrown for a config that does not match the schema. The message lists each wrong path. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Parses a config.
 *
 * @param name how messages refer to the config, usually its file
 * @throws {ConfigError} with each wrong path, what was expected and what was received.
 */
export function parseConfig(input: unknown, name = 'The config'): Config {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue) => issuesOfForm(issue, input));
    throw new ConfigError(`${name} is wrong:\n${z.prettifyError({ issues })}`);
  }
  return parsed.data;
}

/** Returns the part of a config that an endpoint hosts. `undefined` if all models are on other servers. */
export function hostedPart(config: Config): HostedConfig | undefined {
  const { endpoint, models } = config;
  if (endpoint === undefined) return undefined;
  return { ...config, endpoint, models: models.filter((model): model is ModelConfig => !('upstream' in model)) };
}

/** Returns the models on other servers. */
export function externalModels(config: Config): readonly ExternalModelConfig[] {
  return config.models.filter((model) => 'upstream' in model);
}

/** Replaces the issue of a model or a fallback that is wrong in both forms by the issues of the form that it has: with or without `upstream`. */
function issuesOfForm(issue: z.core.$ZodIssue, input: unknown): readonly z.core.$ZodIssue[] {
  const { path } = issue;
  const hasForms = path[0] === 'models' && (path.length === 2 || (path.length === 4 && path[2] === 'fallbacks'));
  if (issue.code !== 'invalid_union' || !hasForms) return [issue];
  const value = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    input,
  );
  const form = typeof value === 'object' && value !== null && 'upstream' in value ? 1 : 0;
  return (issue.errors[form] ?? []).flatMap((inner) =>
    issuesOfForm({ ...inner, path: [...path, ...inner.path] }, input),
  );
}

/**
 * Reads a config file. Paths in it are relative to its folder. A model of format `auto` gets the format of the chat template beside its
 * tokenizer.json.
 *
 * @param note receives a line for each derived format. @default - writes it to the standard error
 * @throws {ConfigError} if the file cannot be read, is not JSON, or does not match the schema.
 */
export function loadConfig(file: string, note: (line: string) => void = noteToStderr): Config {
  const config = parseConfig(withFormats(readJson(file), file, note), file);
  const inFolder = (path: string | undefined) =>
    path === undefined || path === 'endpoint' ? path : resolve(dirname(file), path);
  const models = config.models.map((model) => ({
    ...model,
    tokenizer: inFolder(model.tokenizer),
    ...(model.fallbacks !== undefined && {
      fallbacks: model.fallbacks.map((fallback) =>
        'model' in fallback ? fallback : { ...fallback, tokenizer: inFolder(fallback.tokenizer) },
      ),
    }),
  }));
  return { ...config, models };
}

function noteToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A model or a fallback with the format `auto`. A fallback has no id. */
const autoFormatSchema = z.looseObject({ format: z.literal('auto'), tokenizer: z.string().optional() });
const withFallbacksSchema = z.looseObject({ id: z.string(), fallbacks: z.array(z.unknown()).optional() });

/** Replaces the format `auto` of each model and fallback by the one that its files say. */
function withFormats(input: unknown, file: string, note: (line: string) => void): unknown {
  const config = z.looseObject({ models: z.array(z.unknown()) }).safeParse(input).data;
  if (config === undefined) return input;
  const derive = (part: unknown, name: string): unknown => {
    const auto = autoFormatSchema.safeParse(part).data;
    return auto === undefined ? part : { ...auto, format: formatOf(name, auto, file, note) };
  };
  const models = config.models.map((model) => {
    const named = withFallbacksSchema.safeParse(model).data;
    if (named === undefined) return model;
    const fallbacks = named.fallbacks?.map((fallback, index) =>
      derive(fallback, `fallback ${index + 1} of ${named.id}`),
    );
    return derive({ ...named, ...(fallbacks === undefined ? {} : { fallbacks }) }, named.id);
  });
  return { ...config, models };
}

function formatOf(
  id: string,
  { tokenizer }: z.output<typeof autoFormatSchema>,
  file: string,
  note: (line: string) => void,
): string {
  if (tokenizer === undefined || tokenizer === 'endpoint') {
    throw new ConfigError(
      `${file} is wrong: format of ${id} is "auto", which reads the chat template beside the model's tokenizer.json, but tokenizer ${tokenizer === undefined ? 'is missing' : 'is "endpoint"'}: write the path of the tokenizer.json beside the weights, or the format by its name.`,
    );
  }
  const derived = deriveFormat(readTemplate(id, resolve(dirname(file), tokenizer), file));
  if (derived.format === undefined) {
    throw new ConfigError(`${file} is wrong: format of ${id} is "auto", but none can be derived. ${derived.because}`);
  }
  note(`Format of ${id}: ${derived.format}, since ${derived.because}.`);
  return derived.format;
}

function readTemplate(id: string, tokenizer: string, file: string): PublishedTemplate {
  try {
    return templateBeside(tokenizer);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `${file} is wrong: format of ${id} is "auto", but the files beside ${tokenizer} cannot be read: ${reason}. Write the path of the tokenizer.json beside the weights, or the format by its name.`,
      { cause },
    );
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `${file} cannot be read as a config: ${reason}. Write the path of a JSON file (for cdk: --context config=FILE.json).`,
      {
        cause,
      },
    );
  }
}
