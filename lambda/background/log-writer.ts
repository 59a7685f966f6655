import type { JournalEntry } from '../generation/journal.ts';
import type { DialectEvent } from './background-dialect.ts';
import type { EndRecord, LogRecord, PlacedRecord, ProgressRecord, SequencedEvent } from './log-record.ts';
import { mergeDeltas } from './merge-deltas.ts';
import type { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

/** Size of the events of a record from which they are an object of their own, in characters of JSON. An item has at most 400 KB. */
const MAX_INLINE_EVENTS = 64_000;

/** `writer` of the record with which a response is created. */
export const CREATOR = 'creator';

/** Another step of work took the response over, or it was ended. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  /** What stands in the place of this step's record. */
  readonly record: LogRecord;

  constructor(record: LogRecord) {
    super('Another step of work took the response over, or it was ended.');
    this.record = record;
  }
}

/** What the log of a response says when a step takes it over. */
interface LogState {
  readonly entries: JournalEntry[];
  taken: number;
  nextSequence: number;
  /** Whether a step wrote since the response was created. */
  begun: boolean;
  tokens: ProgressRecord['tokens'];
  end: EndRecord | undefined;
}

type Progress = Pick<ProgressRecord, 'entries' | 'taken' | 'tokens'> & { readonly events: readonly DialectEvent[] };

/** Writes the log of a response for one step of work. */
export class LogWriter {
  readonly #store: ResponseStore;
  readonly #stored: StoredResponse;
  readonly #writer: string;
  readonly #state: LogState;
  #at: number;

  /**
   * Takes a response over: reads its log and shuts out earlier steps. A log that has ended is read alone.
   *
   * @param writer id of the step
   */
  static async claim(store: ResponseStore, stored: StoredResponse, writer: string): Promise<LogWriter> {
    const state: LogState = {
      entries: [],
      taken: 0,
      nextSequence: 0,
      begun: false,
      tokens: { thinking: 0, answer: 0 },
      end: undefined,
    };
    let at = 0;
    for (;;) {
      for await (const placed of store.log.read(stored.id, at)) {
        apply(state, placed);
        at = placed.at + 1;
      }
      if (state.end !== undefined) break;
      // A step that still runs may have been faster: then its record is read first.
      if (await store.append(stored, at, { kind: 'claim', writer })) {
        at++;
        break;
      }
    }
    return new LogWriter(store, stored, writer, state, at);
  }

  private constructor(store: ResponseStore, stored: StoredResponse, writer: string, state: LogState, at: number) {
    this.#store = store;
    this.#stored = stored;
    this.#writer = writer;
    this.#state = state;
    this.#at = at;
  }

  /** The journal so far. */
  get entries(): readonly JournalEntry[] {
    return this.#state.entries;
  }

  /** Number of events of the generation that are in the log as events for the client. */
  get taken(): number {
    return this.#state.taken;
  }

  get begun(): boolean {
    return this.#state.begun;
  }

  /** Thinking and answer tokens of the last record. */
  get tokens(): ProgressRecord['tokens'] {
    return this.#state.tokens;
  }

  get end(): EndRecord | undefined {
    return this.#state.end;
  }

  /** @throws {SupersededError} */
  async progress({ entries, events, taken, tokens }: Progress): Promise<void> {
    const written = await this.#toEvents(events);
    await this.#append({ kind: 'progress', writer: this.#writer, entries: [...entries], ...written, taken, tokens });
  }

  /**
   * Ends the log.
   *
   * @throws {SupersededError}
   */
  async finish(
    { status, failure, used, result }: Pick<EndRecord, 'status' | 'failure' | 'used' | 'result'>,
    events: readonly DialectEvent[],
  ): Promise<EndRecord> {
    const written = await this.#toEvents(events);
    const record: EndRecord = {
      ...{ kind: 'end', writer: this.#writer, status, result },
      ...(failure === undefined ? {} : { failure }),
      ...(used === undefined ? {} : { used }),
      ...written,
    };
    await this.#append(record);
    return record;
  }

  /** @throws {SupersededError} if another step wrote since */
  async check(): Promise<void> {
    const record = await this.#store.log.at(this.#stored.id, this.#at);
    if (record !== undefined) throw new SupersededError(record);
  }

  async #toEvents(events: readonly DialectEvent[]): Promise<Pick<ProgressRecord, 'events' | 'eventsObject' | 'next'>> {
    const numbered: readonly SequencedEvent[] = mergeDeltas(events).map((event) => ({
      ...event,
      sequence_number: this.#state.nextSequence++,
    }));
    const next = this.#state.nextSequence;
    if (JSON.stringify(numbered).length <= MAX_INLINE_EVENTS) return { events: numbered, next };
    const part = `events-${this.#at}-${this.#writer}`;
    return { eventsObject: await this.#store.putContent(this.#stored, part, numbered), next };
  }

  async #append(record: LogRecord): Promise<void> {
    if (!(await this.#store.append(this.#stored, this.#at, record))) {
      await this.check();
      throw new Error(`The log of ${this.#stored.id} has no place ${this.#at}.`);
    }
    this.#at++;
  }
}

function apply(state: LogState, { record }: PlacedRecord): void {
  if (record.kind === 'claim') return;
  state.nextSequence = record.next;
  if (record.kind === 'end') {
    state.end = record;
    return;
  }
  state.begun ||= record.writer !== CREATOR;
  for (const entry of record.entries) state.entries.push(entry);
  state.taken = record.taken;
  state.tokens = record.tokens;
}
