import type { DialectEvent } from './background-dialect.ts';
import { CREATOR } from './log-writer.ts';
import type { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

/** Creates the log of a response with its first events. */
export async function createLog(
  store: ResponseStore,
  stored: StoredResponse,
  events: readonly DialectEvent[],
): Promise<void> {
  const numbered = events.map((event, index) => ({ ...event, sequence_number: index }));
  await store.append(stored, 0, {
    kind: 'progress',
    writer: CREATOR,
    entries: [],
    events: numbered,
    next: numbered.length,
    taken: 0,
    tokens: { thinking: 0, answer: 0 },
  });
}
