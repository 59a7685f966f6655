import type { AppDependencies } from '../context.ts';
import type { Caller } from '../keys/key-record.ts';
import { refuseContradictions } from './prepare-request.ts';
import { refuseExhaustedKey, textsToEncode } from './refuse-exhausted-key.ts';
import type { GenerationRequest } from './request.ts';
import { settlePolicy } from './settle-policy.ts';

/**
 * Refuses what can be refused before a request waits in a queue, so that its client learns it at once. Nothing is asked of the model's
 * server, which may have no copy.
 *
 * @throws {ApiError} 400 if limits contradict each other; 429 if the key has nothing left
 */
export async function checkBeforeQueue(
  asked: GenerationRequest,
  dependencies: Pick<AppDependencies, 'ledger'>,
  caller: Caller,
): Promise<void> {
  const { request } = settlePolicy(asked, caller);
  if (request.model.settings.tokenizer.kind !== 'endpoint') await refuseContradictions(request, caller);
  await refuseExhaustedKey(textsToEncode(request), request.model, dependencies, caller);
}
