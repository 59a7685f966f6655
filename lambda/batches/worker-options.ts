import type { Log } from '../errors/log.ts';
import type { Caller } from '../keys/key-record.ts';
import type { FileStore } from '../retrieval/stores/file-store.ts';
import type { BatchRules } from '../settings/batch-settings.ts';
import type { WebhookSender } from '../webhooks/event.ts';
import type { BatchStore } from './batch-store.ts';
import type { RunLine } from './run-line.ts';

/** What a worker of batches takes from outside. */
export interface WorkerOptions {
  readonly store: BatchStore;
  readonly files: FileStore;
  readonly run: RunLine;
  /** Returns the caller of a key, or `undefined` if the key is not valid any more. */
  readonly callerOf: (keyId: string) => Promise<Caller | undefined>;
  readonly rules: BatchRules;
  /** Tells clients how batches ended. If omitted, no webhooks are sent. */
  readonly webhooks?: WebhookSender | undefined;
  /**
   * Whether no other process runs batches, as on a laptop. Leases of other workers are then of dead processes.
   *
   * @default false
   */
  readonly exclusive?: boolean;
  /** Whether this machine has room for one more line. @default - always; the load of the copies decides */
  readonly hasRoom?: () => boolean;
  /** Unix time, in seconds. */
  readonly unixTime: () => number;
  readonly newId: () => string;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}
