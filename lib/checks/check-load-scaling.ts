import type { Refusal } from '../facts/refusal.ts';

/** What is known of the capacity of a copy that scales by load. */
interface CheckedScalingCapacity {
  readonly hasArchitecture: boolean;
  readonly instanceType: string;
  /** Tokens that the KV cache holds beside the weights. `undefined` if they cannot be calculated. */
  readonly cacheTokens: number | undefined;
}

/** Refuses scaling by load if the capacity of a copy is unknown or zero: the function could not judge any load. */
export function checkScalingCapacity(
  modelId: string,
  { hasArchitecture, instanceType, cacheTokens }: CheckedScalingCapacity,
): Refusal | undefined {
  if (cacheTokens !== undefined && cacheTokens > 0) return undefined;
  const needs = `scaling.thinking of ${modelId} needs to know how many tokens a copy holds, but`;
  const source = 'https://docs.vllm.ai/en/latest/configuration/conserving_memory.html';
  if (!hasArchitecture) {
    return {
      code: 'load-without-architecture',
      sentence: `${needs} architecture is missing: write architecture, a well-known name or the fields of the model's config.json.`,
      source,
      final: true,
    };
  }
  return {
    code: 'load-without-capacity',
    sentence:
      cacheTokens === undefined
        ? `${needs} the memory of instanceType "${instanceType}" is unknown to this version: write a type that it knows, or leave scaling.thinking out.`
        : `${needs} the weights alone fill the GPUs of ${instanceType}: write a larger vllm.tensorParallel, vllm.quantization "fp8", or an instanceType with more memory, or leave scaling.thinking out.`,
    source,
    final: true,
  };
}

/**
 * Refuses scaling by load without the table in which the functions share the load.
 *
 * @param scaledModel id of a model that scales by load; `undefined` if there is none
 */
export function checkScalingLedger(ledger: string, scaledModel: string | undefined): Refusal | undefined {
  if (ledger !== 'none' || scaledModel === undefined) return undefined;
  return {
    code: 'ledger',
    sentence: `api.ledger is "none", but scaling.thinking of ${scaledModel} needs the load of all functions together, which is stored there: write "keep" or "delete", or leave scaling.thinking out.`,
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html',
  };
}
