import type { FeedbackStore } from '../lambda/feedback/feedback-store.ts';
import type { FolderObjects } from './folder-objects.ts';

const DAY_MS = 86_400_000;

/**
 * Deletes stored generations that are older than the retention, with their feedback, and objects to which nothing points any more. On
 * AWS the bucket and the table do it.
 *
 * @param nowMs time in milliseconds
 */
export async function expireContent(
  objects: FolderObjects,
  store: Pick<FeedbackStore, 'delete'>,
  days: number,
  nowMs: number,
): Promise<void> {
  for await (const { name, writtenMs } of objects.list()) {
    if (writtenMs + days * DAY_MS > nowMs) continue;
    const [, key, id] = /^generations\/([^/]+)\/([^/]+)\.json$/.exec(name) ?? [];
    if (key !== undefined && id !== undefined) await store.delete(key, id);
    await objects.delete(name);
  }
}
