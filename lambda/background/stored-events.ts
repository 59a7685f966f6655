import type { Clock } from '../clock.ts';
import { type LogRecord, type SequencedEvent, sequencedEventsSchema } from './log-record.ts';
import type { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

/** Time between two looks at a log that grows, in milliseconds. With the age of what is written, an event is at most about 1.5 s old. */
const POLL_MS = 500;
/** Looks at a log without a new record after which it is checked that the response still exists. */
const LOOKS_UNTIL_CHECK = 20;

export interface FollowOptions {
  /** Sequence number after which the events begin. -1: from the first on. */
  readonly after: number;
  readonly clock: Clock;
  /** Ends the events. */
  readonly signal: AbortSignal;
}

/**
 * The events of a stored response, those that are there and those that come, whoever writes them. They end with the response, with
 * `signal`, or if it is deleted.
 */
export async function* storedEvents(
  store: ResponseStore,
  stored: StoredResponse,
  { after, clock, signal }: FollowOptions,
): AsyncGenerator<SequencedEvent, void, undefined> {
  let at = 0;
  for (let looks = 0; !signal.aborted; looks++) {
    for await (const { at: place, record } of store.log.read(stored.id, at)) {
      at = place + 1;
      looks = 0;
      // A record whose events are all known need not be read from its object.
      if (record.kind === 'claim' || record.next <= after + 1) continue;
      for (const event of await eventsOf(store, record)) if (event.sequence_number > after) yield event;
      if (record.kind === 'end') return;
    }
    if (looks >= LOOKS_UNTIL_CHECK) {
      if ((await store.find(stored)) === undefined) return;
      looks = 0;
    }
    await clock.sleep(POLL_MS, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** The events of a record. */
export async function eventsOf(
  store: ResponseStore,
  record: Exclude<LogRecord, { kind: 'claim' }>,
): Promise<readonly SequencedEvent[]> {
  const { events, eventsObject } = record;
  if (eventsObject === undefined) return events ?? [];
  const content = await store.content(eventsObject);
  return sequencedEventsSchema.parse(content ?? []);
}
