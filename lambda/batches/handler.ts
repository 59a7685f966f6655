import { fileURLToPath } from 'node:url';
import type { LambdaContext } from '../aws/stream-response.ts';
import { compose } from '../compose.ts';
import { batchRulesSchema } from '../settings/batch-settings.ts';
import { readSettings, SETTINGS_FILE } from '../settings/read-settings.ts';
import { createBatchWorker } from './create-worker.ts';

/** Longest time of a line, in milliseconds: a run starts lines for a third of its 15 minutes, and lets each of them end. */
const LINE_MS = 570_000;
/** Time at the end of a run in which results are written and batches given back, in milliseconds. */
const END_MS = 15_000;

const besideCode = fileURLToPath(new URL(SETTINGS_FILE, import.meta.url));
const settings = readSettings(process.env, besideCode);
const requestTimeoutMs = Math.min(settings.requestTimeoutMs, LINE_MS);
const dependencies = await compose({ ...settings, requestTimeoutMs, capacityWaitMs: 0 });
const worker = createBatchWorker(dependencies, settings.batches ?? batchRulesSchema.parse({}));

/**
 * Entry point of the function that EventBridge calls each minute: sends webhooks that are due, and takes up batches. Runs overlap if one
 * has much to do; leases keep them apart.
 *
 * @throws {Error} if a batch was interrupted. It is taken up again by a later run; the event goes to the dead-letter queue.
 */
export const handler = async (_event: unknown, context: LambdaContext): Promise<void> => {
  const { webhooks, unixTime } = dependencies;
  const leftMs = context.getRemainingTimeInMillis();
  const signal = AbortSignal.timeout(Math.max(1, leftMs - END_MS));
  const startUntil = unixTime() + Math.floor((leftMs - requestTimeoutMs - 2 * END_MS) / 1_000);
  const [failed = 0] = await Promise.all([worker?.work({ startUntil, signal }), webhooks?.deliverDue(signal)]);
  await webhooks?.settled();
  if (failed > 0) throw new Error(`${failed} batches were interrupted. The log has why; a later run goes on.`);
};
