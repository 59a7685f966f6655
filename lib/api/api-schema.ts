import { z } from 'zod';
import { formatNames } from '../../lambda/forcing/format.ts';
import { calibrationSchema, gateDefaultsSchema } from '../../lambda/settings/calibration.ts';
import { corsOriginSchema } from '../../lambda/settings/cors-origin.ts';
import { prefixCaches, reasoningEfforts } from '../../lambda/settings/settings.ts';
import { existingNetworkFields } from '../endpoint/endpoint-schema.ts';
import { fallbackFields } from './fallback.ts';
import { ledgerChoices } from './ledger-table.ts';

/** Config of the API, and of how it offers a model. */

const count = z.int().min(0);
const seconds = z.int().min(0);

/** Format in which the model family delimits thinking and answer. */
export const formatSchema = z
  .enum(formatNames)
  .describe(
    'Format in which the family delimits thinking and answer; or `auto`, to derive it from the chat template beside `tokenizer` when the file is read.',
  );

export const tokenizerSchema = z
  .string()
  .min(1)
  .optional()
  .describe(
    'Path of the model’s tokenizer.json, relative to this file; or `endpoint`, to tokenize by the model’s server. If omitted, the family’s tokenizer for the formats s1, qwq, qwen3 and gpt-oss.',
  );

const thinkingSchema = z.strictObject({
  defaultMaxTokens: count.optional().describe('Maximum of thinking tokens if a request has none.'),
  maxTokens: count.optional().describe('Largest maximum of thinking tokens that a request may ask for.'),
  defaultMaxAnswerTokens: z.int().min(1).optional().describe('Maximum of answer tokens if a request has none.'),
  efforts: z
    .partialRecord(z.enum(reasoningEfforts), count)
    .optional()
    .describe('Maximum of thinking tokens for each `reasoning_effort`.'),
  gates: gateDefaultsSchema.optional().describe('Rules by confidence if neither a request nor its key sets them.'),
  calibration: calibrationSchema
    .optional()
    .describe(
      'Thresholds and policies that were measured for the model. If omitted, requests give their own thresholds.',
    ),
});

/** Fields of a model that describe how requests use it. */
export const requestFields = {
  thinking: thinkingSchema.prefault({}),
  dollarsPerMillionTokens: z
    .strictObject({ prompt: z.number().min(0), completion: z.number().min(0) })
    .optional()
    .describe(
      'Price of the model’s tokens, which `/v1/models`, `/v1/usage`, the attempts of a route and `plan` use. If omitted, none is reported.',
    ),
  systemPrompt: z.string().optional().describe('System message if a conversation has none.'),
  defaultTemperature: z.number().min(0).max(2).optional().describe('Sampling temperature if a request has none.'),
  ...fallbackFields,
};

const domainSchema = z.strictObject({
  name: z.string().min(1).describe('For instance `think.example.com`.'),
  certificateArn: z.string().min(1).describe('ARN of an ACM certificate in the region.'),
});

