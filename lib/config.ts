import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { formatNames } from '../lambda/forcing/format.ts';
import { policySchema } from '../lambda/settings/policy-settings.ts';
import { reasoningEfforts } from '../lambda/settings/settings.ts';
import { ledgerChoices } from './api/ledger-table.ts';
import { accelerationNames } from './serving/accelerations.ts';
import { architectureNames } from './serving/architecture.ts';
import { amiVersions, DEFAULT_VLLM_TAG, vllmTags } from './serving/container-image.ts';

/**
 * One stage as a JSON file: what is deployed, and how it behaves. Shapes and types are checked here; whether AWS can do it
 * is checked by the constructs, which other apps use without this file.
 */

const count = z.int().min(0);
const seconds = z.int().min(0);

const copiesSchema = z
  .strictObject({
    initial: count.default(1).describe('When it is created: at least 1.'),
    min: count.default(1).describe('0 scales to zero.'),
    max: count.default(1),
  })
  .prefault({});

const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('s3'),
    uri: z
      .string()
      .startsWith('s3://')
      .describe('Uncompressed weights in Hugging Face’s layout, in a bucket of the region: `s3://bucket/prefix/`.'),
    kmsKeyArn: z.string().min(1).optional().describe('The key that the objects are encrypted with.'),
  }),
  z.strictObject({
    kind: z.literal('hub'),
    id: z.string().min(1).describe('A model of the Hugging Face hub. The container downloads it at each start.'),
    revision: z.string().min(1).optional().describe('A branch, tag or commit.'),
    tokenSecretName: z.string().min(1).optional().describe('Secret whose string is a token for a gated model.'),
  }),
]);

const imageSchema = z
  .union([
    z.enum(vllmTags),
    z.strictObject({
      uri: z.string().min(1).describe('In a private ECR repository of the region.'),
      cuda: z.number().describe('Major and minor version, for instance 12.9.'),
      server: z.enum(['vllm', 'lmi']).optional().describe('Whose environment it understands; vllm by default.'),
    }),
  ])
  .describe('The server: a tag of AWS’s vLLM or LMI image, or a copy of one’s own in ECR.');

const vllmSchema = z.strictObject({
  tensorParallel: z.int().min(1).default(1).describe('GPUs that hold one copy together.'),
  contextTokens: z.int().min(128).optional().describe('Less than the model’s window leaves room for more requests.'),
  maxSequences: z.int().min(1).optional().describe('Requests that one copy decodes at once.'),
  gpuMemoryShare: z.number().gt(0).max(1).optional().describe('Share of a GPU’s memory for weights and KV cache.'),
  dtype: z.enum(['bfloat16', 'float16']).optional(),
  quantization: z.enum(['fp8', 'awq', 'gptq', 'compressed-tensors']).optional(),
  kvCacheDtype: z.enum(['fp8']).optional().describe('Holds twice the tokens, at a small loss.'),
  prefixCaching: z.boolean().optional().describe('Off, each "Wait" evaluates the whole thought again.'),
  chunkedPrefill: z.boolean().optional().describe('Whether a long prompt is evaluated between the steps of others.'),
  accelerations: z
    .array(z.enum(accelerationNames))
    .optional()
    .describe('What makes it faster or smaller, one word each. What is written beside it wins.'),
  draftModel: z.string().min(1).optional().describe('The small model of acceleration `draft-model`.'),
  draftTokens: z.int().min(1).max(16).optional().describe('Tokens that are drafted at once. 4 by default.'),
  flags: z
    .record(z.string().regex(/^[a-z0-9-]+$/), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('Other flags of `vllm serve`, without dashes before them.'),
});

const dimension = z.int().min(1);
const architectureSchema = z.strictObject({
  hiddenSize: dimension.describe('`hidden_size`'),
  intermediateSize: dimension.describe('`intermediate_size`'),
  layers: dimension.describe('`num_hidden_layers`'),
  heads: dimension.describe('`num_attention_heads`'),
  keyValueHeads: dimension.describe('`num_key_value_heads`'),
  headSize: dimension.describe('`head_dim`'),
  vocabulary: dimension.describe('`vocab_size`'),
  tiedEmbeddings: z.boolean().describe('`tie_word_embeddings`'),
});

const scalingSchema = z.strictObject({
  committedTokensPerCopy: z
    .number()
    .gt(0)
    .optional()
    .describe('Thinking tokens that the requests of one copy may still use: adds copies before requests queue.'),
  thinking: z
    .strictObject({
      elastic: z
        .enum(['asked', 'always', 'never'])
        .optional()
        .describe(
          'Whose thinking may shrink: of requests that ask for it or whose key does, of all that do not refuse, or of none. `asked` by default.',
        ),
      startSeconds: seconds.optional().describe('How long a copy takes to start, until measured. 600 by default.'),
      policy: policySchema.optional().describe('Settings of the policies.'),
    })
    .optional()
    .describe('Looks at the load of every request: budgets that shrink, and copies as they are wanted.'),
  scaleOutCooldownSeconds: seconds.optional().describe('Rest after copies were added. 300 by default.'),
  scaleInCooldownSeconds: seconds.optional().describe('Rest after copies were removed. 300 by default.'),
  schedule: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        schedule: z.string().min(1).describe('For instance `cron(0 7 ? * MON-FRI *)`.'),
        timezone: z.string().min(1).optional().describe('For instance `Europe/Berlin`; UTC by default.'),
        min: count,
        max: count,
      }),
    )
    .optional()
    .describe('Other ranges of copies from a time on.'),
});

