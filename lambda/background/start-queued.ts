import type { DialectEvent } from './background-dialect.ts';
import type { BackgroundResponses } from './background-responses.ts';
import { CREATOR } from './log-writer.ts';
import type { StoredResponse } from './stored-response.ts';

/**
 * Creates the log of a queued response with its first events, and has the response run.
 *
 * @throws what kept it from being started. Nothing of it is then stored
 */
export async function startQueued(
  { store }: Pick<BackgroundResponses, 'store'>,
  start: NonNullable<BackgroundResponses['start']>,
  stored: StoredResponse,
  events: readonly DialectEvent[],
): Promise<void> {
  const numbered = events.map((event, index) => ({ ...event, sequence_number: index }));
  try {
    await store.append(stored, 0, {
      kind: 'progress',
      writer: CREATOR,
      entries: [],
      events: numbered,
      next: numbered.length,
      taken: 0,
      tokens: { thinking: 0, answer: 0 },
    });
    await start(stored);
  } catch (error) {
    await store.delete(stored);
    throw error;
  }
}
