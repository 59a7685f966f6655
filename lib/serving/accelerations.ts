/**
 * Named settings that make a model faster or smaller, with their gains and costs. None of them changes how budgets are
 * counted: tokens are forced between calls of the server and counted by their ids.
 *
 * https://docs.vllm.ai/en/latest/features/
 */
export const accelerations = {
  'fp8-weights': {
    gains: 'half the memory for weights, so one GPU instead of two at 16 bits, and more KV cache; faster decoding.',
    costs:
      'a little accuracy; the conversion takes time at each start; GPUs older than L4, L40S and H100 store FP8 but do not compute in it.',
  },
  'fp8-kv-cache': {
    gains: 'twice the tokens in the same KV cache: more concurrent requests with long thinking.',
    costs: 'a little accuracy, most of all with the longest thinking.',
  },
  'prefix-caching': {
    gains: 'a "Wait" or a new call evaluates only the new tokens, not the whole thinking so far. On by default.',
    costs: 'all clients of an endpoint share the cache, so response times can reveal a shared prefix.',
  },
  'chunked-prefill': {
    gains: 'a long prompt does not delay the tokens of other requests. On by default.',
    costs: 'the first token of the long prompt itself comes later.',
  },
  'ngram-speculation': {
    gains: 'fewer steps if thinking repeats the prompt or itself, without a second model.',
    costs: 'wasted work if it does not, so less throughput on a busy copy.',
  },
  'draft-model': {
    gains:
      'fewer steps: a small model drafts, the large one verifies. The output has the distribution of the large model.',
    costs: 'memory for the small model and less throughput on a busy copy. Needs draftModel with the same vocabulary.',
  },
} as const satisfies Record<string, { readonly gains: string; readonly costs: string }>;

export type Acceleration = keyof typeof accelerations;

export const accelerationNames = Object.keys(accelerations) as [Acceleration, ...Acceleration[]];