const adapterSchema = z.strictObject({
  id: z.string().min(1).max(128).describe('The name that a client writes in `model`.'),
  uri: z.string().startsWith('s3://').describe('One archive: `s3://bucket/prefix/adapter.tar.gz`.'),
});

const thinkingSchema = z.strictObject({
  defaultMaxTokens: count.optional().describe('Thinking tokens where a request names no maximum.'),
  maxTokens: count.optional().describe('The most thinking that a request may ask for.'),
  defaultMaxAnswerTokens: z.int().min(1).optional().describe('Answer tokens where a request names no maximum.'),
  efforts: z
    .partialRecord(z.enum(reasoningEfforts), count)
    .optional()
    .describe('What each `reasoning_effort` means. Thinking tokens.'),
});

const modelSchema = z.strictObject({
  id: z.string().min(1).max(128).describe('The name that a client writes in `model`.'),
  format: z.enum(formatNames).describe('How the family delimits thinking and answer.'),
  source: sourceSchema,
  contextTokens: z.int().min(128).describe('The window that the model was trained for: prompt, thinking and answer.'),
  architecture: z
    .union([z.enum(architectureNames), architectureSchema])
    .optional()
    .describe('The shape, from which memory and speed follow: a well-known name, or the fields of config.json.'),
  weightBits: z
    .union([z.literal(4), z.literal(8), z.literal(16)])
    .optional()
    .describe('Bits of one stored weight. By default what `vllm.quantization` says, 16 without it.'),
  tokenizer: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Path of the model’s tokenizer.json, from this file; or `endpoint`, to ask the model’s server. The family’s for the formats s1, qwq, qwen3 and gpt-oss.',
    ),
  image: imageSchema.default(DEFAULT_VLLM_TAG),
  vllm: vllmSchema.prefault({}),
  copies: copiesSchema,
  requestsPerCopy: z.int().min(1).default(8).describe('Requests in flight that one copy should have.'),
  memoryMib: z.int().min(128).optional().describe('Memory of the host that one copy reserves.'),
  downloadSeconds: seconds
    .optional()
    .describe('How long the weights may take from S3 to the instance. By default what fits their size.'),
  startupSeconds: seconds
    .optional()
    .describe('How long the server may take until it is healthy. By default what fits the weights’ size.'),
  scaling: scalingSchema.optional().describe('Scaling beside `requestsPerCopy`.'),
  adapters: z.array(adapterSchema).default([]).describe('LoRA adapters that the model’s copies serve too.'),
  environment: z.record(z.string(), z.string()).optional().describe('Further variables of the container.'),
  thinking: thinkingSchema.prefault({}),
  systemPrompt: z.string().optional().describe('The system message where a conversation has none.'),
  defaultTemperature: z.number().min(0).max(2).optional(),
});

