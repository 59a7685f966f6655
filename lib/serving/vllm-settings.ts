import type { Acceleration } from './accelerations.ts';

/** How vLLM, alone or inside LMI, serves a model. Use `flags` for settings that are not listed here. */
export interface VllmSettings {
  /**
   * GPUs that hold one copy together. Must divide the model's attention heads.
   *
   * @default 1
   */
  readonly tensorParallel?: number | undefined;
  /**
   * Prompt, thinking and answer of one request together, in tokens. A smaller window leaves memory for more requests.
   *
   * @default - the whole window of the model
   */
  readonly contextTokens?: number | undefined;
  /**
   * Requests that one copy decodes at the same time. Further requests queue.
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
   * @default - the type in the model's config.json
   */
  readonly dtype?: 'bfloat16' | 'float16' | undefined;
  /**
   * Quantization of the weights. `fp8` converts weights that are stored in bfloat16 while they are loaded, which halves
   * their memory.
   *
   * @default - the quantization in the model's config.json
   */
  readonly quantization?: 'fp8' | 'awq' | 'gptq' | 'compressed-tensors' | undefined;
  /**
   * Type of the KV cache. `fp8` holds twice the tokens at a small loss of accuracy.
   *
   * @default - the model's own type
   */
  readonly kvCacheDtype?: 'fp8' | undefined;
  /**
   * Whether a prompt reuses the KV cache of its prefix. The prompt of each "Wait" begins with the thinking so far: without
   * prefix caching, vLLM evaluates the whole thinking again.
   *
   * @default true
   */
  readonly prefixCaching?: boolean | undefined;
  /**
   * Whether a long prompt is evaluated in chunks, between the decoding steps of other requests.
   *
   * @default true
   */
  readonly chunkedPrefill?: boolean | undefined;
  /**
   * Named settings that make the model faster or smaller, see `accelerations`. A setting that is written explicitly wins.
   *
   * @default - none beyond vLLM's own defaults (prefix caching and chunked prefill are on)
   */
  readonly accelerations?: readonly Acceleration[] | undefined;
  /**
   * Small model that drafts tokens for the acceleration `draft-model`: a model id on the hub, or a folder in the container.
   * It must have the vocabulary of the large model.
   *
   * @default - none
   */
  readonly draftModel?: string | undefined;
  /**
   * Tokens that `ngram-speculation` and `draft-model` draft per step.
   *
   * @default 4
   */
  readonly draftTokens?: number | undefined;
  /**
   * Further flags of `vllm serve` without their dashes, for instance `{ "max-num-batched-tokens": 8192 }`. A
   * flag that has a field, or that the function or the memory check relies on, is refused.
   *
   * @default - none
   */
  readonly flags?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/**
 * Concurrent requests that are assumed if `maxSequences` is not set: vLLM's default on its smaller GPUs. On larger GPUs vLLM
 * allows more, but the KV cache is full before that.
 */
export const DEFAULT_MAX_SEQUENCES = 256;

/** The server's share of a GPU's memory if none is written. Same as vLLM's default, but always passed explicitly. */
export const DEFAULT_GPU_MEMORY_SHARE = 0.9;
