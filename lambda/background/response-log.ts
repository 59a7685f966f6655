import { inParallel } from '../in-parallel.ts';
import type { ItemTable } from '../storage/table.ts';
import { type LogRecord, logRecordSchema, type PlacedRecord } from './log-record.ts';

/** Digits of a place in a sort key. */
const PLACE_DIGITS = 8;
/** Records that are deleted at once. */
const DELETED_AT_ONCE = 16;

/**
 * The log of a response: what happened to it, record after record. Each place can be written once, by a conditional write. So of two
 * writers one is refused, and a writer that took over with a record of its own shuts out all that came before it.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `RESPONSELOG#id` | place, with leading zeros | the record as JSON |
 */
export class ResponseLog {
  readonly #table: ItemTable;

  constructor(table: ItemTable) {
    this.#table = table;
  }

  /**
   * Writes a record at a place, unless another writer was first. A repeated write of the same writer succeeds.
   *
   * @param ttl Unix time from which the record no longer exists, in seconds
   * @returns whether the place has this record now
   */
  async append(id: string, at: number, record: LogRecord, ttl: number): Promise<boolean> {
    const item = { pk: partition(id), sk: placeOf(at), record: JSON.stringify(record), writer: record.writer, ttl };
    if (await this.#table.putIfVersion(item, undefined)) return true;
    // The answer to a write that succeeded can be lost, and the SDK then repeats the write.
    const stored = await this.#table.get(item.pk, item.sk);
    return stored?.['writer'] === record.writer;
  }

  /** The record at a place. `undefined`: none was written yet. */
  async at(id: string, at: number): Promise<LogRecord | undefined> {
    const item = await this.#table.get(partition(id), placeOf(at));
    return item === undefined ? undefined : parse(item['record']);
  }

  /**
   * All records from a place on, in order.
   *
   * @param from first place to read. @default 0
   */
  async *read(id: string, from = 0): AsyncGenerator<PlacedRecord> {
    const after = from === 0 ? {} : { after: placeOf(from - 1) };
    for await (const item of this.#table.query(partition(id), '', { consistent: true, ...after })) {
      yield { at: Number(item['sk']), record: parse(item['record']) };
    }
  }

  async delete(id: string): Promise<void> {
    const places: string[] = [];
    for await (const item of this.#table.query(partition(id))) places.push(String(item['sk']));
    await inParallel(places, DELETED_AT_ONCE, async (sk) => await this.#table.delete(partition(id), sk));
  }
}

const partition = (id: string) => `RESPONSELOG#${id}`;
const placeOf = (at: number) => String(at).padStart(PLACE_DIGITS, '0');
const parse = (text: unknown): LogRecord => logRecordSchema.parse(JSON.parse(String(text)));
