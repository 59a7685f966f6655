import type { AppDependencies } from '../context.ts';
import { type AdmittedGeneration, admitRequest, readmitRequest } from './admit-request.ts';
import { deferred, toBegun, toPrepared } from './begun-generation.ts';
import type { Continuation } from './continuation.ts';
import { type PreparedRequest, prepareRequest, waitTextsOf } from './prepare-request.ts';
import { refuseExhaustedKey, textsToEncode } from './refuse-exhausted-key.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';
import { furtherTokens } from './route-reservation.ts';

interface Admitted {
  readonly prepared: PreparedRequest;
  readonly admitted: AdmittedGeneration;
}

/**
 * Prepares and admits a request. A later segment of work takes both from the first one, and is admitted at the gate of the load alone:
 * the limits in force and the reservation of its key stay those of the first.
 *
 * @throws {ApiError} as `prepareRequest`, `admitRequest` and `toPrepared`
 */
export async function prepareAndAdmit(
  request: GenerationRequest,
  timeoutMs: number,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<Admitted> {
  const { continuation } = context;
  if (continuation?.begun !== undefined) return await goOn(request, timeoutMs, dependencies, context, continuation);
  await refuseExhaustedKey(textsToEncode(request), request.model, dependencies, context.caller);
  const prepared = await prepareRequest(request, context);
  const further = await furtherTokens(request, context);
  const admitted = await admitRequest(request, prepared, timeoutMs, dependencies, context, further);
  if (continuation === undefined) return { prepared, admitted };
  await continuation.begin(toBegun(prepared, admitted, request.model.settings, context.lookup?.searches ?? 0));
  return { prepared, admitted: withDeferred(admitted, continuation) };
}

async function goOn(
  request: GenerationRequest,
  timeoutMs: number,
  dependencies: AppDependencies,
  context: GenerationContext,
  continuation: Continuation,
): Promise<Admitted> {
  const { begun } = continuation;
  if (begun === undefined) throw new Error('The generation has not begun.');
  const { model, structure, thinking } = request;
  const [waitText = ''] = waitTextsOf(thinking);
  const [format, waitIds] = await Promise.all([
    model.format({ bare: structure !== undefined }),
    model.textIds(waitText),
  ]);
  const prepared = toPrepared(begun, format, waitIds, model.settings);
  const reservation = begun.ticket && dependencies.ledger?.reopen(context.caller, begun.ticket);
  const admission = await readmitRequest(request, prepared, timeoutMs, dependencies, context);
  const { limits, shrunk, promptTokens } = begun;
  return { prepared, admitted: withDeferred({ limits, shrunk, promptTokens, admission, reservation }, continuation) };
}

function withDeferred(admitted: AdmittedGeneration, continuation: Continuation): AdmittedGeneration {
  const { reservation } = admitted;
  return { ...admitted, reservation: reservation && deferred(reservation, continuation) };
}
