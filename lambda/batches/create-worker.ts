import { createApp } from '../app.ts';
import type { AppDependencies } from '../context.ts';
import type { BatchRules } from '../settings/batch-settings.ts';
import { BatchWorker } from './batch-worker.ts';
import { callerOfKey } from './caller-of-key.ts';
import { runLineBy } from './run-line.ts';
import type { WorkerOptions } from './worker-options.ts';

/**
 * A worker whose lines go through the app that serves the API. They never wait for a first copy: that would be paid for, and a batch can
 * come back. `undefined` if the deployment takes no batches.
 */
export function createBatchWorker(
  dependencies: AppDependencies,
  rules: BatchRules,
  place: Pick<WorkerOptions, 'exclusive' | 'hasRoom'> = {},
): BatchWorker | undefined {
  const { batches, documents, files = documents?.files, webhooks, clock, unixTime, newId, log } = dependencies;
  if (batches === undefined || files === undefined) return undefined;
  return new BatchWorker({
    store: batches.store,
    files,
    run: runLineBy(createApp({ ...dependencies, capacityWaitMs: 0 })),
    callerOf: callerOfKey(dependencies),
    rules,
    webhooks,
    sleep: async (ms, signal) => await clock.sleep(ms, signal),
    ...{ unixTime, newId, log },
    ...place,
  });
}
