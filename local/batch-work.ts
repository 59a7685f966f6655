import { createBatchWorker } from '../lambda/batches/create-worker.ts';
import type { AppDependencies } from '../lambda/context.ts';
import { loggableError } from '../lambda/errors/loggable-error.ts';
import { batchRulesSchema } from '../lambda/settings/batch-settings.ts';

/** Interval in which batches and webhooks that are due are looked at, in milliseconds. */
const LOOK_MS = 2_000;

export interface BatchWorkOptions {
  /** Requests that this machine runs at once. `undefined`: the server or the emulated copies decide. */
  readonly places: number | undefined;
  /** Number of generations that run, of clients and of batches. */
  readonly running: () => number;
}

/** Work that no client waits for, in the process of the local server. */
export interface BatchWork {
  /** Looks at once. */
  look(): void;
  /** Gives running batches back, and waits until nothing runs. */
  close(): Promise<void>;
}

/**
 * Runs batches and sends webhooks. A batch has at most half of the places, and starts a line only if one is free. What an earlier process
 * left goes on at once, because only one process can use the data folder.
 */
export function startBatchWork(dependencies: AppDependencies, { places, running }: BatchWorkOptions): BatchWork {
  const { webhooks, log } = dependencies;
  const concurrency = places === undefined ? {} : { concurrency: Math.max(1, Math.floor(places / 2)) };
  // Copies on this machine cost nothing.
  const rules = batchRulesSchema.parse({ wakeAfterMinutes: 0, ...concurrency });
  const hasRoom = () => places === undefined || running() < places;
  const worker = createBatchWorker(dependencies, rules, { exclusive: true, hasRoom });
  const stop = new AbortController();
  const working = new Set<Promise<void>>();
  const run = (work: Promise<unknown> | undefined) => {
    if (work === undefined) return;
    const ended = work.then(
      () => undefined,
      (error: unknown) => {
        if (!stop.signal.aborted) log('error', 'batches or webhooks failed', { ...loggableError(error) });
      },
    );
    working.add(ended);
    void ended.then(() => working.delete(ended));
  };
  const look = () => {
    if (stop.signal.aborted) return;
    run(worker?.work({ signal: stop.signal }));
    run(webhooks?.deliverDue(stop.signal));
  };
  const timer = setInterval(look, LOOK_MS);
  look();
  return {
    look,
    async close() {
      clearInterval(timer);
      stop.abort(new Error('The server stops.'));
      await Promise.all(working);
      await webhooks?.settled();
    },
  };
}
