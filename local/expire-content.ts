import type { ResponseStore } from '../lambda/background/response-store.ts';
import type { FeedbackStore } from '../lambda/feedback/feedback-store.ts';
import type { FolderObjects } from './folder-objects.ts';

const DAY_MS = 86_400_000;

/** What is kept, and for how many days. If omitted, nothing of the kind is. */
export interface KeptContent {
  readonly feedback?: { readonly store: Pick<FeedbackStore, 'delete'>; readonly days: number } | undefined;
  readonly responses?: { readonly store: Pick<ResponseStore, 'delete'>; readonly days: number } | undefined;
}

/**
 * Deletes stored generations that are older than the retention, with their feedback, stored responses, and objects to which nothing
 * points any more. On AWS the bucket and the table do it.
 *
 * @param nowMs time in milliseconds
 */
export async function expireContent(
  objects: FolderObjects,
  { feedback, responses }: KeptContent,
  nowMs: number,
): Promise<void> {
  for await (const { name, writtenMs } of objects.list()) {
    const [kind, key, id] = name.split('/');
    const kept = kind === 'responses' ? responses : feedback;
    if (kept === undefined || writtenMs + kept.days * DAY_MS > nowMs) continue;
    if (kind === 'generations' && key !== undefined && id !== undefined) {
      await feedback?.store.delete(key, id.replace(/\.json$/, ''));
    }
    // An object of a long response may be newer than its request, with which its time begins.
    if (kind === 'responses' && key !== undefined && id !== undefined && name.endsWith('/request.json')) {
      await responses?.store.delete({ key, id });
    }
    await objects.delete(name);
  }
}
