import type { BackgroundResponses } from './background-responses.ts';
import type { SequencedEvent } from './log-record.ts';
import type { ResponseStore } from './response-store.ts';
import { eventsOf } from './stored-events.ts';
import type { StoredResponse } from './stored-response.ts';

/**
 * Cancels a response: ends its log, so that what runs it is refused with its next record and leaves the model. If this process runs it, it
 * leaves at once.
 *
 * @param bodyOf returns the body of the response from its events so far
 * @param writer id of this end
 * @returns whether it was still running. If not, it has ended meanwhile
 */
export async function cancelResponse(
  { store, leave }: Pick<BackgroundResponses, 'store' | 'leave'>,
  stored: StoredResponse,
  writer: string,
  bodyOf: (events: readonly SequencedEvent[]) => object,
): Promise<boolean> {
  const cancelled = await endLog(store, stored, writer, bodyOf);
  leave?.(stored);
  return cancelled;
}

async function endLog(
  store: ResponseStore,
  stored: StoredResponse,
  writer: string,
  bodyOf: (events: readonly SequencedEvent[]) => object,
): Promise<boolean> {
  const events: SequencedEvent[] = [];
  let at = 0;
  let next = 0;
  for (;;) {
    for await (const { at: place, record } of store.log.read(stored.id, at)) {
      if (record.kind === 'end') return false;
      at = place + 1;
      if (record.kind === 'claim') continue;
      events.push(...(await eventsOf(store, record)));
      next = record.next;
    }
    const body = bodyOf(events);
    const result = await store.putContent(stored, `result-${writer}`, body);
    const last = { type: 'response.cancelled', response: body, sequence_number: next };
    const end = { kind: 'end', writer, status: 'cancelled', result, events: [last], next: next + 1 } as const;
    if (!(await store.append(stored, at, end))) continue;
    await store.change(stored, ({ waiting: _, ...rest }) => ({ ...rest, status: 'cancelled', result }));
    return true;
  }
}
