import { afterZero, defaultCapacityWait } from '../lib/api/after-zero.ts';
import { thinkingDefaults, withOverrides } from '../lib/api/thinking-defaults.ts';
import type { HostedConfig } from '../lib/config.ts';
import { zeroCopiesOf } from '../lib/endpoint/zero-copies.ts';
import { servedWeights } from '../lib/serving/served-weights.ts';

/** Says for each model that may be at zero copies what its clients see then. The deployment uses the same estimates. */
export function afterZeroNotes({ models, endpoint, api }: HostedConfig): readonly string[] {
  const atZero = models.flatMap((model) => {
    const zeroCopies = zeroCopiesOf(model, servedWeights(model), endpoint.instanceType, model.id);
    return zeroCopies === undefined ? [] : [{ model, zeroCopies }];
  });
  const { requestSeconds } = api;
  const starts = atZero.flatMap(({ zeroCopies }) => zeroCopies.startSeconds ?? []);
  const capacityWaitSeconds = api.capacityWaitSeconds ?? defaultCapacityWait(starts, requestSeconds);
  return atZero.map(({ model, zeroCopies }) => {
    const window = model.vllm.contextTokens ?? model.contextTokens;
    const { defaultMaxAnswerTokens } = withOverrides(thinkingDefaults(window), model.thinking);
    return afterZero(model.id, zeroCopies, { requestSeconds, capacityWaitSeconds }, defaultMaxAnswerTokens);
  });
}
