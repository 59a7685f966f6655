import * as z from 'zod';
import { ApiError } from '../errors/api-error.ts';
import { type BegunGeneration, begunSchema } from '../generation/continuation.ts';
import { type IgnoredField, ignoredReasons } from '../generation/request.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ObjectStore } from '../storage/objects.ts';
import type { ItemTable } from '../storage/table.ts';
import type { LogRecord } from './log-record.ts';
import { ResponseLog } from './response-log.ts';
import { type ResponsePointer, type StoredResponse, storedResponseSchema } from './stored-response.ts';

const DAY_SECONDS = 86_400;

/** A request as its dialect parsed it, and who sent it. */
export interface StoredRequest {
  readonly body: unknown;
  readonly ignored: readonly IgnoredField[];
  readonly caller: Caller;
}
const storedRequestSchema: z.ZodType<StoredRequest> = z.object({
  body: z.unknown(),
  ignored: z.array(z.object({ field: z.string(), reason: z.enum(ignoredReasons) })),
  caller: z.custom<Caller>((value) => typeof value === 'object' && value !== null && 'id' in value),
});

export type NewResponse = Pick<StoredResponse, 'id' | 'dialect' | 'model' | 'status' | 'background'> & {
  readonly request: StoredRequest;
  /** The body, if it has ended. */
  readonly result?: object;
};

/**
 * Responses that clients ask to store, each of one key.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `RESPONSE#key` | id of the response | `StoredResponse` |
 *
 * Content is objects under `responses/key/id/`. The log (`ResponseLog`) decides; the item follows it, and may be behind. Objects are
 * written before what points to them, and deleted after it.
 */
export class ResponseStore {
  readonly log: ResponseLog;
  readonly #table: ItemTable;
  readonly #objects: ObjectStore;
  readonly #unixTime: () => number;
  readonly #days: number;

  /** @param days how long responses are kept, from their request on */
  constructor(table: ItemTable, objects: ObjectStore, unixTime: () => number, days: number) {
    this.log = new ResponseLog(table);
    this.#table = table;
    this.#objects = objects;
    this.#unixTime = unixTime;
    this.#days = days;
  }

  async create({ request, result: body, ...response }: NewResponse): Promise<StoredResponse> {
    const created = this.#unixTime();
    const key = request.caller.id;
    const content = { key, id: response.id };
    await this.#objects.put(objectName(content, 'request'), JSON.stringify(request));
    const result = body === undefined ? undefined : await this.putContent(content, 'result', body);
    const stored = {
      ...{ ...response, key, created, ttl: created + this.#days * DAY_SECONDS },
      ...(result === undefined ? {} : { result }),
    };
    if (!(await this.#table.putIfVersion({ ...itemKey(stored), ...stored }, undefined))) {
      throw new Error(`A response has the id ${response.id} already.`);
    }
    return { ...stored, version: 1 };
  }

  /** The response of a key. `undefined`: it is unknown, expired, deleted or of another key. */
  async find(pointer: ResponsePointer): Promise<StoredResponse | undefined> {
    const stored = await this.findAny(pointer);
    return stored?.deleted === true ? undefined : stored;
  }

  /** As `find`, with a response that was deleted while it ran. */
  async findAny(pointer: ResponsePointer): Promise<StoredResponse | undefined> {
    const { pk, sk } = itemKey(pointer);
    const item = await this.#table.get(pk, sk);
    if (item === undefined) return undefined;
    const stored = storedResponseSchema.parse(item);
    return stored.ttl <= this.#unixTime() ? undefined : stored;
  }

  /**
   * @param pointer with a dialect, if only responses of it are meant: each dialect has routes of its own
   * @throws {ApiError} 404 if the key has no such response
   */
  async require(pointer: ResponsePointer & Partial<Pick<StoredResponse, 'dialect'>>): Promise<StoredResponse> {
    const found = await this.find(pointer);
    const { dialect = found?.dialect } = pointer;
    if (found === undefined || found.dialect !== dialect) throw unknownResponse(pointer.id);
    return found;
  }

  /**
   * Changes the item of a response, whatever others write meanwhile.
   *
   * @param change returns the response as it should be, or `undefined` if it should stay as it is
   * @returns the response as it is now. `undefined`: it no longer exists
   */
  async change(
    pointer: ResponsePointer,
    change: (stored: StoredResponse) => StoredResponse | undefined,
  ): Promise<StoredResponse | undefined> {
    for (;;) {
      const stored = await this.findAny(pointer);
      const changed = stored && change(stored);
      if (stored === undefined || changed === undefined) return stored;
      if (await this.#table.putIfVersion({ ...itemKey(stored), ...changed }, stored.version)) {
        return { ...changed, version: stored.version + 1 };
      }
    }
  }

  async append({ id, ttl }: Pick<StoredResponse, 'id' | 'ttl'>, at: number, record: LogRecord): Promise<boolean> {
    return await this.log.append(id, at, record, ttl);
  }

  /** @throws {ApiError} 404 if it was deleted meanwhile */
  async request(pointer: ResponsePointer): Promise<StoredRequest> {
    const text = await this.#objects.get(objectName(pointer, 'request'));
    if (text === undefined) throw unknownResponse(pointer.id);
    return storedRequestSchema.parse(JSON.parse(text));
  }

  /**
   * Writes content of a response.
   *
   * @param part name of the content, of letters, digits and `-`
   * @returns the name of the object
   */
  async putContent(pointer: ResponsePointer, part: string, content: unknown): Promise<string> {
    const name = objectName(pointer, part);
    await this.#objects.put(name, JSON.stringify(content));
    return name;
  }

  /** What the first segment of work settled. `undefined`: none has begun. */
  async begun(pointer: ResponsePointer): Promise<BegunGeneration | undefined> {
    const content = await this.content(objectName(pointer, 'begun'));
    return content === undefined ? undefined : begunSchema.parse(content);
  }

  async begin(pointer: ResponsePointer, begun: BegunGeneration): Promise<void> {
    await this.putContent(pointer, 'begun', begun);
  }

  /** Content that `putContent` wrote, or `undefined` if it was deleted. */
  async content(name: string): Promise<unknown> {
    const text = await this.#objects.get(name);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Deletes a response: first what readers follow, then its content. */
  async delete(pointer: ResponsePointer): Promise<void> {
    const stored = await this.findAny(pointer);
    const { pk, sk } = itemKey(pointer);
    await this.#table.delete(pk, sk);
    const names = [objectName(pointer, 'request'), objectName(pointer, 'begun')];
    if (stored?.result !== undefined) names.push(stored.result);
    for await (const { record } of this.log.read(pointer.id)) {
      if (record.kind !== 'claim' && record.eventsObject !== undefined) names.push(record.eventsObject);
      if (record.kind === 'end') names.push(record.result);
    }
    await this.log.delete(pointer.id);
    for (const name of new Set(names)) await this.#objects.delete(name);
  }
}

export function unknownResponse(id: string): ApiError {
  return new ApiError(
    404,
    `No response of this key has the id ${JSON.stringify(id.slice(0, 64))}. It was not stored, or it is expired or deleted.`,
    { code: 'response_not_found', param: 'response_id' },
  );
}

const itemKey = ({ key, id }: ResponsePointer) => ({ pk: `RESPONSE#${key}`, sk: id });
const objectName = ({ key, id }: ResponsePointer, part: string) => `responses/${key}/${id}/${part}.json`;
