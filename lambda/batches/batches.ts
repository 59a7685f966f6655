import type { BatchStore } from './batch-store.ts';

/** Batches, as the API uses them. */
export interface Batches {
  readonly store: BatchStore;
  /** Called after a batch was created or cancelled, if the worker is in this process. @default - the worker looks each minute */
  readonly changed?: (() => void) | undefined;
}
