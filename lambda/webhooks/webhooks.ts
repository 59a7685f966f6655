import type { Log } from '../errors/log.ts';
import { inParallel } from '../in-parallel.ts';
import { type EndEvent, toWebhookBody, type WebhookSender } from './event.ts';
import { ForbiddenReceiverError, type PostOptions, postEvent } from './post-event.ts';
import { signatureHeaders, signingSecret } from './sign.ts';
import type { Delivery, Webhook, WebhookStore } from './webhook-store.ts';

/**
 * Seconds from each failed attempt to the next: the schedule that the specification suggests, ten attempts in about three days.
 *
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#webhook-delivery
 */
export const RETRY_SECONDS: readonly number[] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/** Time for which a process has a delivery for itself, in seconds: longer than an attempt. */
const CLAIM_SECONDS = 60;
/** Receivers that are called at once. */
const MAX_KEYS_AT_ONCE = 16;

export interface WebhooksOptions extends PostOptions {
  readonly store: WebhookStore;
  /** Reads the master secret, from which the signing secrets follow (`signingSecret`). */
  readonly master: () => Promise<string>;
  /** Unix time, in seconds. */
  readonly unixTime: () => number;
  /** Returns a random number from 0 to 1, which spreads retries. */
  readonly random: () => number;
  readonly log: Log;
}

/** Webhooks of keys: sends events, signs them, and tries again. */
export class Webhooks implements WebhookSender {
  readonly store: WebhookStore;
  /** Whether receivers may be local (`ReceiverRules`). */
  readonly allowLocal: boolean;
  readonly #options: WebhooksOptions;
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.store = options.store;
    this.allowLocal = options.allowLocal;
  }

  async notify(keyId: string, event: EndEvent): Promise<void> {
    const webhook = await this.store.find(keyId);
    if (webhook === undefined || webhook.disabled !== undefined || !webhook.events.includes(event.type)) return;
    const delivery = await this.store.add(keyId, toWebhookBody(event, this.#options.unixTime()), CLAIM_SECONDS);
    const attempt = this.#attempt(delivery).catch((error: unknown) => this.#logError(delivery, error));
    this.#running.add(attempt);
    void attempt.then(() => this.#running.delete(attempt));
  }

  /** Waits for the attempts that `notify` began. A function calls it before it returns. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /**
   * Attempts all deliveries that are due. A receiver gets them one after the other, and none after one that failed: the rest stay due.
   *
   * @returns number of attempts
   */
  async deliverDue(signal?: AbortSignal): Promise<number> {
    const due: Delivery[] = [];
    for await (const delivery of this.store.due()) due.push(delivery);
    let attempts = 0;
    await inParallel([...Map.groupBy(due, ({ key }) => key).values()], MAX_KEYS_AT_ONCE, async (deliveries) => {
      for (const delivery of deliveries) {
        if (signal?.aborted === true || !(await this.store.claim(delivery, CLAIM_SECONDS))) break;
        attempts++;
        if (!(await this.#attempt(delivery))) break;
      }
    });
    return attempts;
  }

  /** The signing secret of a webhook, as its receiver configures it. */
  async secretOf(keyId: string, { salt }: Pick<Webhook, 'salt'>): Promise<string> {
    return signingSecret(await this.#options.master(), salt, keyId);
  }

  /** One attempt. Returns whether the next delivery of the key may follow. */
  async #attempt(delivery: Delivery): Promise<boolean> {
    const { key } = delivery;
    // Read again: it may have been changed or deleted since the event.
    const webhook = await this.store.find(key);
    if (webhook === undefined || webhook.disabled !== undefined) {
      await this.store.removeDelivery(delivery);
      return true;
    }
    const outcome = await this.#post(key, webhook, delivery);
    if (outcome === 'delivered') {
      await this.store.removeDelivery(delivery);
      return true;
    }
    // The receiver asks never to be called again.
    if (outcome === '410') await this.store.disable(key, webhook);
    const wait = outcome === '410' ? undefined : RETRY_SECONDS[delivery.attempts];
    if (wait === undefined) {
      await this.store.fail(delivery, outcome);
      this.#options.log('error', 'webhook given up', this.#fieldsOf(delivery, outcome));
    } else {
      await this.store.retry(delivery, Math.ceil(wait * (1 + this.#options.random() / 5)));
      this.#options.log('warn', 'webhook failed', { ...this.#fieldsOf(delivery, outcome), retry_seconds: wait });
    }
    return false;
  }

  /** Posts once. Returns `delivered`, or why not: the status, or the name of an error. */
  async #post(key: string, webhook: Webhook, { body }: Delivery): Promise<string> {
    const now = this.#options.unixTime();
    const { previous } = webhook;
    const salts = [webhook, ...(previous !== undefined && previous.until > now ? [previous] : [])];
    const secrets = await Promise.all(salts.map(async (salt) => await this.secretOf(key, salt)));
    const text = JSON.stringify(body);
    const headers = signatureHeaders(secrets, { id: body.id, timestamp: now, body: text });
    try {
      const status = await postEvent(webhook.url, { headers, body: text }, this.#options);
      return status >= 200 && status < 300 ? 'delivered' : String(status);
    } catch (error) {
      if (error instanceof ForbiddenReceiverError) return 'forbidden_address';
      return error instanceof Error && 'code' in error ? String(error.code) : nameOf(error);
    }
  }

  #logError(delivery: Delivery, error: unknown): void {
    this.#options.log('error', 'webhook not attempted', this.#fieldsOf(delivery, nameOf(error)));
  }

  /** Fields of the log: neither the URL, which may have a token, nor a secret. */
  #fieldsOf({ key, body, attempts }: Delivery, reason: string) {
    return { key, event: body.id, type: body.type, attempt: attempts + 1, reason };
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
