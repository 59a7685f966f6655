import type { Refusal } from '../facts/refusal.ts';

/** Refuses scaling by load if the model's architecture, and with it the capacity of a copy, is unknown. */
export function checkScalingArchitecture(
  modelId: string,
  { scalesByLoad, architecture }: { readonly scalesByLoad: boolean; readonly architecture?: unknown },
): Refusal | undefined {
  if (!scalesByLoad || architecture !== undefined) return undefined;
  return {
    code: 'load-without-architecture',
    sentence: `scaling.thinking of ${modelId} needs to know how many tokens a copy holds, but architecture is missing: write architecture, a well-known name or the fields of the model's config.json.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/conserving_memory.html',
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
