import type { Server } from '../facts/images.ts';
import type { AcceleratedSettings } from './accelerate.ts';
import { DEFAULT_GPU_MEMORY_SHARE } from './vllm-settings.ts';

/** Options of `vllm serve` that follow from the deployment and not from `VllmSettings`. */
export interface VllmServeOptions {
  /** Value of `model` in a request to the server. */
  readonly servedModelName: string;
  /** Window that is served, in tokens. */
  readonly contextTokens: number;
  readonly server: Server;
  /** The model on the hub. `undefined` if its weights are mounted. */
  readonly hub?: { readonly id: string; readonly revision?: string | undefined } | undefined;
  /** Whether LoRA adapters are loaded onto the model. */
  readonly adapters?: boolean | undefined;
}

/**
 * Builds the environment variables of an image.
 *
 * AWS's vLLM images: `SM_VLLM_X_Y=v` becomes `--x-y v`. `true` becomes a bare flag, and `false` is **ignored**: what is on
 * by default in vLLM is switched off by `--no-…`. https://aws.github.io/deep-learning-containers/vllm/configuration/
 *
 * LMI: `OPTION_X_Y=v` becomes the engine argument `x_y`; some arguments have names of LMI's own.
 * https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/vllm_user_guide.html
 */
export function vllmEnvironment(
  settings: AcceleratedSettings,
  options: VllmServeOptions,
): Readonly<Record<string, string>> {
  const { hub, server } = options;
  const flags = {
    ...(server === 'vllm' && serverFlags),
    ...flagsOf(settings, options),
  };
  switch (server) {
    case 'vllm':
      return {
        ...(hub !== undefined && {
          SM_VLLM_MODEL: hub.id,
          ...(hub.revision !== undefined && { SM_VLLM_REVISION: hub.revision }),
        }),
        ...variables(flags, (flag, value) =>
          value === false && onByDefault.has(flag)
            ? [`SM_VLLM_NO_${flag}`, 'true']
            : [`SM_VLLM_${flag}`, String(value)],
        ),
      };
    case 'lmi':
      return {
        OPTION_ROLLING_BATCH: 'disable',
        OPTION_ASYNC_MODE: 'true',
        OPTION_ENTRYPOINT: 'djl_python.lmi_vllm.vllm_async_service',
        ...(hub !== undefined && {
          HF_MODEL_ID: hub.id,
          ...(hub.revision !== undefined && { OPTION_REVISION: hub.revision }),
        }),
        ...variables(flags, (flag, value) => [`OPTION_${lmiNames[flag] ?? flag}`, String(value)]),
      };
  }
}

/**
 * Flags of every deployment on AWS's vLLM images. LMI reads engine arguments only, and the first is one of the server.
 *
 * - Without details of the prompt's tokens, the server does not tell how many came from its prefix cache, and the account of a
 *   request would count them as evaluated.
 * - A grammar that allows any whitespace between JSON tokens lets a model that was not trained on JSON write whitespace without
 *   end. vLLM refuses this setting with the backend `auto`; `guidance` supports more of JSON Schema than `xgrammar`.
 * - The model's generation_config.json gives the sampling parameters that a request leaves out, see
 *   docs/decisions/0020-sampling-defaults-of-the-model.md.
 */
const serverFlags: Flags = {
  'enable-prompt-tokens-details': true,
  'structured-outputs-config': JSON.stringify({ backend: 'guidance', disable_any_whitespace: true }),
  'generation-config': 'auto',
};

type Flags = Readonly<Record<string, string | number | boolean | undefined>>;

function flagsOf(settings: AcceleratedSettings, options: VllmServeOptions): Flags {
  return {
    'served-model-name': options.servedModelName,
    'tensor-parallel-size': settings.tensorParallel ?? 1,
    'max-model-len': options.contextTokens,
    'max-num-seqs': settings.maxSequences,
    // Always explicit, so that the server uses the share that the memory check assumes.
    'gpu-memory-utilization': settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE,
    dtype: settings.dtype,
    quantization: settings.quantization,
    'kv-cache-dtype': settings.kvCacheDtype,
    'enable-prefix-caching': settings.prefixCaching,
    'enable-chunked-prefill': settings.chunkedPrefill,
    ...(settings.speculation !== undefined && { 'speculative-config': JSON.stringify(settings.speculation) }),
    ...(options.adapters && { 'enable-lora': true }),
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

/** Flags that are on by default in vLLM. */
const onByDefault = new Set(['ENABLE_PREFIX_CACHING', 'ENABLE_CHUNKED_PREFILL']);

/** Arguments of vLLM that LMI names differently. */
const lmiNames: Readonly<Record<string, string>> = {
  TENSOR_PARALLEL_SIZE: 'TENSOR_PARALLEL_DEGREE',
  QUANTIZATION: 'QUANTIZE',
};
