import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { type Acceleration, accelerate } from './accelerations.ts';
import type { Server } from './container-image.ts';
import { DEFAULT_GPU_MEMORY_SHARE } from './gpu-memory.ts';

/** How vLLM, itself or within LMI, serves a model. What is not here goes into `flags`. */
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

/** What the server is told beside its settings. */
export interface VllmServeOptions {
  /** What a request writes in `model`. */
  readonly servedModelName: string;
  /** The window that is served. Tokens. */
  readonly contextTokens: number;
  readonly server: Server;
  /** The model's id on the hub. `undefined` where its weights are mounted. */
  readonly hub?: { readonly id: string; readonly revision?: string | undefined } | undefined;
  /** Whether adapters are loaded on top of it. */
  readonly adapters?: boolean | undefined;
}

/**
 * The environment of an image.
 *
 * AWS's vLLM images: `SM_VLLM_X_Y=v` becomes `--x-y v`, `true` a bare flag, and `false` **nothing**: what vLLM switches on by
 * itself is switched off by `--no-…`. https://aws.github.io/deep-learning-containers/vllm/configuration/
 *
 * LMI: `OPTION_X_Y=v` is the engine's argument `x_y`, with names of its own for some.
 * https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/vllm_user_guide.html
 */
export function vllmEnvironment(written: VllmSettings, served: VllmServeOptions): Readonly<Record<string, string>> {
  const flags = flagsOf(accelerate(written), served);
  switch (served.server) {
    case 'vllm':
      return {
        ...(served.hub !== undefined && {
          SM_VLLM_MODEL: served.hub.id,
          ...(served.hub.revision !== undefined && { SM_VLLM_REVISION: served.hub.revision }),
        }),
        ...variables(flags, (flag, value) =>
          value === false && onByItself.has(flag) ? [`SM_VLLM_NO_${flag}`, 'true'] : [`SM_VLLM_${flag}`, String(value)],
        ),
      };
    case 'lmi':
      return {
        OPTION_ROLLING_BATCH: 'disable',
        OPTION_ASYNC_MODE: 'true',
        OPTION_ENTRYPOINT: 'djl_python.lmi_vllm.vllm_async_service',
        ...(served.hub !== undefined && {
          HF_MODEL_ID: served.hub.id,
          ...(served.hub.revision !== undefined && { OPTION_REVISION: served.hub.revision }),
        }),
        ...variables(flags, (flag, value) => [`OPTION_${lmiNames[flag] ?? flag}`, String(value)]),
      };
  }
}

type Flags = Readonly<Record<string, string | number | boolean | undefined>>;

function flagsOf(settings: ReturnType<typeof accelerate>, served: VllmServeOptions): Flags {
  return {
    'served-model-name': served.servedModelName,
    'tensor-parallel-size': settings.tensorParallel ?? 1,
    'max-model-len': served.contextTokens,
    'max-num-seqs': settings.maxSequences,
    // Written out, so that what the check of the memory counts with is what the server takes.
    'gpu-memory-utilization': settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE,
    dtype: settings.dtype,
    quantization: settings.quantization,
    'kv-cache-dtype': settings.kvCacheDtype,
    'enable-prefix-caching': settings.prefixCaching,
    'enable-chunked-prefill': settings.chunkedPrefill,
    ...(settings.speculation !== undefined && { 'speculative-config': JSON.stringify(settings.speculation) }),
    ...(served.adapters && { 'enable-lora': true }),
    ...settings.flags,
  };
}

function variables(
  flags: Flags,
  toVariable: (flag: string, value: string | number | boolean) => readonly [string, string],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flags).flatMap(([flag, value]) =>
      value === undefined ? [] : [toVariable(flag.replaceAll('-', '_').toUpperCase(), value)],
    ),
  );
}

/** What vLLM switches on where nothing is said. */
const onByItself = new Set(['ENABLE_PREFIX_CACHING', 'ENABLE_CHUNKED_PREFILL']);

/** LMI's own names for arguments of vLLM. */
const lmiNames: Readonly<Record<string, string>> = {
  TENSOR_PARALLEL_SIZE: 'TENSOR_PARALLEL_DEGREE',
  QUANTIZATION: 'QUANTIZE',
};

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

/** Refuses accelerations that lack something, or that exclude each other. */
export function checkAccelerations(
  name: string,
  { accelerations = [], draftModel }: VllmSettings,
  networkIsolation: boolean,
): readonly (Refusal | undefined)[] {
  const source = 'https://docs.vllm.ai/en/latest/features/spec_decode.html';
  const drafts = accelerations.includes('draft-model');
  const finding = (sentence: string): Refusal => ({ code: 'acceleration', sentence, source });
  return [
    drafts && accelerations.includes('ngram-speculation')
      ? finding(
          `vllm.accelerations of ${name} has ngram-speculation and draft-model, but a server drafts in one way: write one of them.`,
        )
      : undefined,
    drafts && draftModel === undefined
      ? finding(
          `vllm.accelerations of ${name} has draft-model, but no draftModel says which: write vllm.draftModel, for instance "Qwen/Qwen2.5-0.5B-Instruct" for Qwen2.5.`,
        )
      : undefined,
    !drafts && draftModel !== undefined
      ? finding(
          `vllm.draftModel of ${name} is "${draftModel}", but nothing uses it: write "draft-model" into vllm.accelerations, or leave draftModel out.`,
        )
      : undefined,
    drafts && networkIsolation && draftModel !== undefined && !draftModel.startsWith('/')
      ? finding(
          `vllm.draftModel of ${name} ("${draftModel}") is downloaded from the hub, but the container has no network: put it beside the weights and write its path, for instance "/opt/ml/model/draft", or networkIsolation false.`,
        )
      : undefined,
  ];
}