const routingSchema = z.discriminatedUnion('strategy', [
  z.strictObject({
    strategy: z.literal('prefix-aware'),
    prefixBytes: z.int().default(1_024).describe('Bytes of the body that are compared, 1,024 to 65,536.'),
    concurrencyThreshold: z.int().default(64).describe('Requests in flight from which on an instance is passed over.'),
  }),
  z.strictObject({ strategy: z.literal('least-outstanding-requests') }),
  z.strictObject({ strategy: z.literal('random') }),
]);

const bakeSeconds = seconds.optional().describe('How long each part is watched. 300 by default.');
const percent = z.number().describe('Of the endpoint’s instances.');

const deploymentSchema = z.discriminatedUnion('strategy', [
  z.strictObject({ strategy: z.literal('all-at-once'), bakeSeconds }),
  z.strictObject({ strategy: z.literal('canary'), percent, bakeSeconds }),
  z.strictObject({ strategy: z.literal('linear'), percent, bakeSeconds }),
  z.strictObject({ strategy: z.literal('rolling'), percent, bakeSeconds }),
]);

const networkSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('isolated'),
    cidr: z.string().optional().describe('Range of the VPC. `10.0.0.0/20` by default.'),
  }),
  z.strictObject({
    kind: z.literal('existing'),
    subnetIds: z.array(z.string().startsWith('subnet-')).min(1),
    securityGroupIds: z.array(z.string().startsWith('sg-')).min(1),
  }),
]);

const endpointSchema = z.strictObject({
  instanceType: z.string().min(1).describe('For instance `ml.p5.48xlarge`.'),
  fallbackInstanceTypes: z
    .array(z.string().min(1))
    .optional()
    .describe('Types to fall back to without capacity, in this order. Every model must fit each.'),
  provisionSeconds: seconds.optional().describe('How long SageMaker looks for an instance, 300 to 3,600.'),
  capacityReservation: z
    .strictObject({
      planArn: z.string().min(1).describe('ARN of the training plan.'),
      instanceType: z.string().min(1).describe('The type that it reserves.'),
    })
    .optional()
    .describe('Reserved instances: only they are used, and at the end of the plan serving stops.'),
  scaleIn: z
    .strictObject({
      strategy: z.enum(['idle-release', 'consolidation']),
      cooldownMinutes: z.int().optional().describe('Between two rounds of consolidation, 5 to 1,440.'),
    })
    .optional()
    .describe('How instances without work are given back.'),
  deployment: deploymentSchema
    .optional()
    .describe('How the endpoint goes over to a new config. All at once by default.'),
  network: networkSchema
    .optional()
    .describe('Where the containers have their network: a new VPC without internet, or subnets of one’s own.'),
  instances: copiesSchema,
  inferenceAmiVersion: z.enum(amiVersions).optional().describe('By default the one that fits image and GPU.'),
  routing: routingSchema.prefault({ strategy: 'prefix-aware' }),
  networkIsolation: z.boolean().optional().describe('By default true where every model comes from S3.'),
  kmsKeyArn: z.string().min(1).optional().describe('Key for the storage volumes; GPU instances refuse it.'),
  detailedMetrics: z
    .boolean()
    .default(true)
    .describe('The server’s and the GPUs’ metrics as OpenTelemetry, charged by the gigabyte.'),
});

