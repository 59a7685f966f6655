import type { ResponseStore } from './response-store.ts';
import { isFinal, type StoredResponse } from './stored-response.ts';

/**
 * Deletes a response. One that runs is no longer found, and what runs it deletes the rest: without the end of its log it would not
 * learn that it has to stop, and without its request nothing would settle its usage.
 *
 * @param cancel ends its log. Returns whether it was still running
 */
export async function deleteResponse(
  store: ResponseStore,
  stored: StoredResponse,
  cancel: () => Promise<boolean>,
): Promise<void> {
  if (!isFinal(stored.status) && (await cancel())) {
    await store.change(stored, (running) => ({ ...running, deleted: true }));
  } else {
    await store.delete(stored);
  }
}
