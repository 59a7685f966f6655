import { type Acceleration, accelerate } from './accelerations.ts';
import { DEFAULT_GPU_MEMORY_SHARE } from './gpu-memory.ts';
import { limits, outside } from './limits.ts';
import type { Refusal } from './refusal.ts';

/** How vLLM serves a model. What is not here goes into `flags`. */
export interface VllmSettings {
  /**
   * GPUs that hold one copy together. The model's attention heads must be divisible by it.
   *
   * @default 1
   */
  readonly tensorParallel?: number | undefined;
  /**
   * Prompt, thinking and answer of one request together. Tokens. Fewer leave room for more requests at once.
   *
   * @default - the whole window of the model
   */
  readonly contextTokens?: number | undefined;
  /**
   * Requests that one copy decodes at once; the others wait.
   *
   * @default - vLLM's own
   */
  readonly maxSequences?: number | undefined;
  /**
   * Share of a GPU's memory for weights and KV cache. Above 0, up to 1.
   *
   * @default 0.9
   */
  readonly gpuMemoryShare?: number | undefined;
  /**
   * Type of weights and activations.
   *
   * @default - the one in the model's config.json
   */
  readonly dtype?: 'bfloat16' | 'float16' | undefined;
  /**
   * How the weights are quantized. `fp8` halves weights that are stored in bfloat16 while they are loaded.
   *
   * @default - as the model's config.json says
   */
  readonly quantization?: 'fp8' | 'awq' | 'gptq' | 'compressed-tensors' | undefined;
  /**
   * Type of the KV cache. `fp8` holds twice the tokens, at a small loss.
   *
   * @default - the model's own type
   */
  readonly kvCacheDtype?: 'fp8' | undefined;
  /**
   * Whether a prompt reuses the KV cache of its beginning. Each "Wait" is a prompt whose beginning is the thought so far:
   * without it, the whole thought is evaluated again.
   *
   * @default true
   */
  readonly prefixCaching?: boolean | undefined;
  /**
   * Whether a long prompt is evaluated in pieces between the steps of other requests.
   *
   * @default true
   */
  readonly chunkedPrefill?: boolean | undefined;
  /**
   * What makes it faster or smaller, one word each: see `accelerations`. What is written beside it wins.
   *
   * @default - none beyond vLLM's own defaults (prefix caching and chunked prefill are on)
   */
  readonly accelerations?: readonly Acceleration[] | undefined;
  /**
   * The small model that drafts tokens for acceleration `draft-model`: a model of the hub, or a folder in the container.
   * It must have the vocabulary of the large one.
   *
   * @default - none
   */
  readonly draftModel?: string | undefined;
  /**
   * Tokens that are drafted at once by `ngram-speculation` and `draft-model`.
   *
   * @default 4
   */
  readonly draftTokens?: number | undefined;
  /**
   * Other flags of `vllm serve` without their dashes, for instance `{ "max-num-batched-tokens": 8192 }`. They win over
   * all of the above.
   *
   * @default - none
   */
  readonly flags?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/**
 * The environment of AWS's vLLM images: `SM_VLLM_X_Y=v` becomes `--x-y v`, `true` a bare flag, and `false` **nothing**:
 * what vLLM switches on by itself is switched off by `--no-…`.
 *
 * https://aws.github.io/deep-learning-containers/vllm/configuration/
 *
 * @param servedModelName what a request writes in `model`
 */
export function vllmEnvironment(
  written: VllmSettings,
  { servedModelName, contextTokens }: { readonly servedModelName: string; readonly contextTokens: number },
): Readonly<Record<string, string>> {
  const settings = accelerate(written);
  const flags: Record<string, string | number | boolean | undefined> = {
    'served-model-name': servedModelName,
    'tensor-parallel-size': settings.tensorParallel ?? 1,
    'max-model-len': contextTokens,
    'max-num-seqs': settings.maxSequences,
    // Written out, so that what the check of the memory counts with is what the server takes.
    'gpu-memory-utilization': settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE,
    dtype: settings.dtype,
    quantization: settings.quantization,
    'kv-cache-dtype': settings.kvCacheDtype,
    ...onByDefault('enable-prefix-caching', settings.prefixCaching),
    ...onByDefault('enable-chunked-prefill', settings.chunkedPrefill),
    ...(settings.speculation !== undefined && { 'speculative-config': JSON.stringify(settings.speculation) }),
    ...settings.flags,
  };
  return Object.fromEntries(
    Object.entries(flags).flatMap(([flag, value]) =>
      value === undefined ? [] : [[`SM_VLLM_${flag.replaceAll('-', '_').toUpperCase()}`, String(value)]],
    ),
  );
}

/** Refuses an environment that SageMaker does not take. */
export function oversizedEnvironment(
  name: string,
  environment: Readonly<Record<string, string>>,
): readonly (Refusal | undefined)[] {
  return [
    outside(
      'container-environment',
      `The number of variables of ${name}`,
      Object.keys(environment).length,
      limits.containerVariables,
    ),
    ...Object.entries(environment).map(([key, value]) =>
      outside('container-environment', `The length of ${key} of ${name}`, value.length, limits.containerVariableLength),
    ),
  ];
}

function onByDefault(flag: string, value: boolean | undefined): Record<string, true> {
  if (value === undefined) return {};
  return { [value ? flag : `no-${flag}`]: true };
}
