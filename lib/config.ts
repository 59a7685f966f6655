import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { retentionSchema } from '../lambda/settings/retention.ts';
import { apiSchema, formatSchema, requestFields, tokenizerSchema } from './api/api-schema.ts';
import { endpointSchema } from './endpoint/endpoint-schema.ts';
import { copyFields } from './endpoint/scaling-schema.ts';
import { monitoringSchema } from './monitoring/monitoring-schema.ts';
import { serverFields, weightFields } from './serving/model-schema.ts';

/**
 * The config of one stage, as a JSON file. The schema checks shapes and types, each room its own part. Whether the values
 * work on AWS is checked by the constructs, because other apps use them without a config file.
 */

const modelSchema = z.strictObject({
  id: z.string().min(1).max(128).describe('Name that a client writes in `model`.'),
  format: formatSchema,
  ...weightFields,
  tokenizer: tokenizerSchema,
  ...serverFields,
  ...copyFields,
  ...requestFields,
});

export const configSchema = z.strictObject({
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
  endpoint: endpointSchema,
  models: z.array(modelSchema).min(1),
  api: apiSchema.prefault({}),
  retention: retentionSchema
    .prefault({})
    .describe('How long content of requests is stored. Reserved: nothing stores content yet.'),
  watching: monitoringSchema.prefault({}),
  logRetentionDays: z
    .union([z.literal(1), z.literal(7), z.literal(30), z.literal(90), z.literal(365)])
    .default(30)
    .describe('Retention of the logs, in days. They contain neither prompts nor answers.'),
});

export type Config = z.output<typeof configSchema>;
export type ModelConfig = Config['models'][number];
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
  if (!parsed.success) throw new ConfigError(`${name} is wrong:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Reads a config file. Paths in it are relative to its folder.
 *
 * @throws {ConfigError} if the file cannot be read, is not JSON, or does not match the schema.
 */
export function loadConfig(file: string): Config {
  const config = parseConfig(readJson(file), file);
  const models = config.models.map((model) =>
    model.tokenizer === undefined || model.tokenizer === 'endpoint'
      ? model
      : { ...model, tokenizer: resolve(dirname(file), model.tokenizer) },
  );
  return { ...config, models };
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