export const apiSchema = z.strictObject({
  apiKey: z.boolean().default(true).describe('Whether requests need a bearer key, which is generated.'),
  apiKeySecretArn: z
    .string()
    .regex(
      /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-\w{6}$/,
      'Expected the whole ARN of a secret, with its six last characters',
    )
    .optional()
    .describe('Existing secret that has the bearer key as its text. If omitted, a new one is generated.'),
  ledgerTableName: z
    .string()
    .regex(/^[\w.-]{3,255}$/, 'Expected the name of a table')
    .optional()
    .describe(
      'Existing table of keys, limits, usage and load, such as one that a deleted stack kept. If omitted, a new one.',
    ),
  ledger: z
    .enum(ledgerChoices)
    .default('keep')
    .describe(
      'Table of keys, limits, usage and load: kept when the stack is deleted, deleted with it, or not created.',
    ),
  rawPrompts: z
    .boolean()
    .default(false)
    .describe(
      'Whether the admin key and keys with `raw_prompts` may use `/v1/completions`, whose prompts may contain control tokens, and go on with a given thought (`continue_final_message`).',
    ),
  prefixCache: z
    .enum(prefixCaches)
    .default('shared')
    .describe(
      'Whether keys share the prefix cache of a model. `per-key` (vLLM’s `cache_salt`) hides from a key, by the time to its first token, what another key has sent. It costs the prefill of a common system prompt once per key instead of once, and its cache memory for each key.',
    ),
  webhooks: z
    .boolean()
    .default(false)
    .describe(
      'Whether keys may have webhooks, which tell a client that a response or a batch has ended ([webhooks](webhooks.md)).',
    ),
  cors: z
    .strictObject({
      origins: z
        .array(corsOriginSchema)
        .min(1)
        .describe('For instance `https://app.example.com`; `http://localhost:*` for any port; `*` for all origins.'),
    })
    .optional()
    .describe('Pages that may call the API from a browser. If omitted, none.'),
  kmsKeyArn: z
    .string()
    .min(1)
    .optional()
    .describe('Customer-managed KMS key for the bearer key and the function’s environment.'),
  exposure: z
    .enum(['regional', 'private', 'edge'])
    .optional()
    .describe(
      'From the internet, only through `vpcEndpointIds`, or through CloudFront’s network. If omitted, `regional`.',
    ),
  vpcEndpointIds: z
    .array(z.string().startsWith('vpce-'))
    .optional()
    .describe('Interface VPC endpoints through which clients may call a private API.'),
  network: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('endpoint').describe('The network of the endpoint.') }),
      z.strictObject({ kind: z.literal('existing'), ...existingNetworkFields }),
    ])
    .optional()
    .describe(
      'Network of the function: that of the endpoint, or your own subnets. If omitted, outside your VPCs. An isolated network gets the VPC endpoints of all services that the function calls.',
    ),
  domain: domainSchema.optional().describe('Custom domain name.'),
  firewall: z
    .strictObject({ requestsPerFiveMinutes: z.int().describe('Limit for each IP address. Minimum: 10.') })
    .optional()
    .describe('Web application firewall (WAF) in front of the API.'),
  strict: z
    .boolean()
    .default(false)
    .describe(
      'Whether requests with fields that have no effect are refused. If false, such fields are reported as ignored.',
    ),
  throttling: z
    .strictObject({ requestsPerSecond: z.number().gt(0), burst: z.int().min(1) })
    .default({ requestsPerSecond: 20, burst: 40 }),
  requestSeconds: seconds.default(880).describe('Timeout of a request, in seconds.'),
  capacityWaitSeconds: seconds
    .optional()
    .describe(
      'Time for which a request waits for the first copy, in seconds. 0 answers 503 at once. If omitted, the estimated cold start and a quarter more, at least 600 and at most `requestSeconds`.',
    ),
  keepAliveSeconds: seconds.default(15).describe('Idle time of a stream after which a comment is sent, in seconds.'),
  upstreamIdleSeconds: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Time between two chunks from a model server after which the call is ended and resumed from the ids so far, in seconds. Before the first chunk, which waits for its prefill, five times as long. If omitted, 60.',
    ),
  fallbackRegions: z
    .array(z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'Expected a region, for instance "eu-west-1"'))
    .optional()
    .describe('Further regions to whose endpoints prompts may go. If omitted, only the region of the stage.'),
  memoryMb: z.int().default(1_769).describe('Memory of the function, in MB.'),
  reservedConcurrency: z.int().min(1).optional().describe('Reserved concurrency of the function.'),
  tracing: z.boolean().default(false).describe('Whether X-Ray traces requests.'),
  accountLogRole: z
    .boolean()
    .default(false)
    .describe(
      'Whether to set the role with which API Gateway writes logs. There is one for all APIs of the account and region: set it once, see [deploying](deploying.md#the-log-role-of-api-gateway).',
    ),
});
