import type { Finding } from './harness.ts';
import type { LoadTimes, RequestLog } from './request-log.ts';

/** What a load harness counted over all its requests. */
export interface LoadResult {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly times: LoadTimes;
}

/** Compares a load harness with the server's log: the tokens must be equal, and the server's times within the harness's. */
export function compareLoad(result: LoadResult, wanted: number, log: RequestLog): Finding {
  const ours = log.sums();
  const times = log.times();
  const agrees =
    result.requests === wanted &&
    result.promptTokens === ours.promptTokens &&
    result.completionTokens === ours.completionTokens &&
    result.times.totalMs >= times.totalMs - 1;
  const milliseconds = ({ firstMs, totalMs }: LoadTimes): string =>
    `${firstMs.toFixed(0)} and ${totalMs.toFixed(0)} ms`;
  return {
    agrees,
    text:
      `${result.requests} requests, ${result.promptTokens} prompt and ${result.completionTokens} output tokens ` +
      `(our log: ${ours.promptTokens} and ${ours.completionTokens}); median first token and request ${milliseconds(result.times)} ` +
      `(our log: ${milliseconds(times)})`,
  };
}