const apiSchema = z.strictObject({
  apiKey: z.boolean().default(true).describe('Whether a bearer key is generated and asked for.'),
  ledger: z
    .enum(ledgerChoices)
    .default('keep')
    .describe(
      'The table of keys, limits, usage and load: kept when the stack is deleted, deleted with it, or not made at all.',
    ),
  kmsKeyArn: z.string().min(1).optional().describe('Key of one’s own for the bearer key and the function’s variables.'),
  exposure: z
    .enum(['regional', 'private', 'edge'])
    .optional()
    .describe(
      'From the internet, only through `vpcEndpointIds`, or through CloudFront’s network. `regional` by default.',
    ),
  vpcEndpointIds: z.array(z.string().startsWith('vpce-')).optional().describe('Who may call a private API.'),
  domain: z
    .strictObject({
      name: z.string().min(1).describe('For instance `think.example.com`.'),
      certificateArn: z.string().min(1).describe('Of ACM, in the region.'),
    })
    .optional()
    .describe('A name of one’s own.'),
  firewall: z
    .strictObject({ requestsPerFiveMinutes: z.int().describe('Of one address. 10 or more.') })
    .optional()
    .describe('A web firewall (WAF) before the API.'),
  throttling: z
    .strictObject({ requestsPerSecond: z.number().gt(0), burst: z.int().min(1) })
    .default({ requestsPerSecond: 20, burst: 40 }),
  requestSeconds: seconds.default(880).describe('The longest that a request may take.'),
  capacityWaitSeconds: seconds.default(600).describe('How long a request waits for the first copy. 0 answers 503.'),
  keepAliveSeconds: seconds.default(15).describe('A comment is sent when a stream was silent for this long.'),
  memoryMb: z.int().default(1_769),
  reservedConcurrency: z.int().min(1).optional(),
  tracing: z.boolean().default(false).describe('Whether X-Ray traces requests.'),
  accountLogRole: z.boolean().default(true).describe('Whether to set the account’s role for the logs of API Gateway.'),
});

const thresholdSchema = z
  .strictObject({ over: z.number().min(0), minutes: z.int().min(1).max(1_440).describe('In a row.') })
  .optional();

const watchingSchema = z.strictObject({
  dashboard: z.boolean().default(true).describe('Whether there is a dashboard: an estimated three dollars a month.'),
  alarms: z
    .boolean()
    .default(true)
    .describe('Whether there are alarms: an estimated ten cents a month for each metric in one.'),
  alarmTopicArn: z.string().startsWith('arn:').optional().describe('The SNS topic that alarms go to.'),
  runbookUrl: z.string().min(1).optional().describe('Where your copy of docs/runbook.md is, for links in alarms.'),
  dollarsPerInstanceHour: z.number().gt(0).optional().describe('For the estimate of cost. The table’s by default.'),
  thresholds: z
    .strictObject({
      failures: thresholdSchema.describe('Generations that fail. Percent.'),
      serverErrors: thresholdSchema.describe('Answers with a status of 500 or more. Percent.'),
      throttles: thresholdSchema.describe('Calls of the function that Lambda refuses. A minute.'),
      slowFirstToken: thresholdSchema.describe('Time to the first token, 90th percentile. Milliseconds.'),
      noCapacity: thresholdSchema.describe('Calls that found no copy. A minute.'),
    })
    .optional()
    .describe('When alarms ring, where it differs.'),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z
    .string()
    .regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'lower case letters, digits and dashes, at most 40, a letter first')
    .describe('Name of the stage: of its stacks and its endpoint.'),
  account: z
    .string()
    .regex(/^\d{12}$/)
    .optional()
    .describe('By default the one of the credentials at deployment.'),
  region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'a region, for instance "us-east-1"'),
  endpoint: endpointSchema,
  models: z.array(modelSchema).min(1),
  api: apiSchema.prefault({}),
  watching: watchingSchema.prefault({}),
  logRetentionDays: z
    .union([z.literal(1), z.literal(7), z.literal(30), z.literal(90), z.literal(365)])
    .default(30)
    .describe('How long logs are kept. They hold no prompts and no answers.'),
});

export type Config = z.output<typeof configSchema>;
/** A config as it is written: what has a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;

/** A config that is not of the schema's shape. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * @param name what the messages call it, usually the file
 * @throws {ConfigError} with each path, what was expected and what came.
 */
export function parseConfig(input: unknown, name = 'The config'): Config {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw new ConfigError(`${name} is wrong:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/**
 * Reads a config file. Paths in it start from its folder.
 *
 * @throws {ConfigError} where it cannot be read, is no JSON, or has the wrong shape.
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
      `${file} cannot be read as a config: ${reason}. Give the path of a JSON file (to cdk as --context config=FILE.json).`,
      {
        cause,
      },
    );
  }
}
