import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** Refuses timeouts of a copy's start that SageMaker does not accept. */
export function checkStartupTimeouts(
  modelId: string,
  { downloadSeconds, startupSeconds }: { readonly downloadSeconds: number; readonly startupSeconds: number },
): readonly (Refusal | undefined)[] {
  return [
    checkRange('startup-timeout', `startupSeconds of ${modelId}`, startupSeconds, limits.startupSeconds),
    checkRange('download-timeout', `downloadSeconds of ${modelId}`, downloadSeconds, limits.downloadSeconds),
  ];
}

/** Refuses times of a request that API Gateway or Lambda cuts. */
export function checkRequestTimeouts(timeouts: {
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
  readonly keepAliveSeconds: number;
}): readonly (Refusal | undefined)[] {
  const { requestSeconds, capacityWaitSeconds, keepAliveSeconds } = timeouts;
  const request = checkRange('request-timeout', 'requestSeconds', requestSeconds, limits.streamSeconds);
  return [
    // The schema of the function's settings has the same limit.
    request && { ...request, final: true },
    checkCapacityWait(capacityWaitSeconds, requestSeconds),
    checkRange('keep-alive', 'keepAliveSeconds', keepAliveSeconds, limits.idleSeconds),
  ];
}

function checkCapacityWait(capacityWaitSeconds: number, requestSeconds: number): Refusal | undefined {
  if (capacityWaitSeconds <= requestSeconds) return undefined;
  return {
    code: 'capacity-wait',
    sentence: `capacityWaitSeconds is ${capacityWaitSeconds}, but a request ends after requestSeconds (${requestSeconds}), so it cannot wait longer: write ${requestSeconds} or less, or 0 for a 503 at once.`,
    source: limits.streamSeconds.source,
  };
}
