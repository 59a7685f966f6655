import type { ResponseStore } from './response-store.ts';
import type { ResponsePointer } from './stored-response.ts';

/** Stored responses, and what runs them. */
export interface BackgroundResponses {
  readonly store: ResponseStore;
  /** Has a response run, after the answer to its client. Resolves when it is certain that it will. If omitted, nothing runs in the background. */
  readonly start?: (pointer: ResponsePointer) => Promise<void>;
  /**
   * Has a response leave the model at once, after its log has ended, if this process runs it. Another process notices with its next record,
   * within a second.
   */
  readonly leave?: (pointer: ResponsePointer) => void;
}
