import type { VllmSettings } from './vllm-settings.ts';

/** Value of vLLM's `--speculative-config`. */
interface Speculation {
  readonly method: 'ngram' | 'draft_model';
  readonly num_speculative_tokens: number;
  readonly model?: string;
  readonly prompt_lookup_max?: number;
}

/** Settings after their accelerations have been applied. They no longer name them, so that they cannot be applied twice. */
export type AcceleratedSettings = Omit<VllmSettings, 'accelerations' | 'draftModel' | 'draftTokens'> & {
  readonly speculation?: Speculation;
};

/** Applies the accelerations to the settings. Settings that are written explicitly win. */
export function accelerate({ accelerations, draftModel, draftTokens, ...settings }: VllmSettings): AcceleratedSettings {
  const chosen = new Set(accelerations);
  const num_speculative_tokens = draftTokens ?? 4;
  const speculation: Speculation | undefined = chosen.has('draft-model')
    ? { method: 'draft_model', model: draftModel ?? '', num_speculative_tokens }
    : chosen.has('ngram-speculation')
      ? { method: 'ngram', num_speculative_tokens, prompt_lookup_max: 4 }
      : undefined;
  return {
    ...settings,
    quantization: settings.quantization ?? (chosen.has('fp8-weights') ? 'fp8' : undefined),
    kvCacheDtype: settings.kvCacheDtype ?? (chosen.has('fp8-kv-cache') ? 'fp8' : undefined),
    prefixCaching: settings.prefixCaching ?? (chosen.has('prefix-caching') || undefined),
    chunkedPrefill: settings.chunkedPrefill ?? (chosen.has('chunked-prefill') || undefined),
    ...(speculation !== undefined && { speculation }),
  };
}
