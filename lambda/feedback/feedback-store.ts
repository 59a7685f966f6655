import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../errors/api-error.ts';
import { dayOf } from '../keys/ledger.ts';
import type { ObjectStore } from '../storage/objects.ts';
import type { Item, ItemTable } from '../storage/table.ts';
import {
  type Feedback,
  type FeedbackTexts,
  feedbackTextsSchema,
  type StoredFeedback,
  storedFeedbackSchema,
} from './feedback.ts';
import {
  contentSchema,
  hashUser,
  type StoredContent,
  type StoredGeneration,
  storedGenerationSchema,
} from './stored-generation.ts';

const DAY_SECONDS = 86_400;
/** Generations that are deleted at the same time. */
const DELETED_AT_ONCE = 8;
/** Attempts of a write of feedback that other writes for the same answer and metric make fail. */
const MAX_WRITE_ATTEMPTS = 30;

/** What a generation is stored with. */
export type NewGeneration = Omit<StoredGeneration, 'created' | 'ttl' | 'object' | 'user' | 'deleted'> & {
  /** The request's `user`. */
  readonly user: string | undefined;
  readonly content: Omit<StoredContent, 'id' | 'created' | 'budget' | 'policy'>;
};

/**
 * Generations of clients that consented, and feedback on them. Texts are objects; the table has pointers and what is counted.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `STORED#key` | id of the response | pointer to a generation of the key (`StoredGeneration`) |
 * | `STOREDUSER#SHA-256 of the user` | key`#`id of the response | a generation of the user |
 * | `STOREDDAY#day of the response` | key`#`id of the response | a generation of the day |
 * | `FEEDBACK#day of the response` | id of the response`#`metric | feedback (`StoredFeedback`) |
 *
 * The content is written first and the pointer last, and readers follow pointers only: a process that ends in between leaves nothing
 * that can be read, and the rest expires. A deletion marks the pointer first and deletes it last, so that it can be repeated.
 */
export class FeedbackStore {
  readonly #table: ItemTable;
  readonly #objects: ObjectStore;
  readonly #unixTime: () => number;
  readonly #keptSeconds: number;

  /** @param days how long generations and their feedback are kept */
  constructor(table: ItemTable, objects: ObjectStore, unixTime: () => number, days: number) {
    this.#table = table;
    this.#objects = objects;
    this.#unixTime = unixTime;
    this.#keptSeconds = days * DAY_SECONDS;
  }

