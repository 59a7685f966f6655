import * as z from 'zod';
import { ApiError } from '../errors/api-error.ts';
import type { ItemTable } from '../storage/table.ts';
import { type WebhookBody, type WebhookEventType, webhookEventTypes } from './event.ts';
import { newSalt } from './sign.ts';

const webhookSchema = z.object({
  url: z.string(),
  events: z.array(z.enum(webhookEventTypes)),
  salt: z.string(),
  /** Unix time in seconds. */
  created: z.int(),
  /** The salt before the last change, which signs too until this time. */
  previous: z.object({ salt: z.string(), until: z.int() }).optional(),
  /** Set if the receiver answered 410 Gone. */
  disabled: z.int().optional(),
  version: z.int().optional(),
});
export type Webhook = z.output<typeof webhookSchema>;

const bodySchema: z.ZodType<WebhookBody> = z.object({
  id: z.string(),
  object: z.literal('event'),
  created_at: z.int(),
  type: z.enum(webhookEventTypes),
  data: z.object({ id: z.string() }),
});

const deliverySchema = z.object({
  sk: z.string(),
  key: z.string(),
  body: bodySchema,
  /** Attempts so far. */
  attempts: z.int(),
  /** Time until which a process is at an attempt, as Unix time in seconds. */
  claimed: z.int().optional(),
  version: z.int().optional(),
});
/** An event that is to be delivered. `sk` begins with the time when it is due. */
export type Delivery = z.output<typeof deliverySchema>;

const failureSchema = z.object({
  event: z.string(),
  type: z.enum(webhookEventTypes),
  /** Id of the response or batch. */
  data: z.string(),
  attempts: z.int(),
  /** What the last attempt met: a status, or the name of an error. */
  reason: z.string(),
  /** Unix time in seconds. */
  at: z.int(),
});
/** An event that was given up. */
export type WebhookFailure = z.output<typeof failureSchema>;

const DELIVERIES = 'DELIVERIES';
/** Time for which failures are kept, in seconds. */
const FAILURE_SECONDS = 30 * 86_400;
/** Time after its due time until a delivery that no process attempts is gone, in seconds. */
const DELIVERY_SECONDS = 7 * 86_400;
/** Attempts of a change whose conditional writes fail because of other changes. */
const MAX_ATTEMPTS = 8;

/**
 * Webhooks of keys, and events that are to be delivered.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `WEBHOOK` | id of the key | `Webhook` |
 * | `DELIVERIES` | time when it is due`#`id of the event`#`random | `Delivery` |
 * | `UNDELIVERED#key` | time`#`id of the event | `WebhookFailure` |
 */
export class WebhookStore {
  readonly #table: ItemTable;
  readonly #unixTime: () => number;
  readonly #newId: () => string;

  constructor(table: ItemTable, unixTime: () => number, newId: () => string) {
    this.#table = table;
    this.#unixTime = unixTime;
    this.#newId = newId;
  }

  async find(key: string): Promise<Webhook | undefined> {
    const item = await this.#table.get('WEBHOOK', key);
    return item === undefined ? undefined : webhookSchema.parse(item);
  }

