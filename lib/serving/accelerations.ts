import type { VllmSettings } from './vllm-environment.ts';

/**
 * What makes a model faster or smaller, one word each, with what it gains and what it costs. None of them changes what a
 * budget counts: tokens are forced between calls of the server and counted by their ids.
 *
 * https://docs.vllm.ai/en/latest/features/
 */
export const accelerations = {
  'fp8-weights': {
    gains: 'half the memory for weights, so one GPU where 16 bits take two, and more KV cache; faster decoding.',
    costs:
      'a little accuracy; the conversion takes time at each start; GPUs before L4, L40S and H100 store but do not compute it.',
  },
  'fp8-kv-cache': {
    gains: 'twice the tokens in the same KV cache: more long thoughts at once.',
    costs: 'a little accuracy, most on the longest thoughts.',
  },
  'prefix-caching': {
    gains: 'a "Wait" or a new call evaluates only what is new, not the whole thought so far. On by default.',
    costs: 'prompts of one endpoint share a cache, so a shared prefix can be noticed by its speed.',
  },
  'chunked-prefill': {
    gains: 'a long prompt does not hold up the tokens of others. On by default.',
    costs: 'the long prompt itself starts its answer later.',
  },
  'ngram-speculation': {
    gains: 'fewer steps where a thought repeats its prompt or itself, with no further model.',
    costs: 'wasted work where it does not, so less throughput on a busy copy.',
  },
  'draft-model': {
    gains:
      'fewer steps: a small model drafts, the large one checks. The outcome has the distribution of the large one.',
    costs: 'memory for the small model and less throughput on a busy copy. Needs draftModel with the same vocabulary.',
  },
} as const satisfies Record<string, { readonly gains: string; readonly costs: string }>;

export type Acceleration = keyof typeof accelerations;

export const accelerationNames = Object.keys(accelerations) as [Acceleration, ...Acceleration[]];

/** Drafting as vLLM's `--speculative-config` takes it. */
interface Speculation {
  readonly method: 'ngram' | 'draft_model';
  readonly num_speculative_tokens: number;
  readonly model?: string;
  readonly prompt_lookup_max?: number;
}

/** The settings that the words mean. What is written beside them wins. */
export function accelerate(settings: VllmSettings): VllmSettings & { readonly speculation?: Speculation } {
  const chosen = new Set(settings.accelerations);
  const num_speculative_tokens = settings.draftTokens ?? 4;
  const speculation: Speculation | undefined = chosen.has('draft-model')
    ? { method: 'draft_model', model: settings.draftModel ?? '', num_speculative_tokens }
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
