import { z } from 'zod';
import { DEFAULT_VLLM_TAG, knownTags, vllmTags } from '../facts/images.ts';
import { accelerationNames } from './accelerations.ts';
import { architectureNames } from './architecture.ts';

/** Config of a model's weights and server. */

const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('s3'),
    uri: z
      .string()
      .startsWith('s3://', 'Expected a URI in lower case: s3://bucket/prefix/')
      .describe('Uncompressed weights in Hugging Face’s layout, in a bucket of the region: `s3://bucket/prefix/`.'),
    kmsKeyArn: z.string().min(1).optional().describe('KMS key that the objects are encrypted with.'),
  }),
  z.strictObject({
    kind: z.literal('hub'),
    id: z.string().min(1).describe('Model id on the Hugging Face hub. The container downloads it at each start.'),
    revision: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Commit, 40 hexadecimal letters. Anything else is refused (hub-revision), since each start of a copy could load other weights.',
      ),
    tokenSecretName: z.string().min(1).optional().describe('Secret with the access token for a gated model.'),
  }),
]);

const unknownTag = `Expected one of the tags ${knownTags}, or { uri, cuda } of an image in your own ECR`;

const imageSchema = z
  .union(
    [
      z.enum(vllmTags),
      z.strictObject({
        uri: z.string().min(1).describe('URI in a private ECR repository of the region.'),
        cuda: z.number().describe('Major and minor CUDA version, for instance 12.9.'),
        server: z
          .enum(['vllm', 'lmi'])
          .optional()
          .describe('Server whose environment variables the image reads. If omitted, vllm.'),
      }),
    ],
    {
      error: (issue) => (typeof issue.input === 'string' ? `${unknownTag}, but received "${issue.input}"` : undefined),
    },
  )
  .describe('Image of the model server: a tag of AWS’s vLLM or LMI image, or an image in your own ECR.');

const vllmSchema = z.strictObject({
  tensorParallel: z.int().min(1).default(1).describe('GPUs that hold one copy together.'),
  contextTokens: z
    .int()
    .min(128)
    .optional()
    .describe(
      'Window that is served. A smaller window leaves memory for more requests. If omitted, the model’s window.',
    ),
  maxSequences: z.int().min(1).optional().describe('Requests that one copy decodes at the same time.'),
  gpuMemoryShare: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('Share of a GPU’s memory for weights and KV cache. If omitted, 0.9.'),
  dtype: z.enum(['bfloat16', 'float16']).optional().describe('Type of weights and activations.'),
  quantization: z
    .enum(['fp8', 'awq', 'gptq', 'compressed-tensors'])
    .optional()
    .describe('Quantization of the weights. `fp8` converts 16-bit weights while they are loaded.'),
  kvCacheDtype: z
    .enum(['fp8'])
    .optional()
    .describe('Type of the KV cache. `fp8` holds twice the tokens at a small loss of accuracy.'),
  prefixCaching: z.boolean().optional().describe('If false, each "Wait" evaluates the whole thinking again.'),
  chunkedPrefill: z
    .boolean()
    .optional()
    .describe('Whether a long prompt is evaluated in chunks, between the decoding steps of other requests.'),
  accelerations: z
    .array(z.enum(accelerationNames))
    .optional()
    .describe('Named settings that make the model faster or smaller. A setting that is written explicitly wins.'),
  draftModel: z
    .string()
    .min(1)
    .optional()
    .describe('Small model for the acceleration `draft-model`: a hub id, or a folder in the container.'),
  draftTokens: z.int().min(1).max(16).optional().describe('Tokens that are drafted per step. If omitted, 4.'),
  flags: z
    .record(z.string().regex(/^[a-z0-9-]+$/), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe(
      'Further flags of `vllm serve`, without leading dashes. Refused: a flag that has a field, or that the function or the memory check relies on.',
    ),
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
  experts: dimension
    .optional()
    .describe(
      '`num_local_experts` of a mixture of experts, each of `intermediateSize`. If omitted, the model is dense.',
    ),
});

/** Fields of a model that describe its weights. */
export const weightFields = {
  source: sourceSchema,
  contextTokens: z
    .int()
    .min(128)
    .describe('Window that the model was trained for (prompt, thinking and answer), in tokens.'),
  architecture: z
    .union([z.enum(architectureNames), architectureSchema])
    .optional()
    .describe(
      'Shape of the model, from which memory and speed are calculated: a well-known name, or the fields of config.json.',
    ),
  weightBits: z
    .union([z.literal(4), z.literal(8), z.literal(16)])
    .optional()
    .describe('Bits of one stored weight. If omitted, follows from `vllm.quantization`; 16 without quantization.'),
};

/** Fields of a model that describe its server. */
export const serverFields = {
  image: imageSchema.default(DEFAULT_VLLM_TAG),
  vllm: vllmSchema.prefault({}),
};