  /**
   * Sets the webhook of a key, with a new salt.
   *
   * @param graceSeconds how long the secret before signs as well
   * @throws {ApiError} 409 if other changes keep coming first
   */
  async set(
    key: string,
    { url, events }: { readonly url: string; readonly events: readonly WebhookEventType[] },
    graceSeconds: number,
  ): Promise<Webhook> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await this.find(key);
      const created = this.#unixTime();
      const webhook: Webhook = {
        ...{ url, events: [...events], salt: newSalt(), created },
        ...(before === undefined || graceSeconds === 0
          ? {}
          : { previous: { salt: before.salt, until: created + graceSeconds } }),
      };
      if (await this.#table.putIfVersion({ pk: 'WEBHOOK', sk: key, ...webhook }, before?.version)) return webhook;
    }
    throw new ApiError(409, `The webhook of ${key} is being changed by other requests. Retry the request.`, {
      code: 'webhook_changed',
    });
  }

  async disable(key: string, webhook: Webhook): Promise<void> {
    const item = { pk: 'WEBHOOK', sk: key, ...webhook, disabled: this.#unixTime() };
    await this.#table.putIfVersion(item, webhook.version);
  }

  /** Deletes the webhook of a key. Its deliveries are dropped when they are due. Returns whether there was one. */
  async remove(key: string): Promise<boolean> {
    const existed = (await this.find(key)) !== undefined;
    await this.#table.delete('WEBHOOK', key);
    return existed;
  }

  /** Adds a delivery that this process attempts at once. It is due for others after `claimSeconds`. */
  async add(key: string, body: WebhookBody, claimSeconds: number): Promise<Delivery> {
    const due = this.#unixTime() + claimSeconds;
    return await this.#put({ key, body, attempts: 0 }, due);
  }

  /** Deliveries that are due and that no process attempts, in the order of their due times. */
  async *due(): AsyncGenerator<Delivery> {
    const now = this.#unixTime();
    for await (const item of this.#table.query(DELIVERIES)) {
      const delivery = deliverySchema.parse(item);
      if (dueOf(delivery) > now) return;
      if ((delivery.claimed ?? 0) <= now) yield delivery;
    }
  }

  /** Claims a delivery for one attempt. Returns whether no other process was first. */
  async claim(delivery: Delivery, claimSeconds: number): Promise<boolean> {
    const ttl = dueOf(delivery) + DELIVERY_SECONDS;
    const item = { ...delivery, pk: DELIVERIES, ttl, claimed: this.#unixTime() + claimSeconds };
    return await this.#table.putIfVersion(item, delivery.version);
  }

  /** Sets the next attempt of a delivery. It is written before the old entry is deleted, so that it is never lost. */
  async retry(delivery: Delivery, afterSeconds: number): Promise<void> {
    const { key, body, attempts } = delivery;
    await this.#put({ key, body, attempts: attempts + 1 }, this.#unixTime() + afterSeconds);
    await this.removeDelivery(delivery);
  }

  async removeDelivery({ sk }: Delivery): Promise<void> {
    await this.#table.delete(DELIVERIES, sk);
  }

  /** Records that a delivery is given up. */
  async fail(delivery: Delivery, reason: string): Promise<void> {
    const { key, body, attempts } = delivery;
    const at = this.#unixTime();
    const failure: WebhookFailure = {
      ...{ event: body.id, type: body.type, data: body.data.id },
      ...{ attempts: attempts + 1, reason, at },
    };
    const sk = `${at}#${body.id}`;
    await this.#table.put({ pk: `UNDELIVERED#${key}`, sk, ...failure, ttl: at + FAILURE_SECONDS });
    await this.removeDelivery(delivery);
  }

  /** Events of a key that were given up, the newest first. */
  async failures(key: string, max: number): Promise<readonly WebhookFailure[]> {
    const found: WebhookFailure[] = [];
    for await (const item of this.#table.query(`UNDELIVERED#${key}`)) found.push(failureSchema.parse(item));
    return found.toReversed().slice(0, max);
  }

  async #put(delivery: Pick<Delivery, 'key' | 'body' | 'attempts'>, due: number): Promise<Delivery> {
    // Unix times have ten digits until the year 2286, so they sort as text.
    const sk = `${due}#${delivery.body.id}#${this.#newId().slice(0, 8)}`;
    // With a version from the start: a delivery that was made and deleted cannot be claimed.
    await this.#table.putIfVersion({ pk: DELIVERIES, sk, ...delivery, ttl: due + DELIVERY_SECONDS }, undefined);
    return { sk, ...delivery };
  }
}

function dueOf({ sk }: Delivery): number {
  return Number(sk.slice(0, sk.indexOf('#')));
}