  /**
   * Stores a generation. The same id replaces.
   *
   * @throws {TableUnavailableError | ObjectsUnavailableError} then nothing of it can be read
   */
  async store({ user, content, ...fields }: NewGeneration): Promise<void> {
    const created = this.#unixTime();
    const { id, key, budget, policy } = fields;
    const stored: StoredGeneration = {
      ...fields,
      created,
      ttl: created + this.#keptSeconds,
      object: `generations/${key}/${id}.json`,
      ...(user === undefined ? {} : { user: hashUser(user) }),
    };
    const ofUser = stored.user === undefined ? undefined : userKey(stored.user, stored);
    const whole: StoredContent = { id, created, budget, policy, ...content };
    await Promise.all([
      this.#objects.put(stored.object, JSON.stringify(whole)),
      this.#table.put({ ...dayKey(stored), ttl: stored.ttl }),
      ...(ofUser === undefined ? [] : [this.#table.put({ ...ofUser, ttl: stored.ttl })]),
    ]);
    await this.#table.put({ ...pointerKey(stored), ...stored });
    // A deletion of the user that came before the pointer did not find it.
    if (ofUser !== undefined && (await this.#table.get(ofUser.pk, ofUser.sk)) === undefined) await this.#remove(stored);
  }

  /** Returns a generation of a key, or `undefined` if there is none: it was not stored, is expired or deleted, or is of another key. */
  async find(key: string, id: string): Promise<StoredGeneration | undefined> {
    const stored = await this.#pointer(key, id);
    // DynamoDB deletes expired items within days.
    return stored === undefined || stored.deleted === true || stored.ttl <= this.#unixTime() ? undefined : stored;
  }

  /** Returns the content of a generation, or `undefined` as `find` does. */
  async content(key: string, id: string): Promise<StoredContent | undefined> {
    const stored = await this.find(key, id);
    const written = stored === undefined ? undefined : await this.#objects.get(stored.object);
    return written === undefined ? undefined : contentSchema.parse(JSON.parse(written));
  }

  /** Generations of the given days (`YYYY-MM-DD`, UTC) with their content, in the order of the days, keys and ids. */
  async *generations(
    days: readonly string[],
    after?: FeedbackPlace,
  ): AsyncGenerator<{ readonly key: string; readonly content: StoredContent } & FeedbackPlace> {
    for (const day of days.slice(after === undefined ? 0 : Math.max(0, days.indexOf(after.day)))) {
      const options = after?.day === day ? { after: after.place } : {};
      for await (const item of this.#table.query(storedDay(day), '', options)) {
        const place = String(item['sk']);
        const [key = '', id = ''] = place.split('#');
        const content = await this.content(key, id);
        if (content !== undefined) yield { key, content, day, place };
      }
    }
  }

  /**
   * Stores feedback. The same id and metric replace.
   *
   * @throws {ApiError} 404 if the key has no such generation
   */
  async give(key: string, feedback: Feedback): Promise<StoredFeedback> {
    const { id, metric, value } = feedback;
    const generation = await this.find(key, id);
    if (generation === undefined) throw unknownResponse('id', id);
    if (metric === 'preferred' && (await this.find(key, value.over)) === undefined) {
      throw unknownResponse('value.over', value.over);
    }
    const nonce = randomUUID().replaceAll('-', '');
    const texts = textsOf(feedback);
    const object = texts === undefined ? undefined : `feedback/${key}/${id}/${metric}-${nonce}.json`;
    if (object !== undefined) await this.#objects.put(object, JSON.stringify(texts));
    const { model, budget, policy, thinking_tokens, answer_tokens, ttl } = generation;
    const stored: StoredFeedback = {
      id,
      key,
      metric,
      ...(metric === 'correction' ? {} : { value }),
      created: this.#unixTime(),
      ttl,
      model,
      budget,
      policy,
      ...(thinking_tokens === undefined ? {} : { thinking_tokens }),
      ...(answer_tokens === undefined ? {} : { answer_tokens }),
      ...(object === undefined ? {} : { object }),
    };
    await this.#replaceFeedback({ ...feedbackKey(generation, metric), ...stored, nonce }, nonce);
    // A deletion that began after `find` may have missed it.
    if ((await this.find(key, id)) === undefined) {
      await this.#removeFeedback({ ...feedbackKey(generation, metric), ...stored });
      throw unknownResponse('id', id);
    }
    return stored;
  }

  /** Feedback on the responses of the given days (`YYYY-MM-DD`, UTC), in the order of the days and of their ids. */
  async *feedback(days: readonly string[], after?: FeedbackPlace): AsyncGenerator<StoredFeedback & FeedbackPlace> {
    for (const day of days.slice(after === undefined ? 0 : Math.max(0, days.indexOf(after.day)))) {
      const options = after?.day === day ? { after: after.place } : {};
      for await (const item of this.#table.query(feedbackDay(day), '', options)) {
        const stored = storedFeedbackSchema.parse(item);
        if (stored.ttl > this.#unixTime()) yield { ...stored, day, place: String(item['sk']) };
      }
    }
  }

  /** Returns what a client wrote in words. */
  async texts({ object }: StoredFeedback): Promise<FeedbackTexts> {
    const written = object === undefined ? undefined : await this.#objects.get(object);
    return written === undefined ? {} : feedbackTextsSchema.parse(JSON.parse(written));
  }

  /** Deletes a generation of a key and all feedback on it, expired or not. Returns whether there was one that was not expired. */
  async delete(key: string, id: string): Promise<boolean> {
    const stored = await this.#pointer(key, id);
    if (stored === undefined) return false;
    await this.#remove(stored);
    return stored.ttl > this.#unixTime();
  }

  /**
   * Deletes the generations of a key, of a user, or of a user with a key, and all feedback on them. Requests that still run are
   * stored after it. Returns the number of deleted generations.
   */
  async deleteAll(of: { readonly key: string } | { readonly user: string; readonly key?: string }): Promise<number> {
    let deleted = 0;
    let batch: Promise<void>[] = [];
    for await (const stored of 'user' in of ? this.#ofUser(of.user, of.key) : this.#ofKey(of.key)) {
      batch.push(this.#remove(stored));
      deleted++;
      if (batch.length < DELETED_AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    return deleted;
  }

  async *#ofKey(key: string): AsyncGenerator<StoredGeneration> {
    for await (const item of this.#table.query(keyPartition(key), '', { consistent: true })) {
      yield storedGenerationSchema.parse(item);
    }
  }

  async *#ofUser(user: string, ofKey: string | undefined): AsyncGenerator<StoredGeneration> {
    const begin = ofKey === undefined ? '' : `${ofKey}#`;
    for await (const item of this.#table.query(userPartition(hashUser(user)), begin, { consistent: true })) {
      const [key = '', id = ''] = String(item['sk']).split('#');
      const pointer = await this.#table.get(keyPartition(key), id);
      // Without a pointer, its process ended before it was written, or writes it now and then finds the entry gone.
      if (pointer === undefined) await this.#table.delete(userPartition(hashUser(user)), String(item['sk']));
      else yield storedGenerationSchema.parse(pointer);
    }
  }

  async #pointer(key: string, id: string): Promise<StoredGeneration | undefined> {
    const item = await this.#table.get(keyPartition(key), id);
    return item === undefined ? undefined : storedGenerationSchema.parse(item);
  }

  async #remove(stored: StoredGeneration): Promise<void> {
    await this.#table.put({ ...pointerKey(stored), ...stored, deleted: true });
    await this.#objects.delete(stored.object);
    const partition = feedbackDay(dayOf(stored.created));
    for await (const item of this.#table.query(partition, `${stored.id}#`, { consistent: true })) {
      await this.#removeFeedback({ pk: partition, sk: String(item['sk']), ...storedFeedbackSchema.parse(item) });
    }
    const ofDay = dayKey(stored);
    await this.#table.delete(ofDay.pk, ofDay.sk);
    const { user } = stored;
    if (user !== undefined) {
      const { pk, sk } = userKey(user, stored);
      await this.#table.delete(pk, sk);
    }
    const { pk, sk } = pointerKey(stored);
    await this.#table.delete(pk, sk);
  }

  async #removeFeedback({
    pk,
    sk,
    object,
  }: {
    readonly pk: string;
    readonly sk: string;
    readonly object?: string | undefined;
  }) {
    if (object !== undefined) await this.#objects.delete(object);
    await this.#table.delete(pk, sk);
  }

  /** Replaces feedback, and deletes the texts of what it replaces. */
  async #replaceFeedback(item: Item & { readonly pk: string; readonly sk: string }, nonce: string): Promise<void> {
    for (let attempt = 0; attempt < MAX_WRITE_ATTEMPTS; attempt++) {
      const before = await this.#table.get(item.pk, item.sk);
      // If the response to a write is lost, the SDK retries the write, and the retry fails because of the first attempt.
      if (before?.['nonce'] === nonce) return;
      const version = before === undefined ? undefined : Number(before['version']);
      if (await this.#table.putIfVersion(item, version)) {
        const { object } = before ?? {};
        if (typeof object === 'string') await this.#objects.delete(object);
        return;
      }
      await sleep(Math.random() * 10 * 2 ** Math.min(attempt, 5));
    }
    if (typeof item['object'] === 'string') await this.#objects.delete(item['object']);
    throw new ApiError(409, 'This feedback is being changed by other requests. Retry the request.', {
      code: 'feedback_changed',
      headers: { 'retry-after': '1' },
    });
  }
}

/** Where a page of feedback ended. */
export interface FeedbackPlace {
  readonly day: string;
  readonly place: string;
}

/** The texts of feedback, which become an object. `undefined` if there are none. */
function textsOf({ metric, value, comment, tags }: Feedback): FeedbackTexts | undefined {
  const texts = {
    ...(metric === 'correction' ? { correction: value.answer } : {}),
    ...(comment == null || comment === '' ? {} : { comment }),
    ...(tags == null || Object.keys(tags).length === 0 ? {} : { tags }),
  };
  return Object.keys(texts).length === 0 ? undefined : texts;
}

const keyPartition = (key: string) => `STORED#${key}`;
const userPartition = (hash: string) => `STOREDUSER#${hash}`;
const storedDay = (day: string) => `STOREDDAY#${day}`;
const feedbackDay = (day: string) => `FEEDBACK#${day}`;

function pointerKey({ key, id }: Pick<StoredGeneration, 'key' | 'id'>) {
  return { pk: keyPartition(key), sk: id };
}

function dayKey({ key, id, created }: Pick<StoredGeneration, 'key' | 'id' | 'created'>) {
  return { pk: storedDay(dayOf(created)), sk: `${key}#${id}` };
}

function userKey(hash: string, { key, id }: Pick<StoredGeneration, 'key' | 'id'>) {
  return { pk: userPartition(hash), sk: `${key}#${id}` };
}

function feedbackKey({ id, created }: Pick<StoredGeneration, 'id' | 'created'>, metric: string) {
  return { pk: feedbackDay(dayOf(created)), sk: `${id}#${metric}` };
}

/** The error for a response that a key does not have, whatever the reason. */
export function unknownResponse(param: string, id: string): ApiError {
  return new ApiError(
    404,
    `No stored response of this key has the ${param} ${JSON.stringify(id.slice(0, 64))}. It is unknown, expired or deleted, or was not stored: its key needs store: true, and its request no x-budgetforce-store: false.`,
    { param, code: 'response_not_found' },
  );
}
