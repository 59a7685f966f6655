import type { Config } from '../lib/config.ts';
import { HOURS_PER_MONTH, type Prices } from '../lib/facts/prices.ts';
import type { BatchCost } from './plan.ts';

/** Time in which a run finds that there is nothing to do, in seconds: an estimate. */
const LOOK_SECONDS = 0.1;
/** Requests to S3 for each line: its result is looked up, written, and read into the output. */
const S3 = { gets: 2, puts: 1 } as const;
/** Writes of the table for each line: its record, its deletion, and the usage at its start and end. */
const TABLE_WRITES = 4;
/** List prices in us-east-1, in dollars for a million. */
const MILLION = { s3Gets: 0.4, s3Puts: 5, tableWrites: 0.625 } as const;

/** Estimates what batches and webhooks cost beside the copies. `undefined` if the config has neither. */
export function batchCost({ batches, api }: Config, prices: Prices): BatchCost | undefined {
  if (batches === undefined && !api.webhooks) return undefined;
  const perHour = (api.memoryMb / 1_024) * 3_600 * prices.lambdaGbSecond;
  const looks = HOURS_PER_MONTH * 60;
  return {
    lookPerMonth: looks * ((LOOK_SECONDS / 3_600) * perHour + prices.lambdaMillionRequests / 1e6),
    perThousandLines:
      (S3.gets * MILLION.s3Gets + S3.puts * MILLION.s3Puts + TABLE_WRITES * MILLION.tableWrites) / 1_000,
    perRunningHour: perHour,
    linesAtOnce: batches?.concurrency ?? 0,
  };
}
