import { createHash } from 'node:crypto';

/** Types of events, as OpenAI names them. Source: https://platform.openai.com/docs/api-reference/webhook-events */
export const webhookEventTypes = [
  'response.completed',
  'response.failed',
  'response.cancelled',
  'response.incomplete',
  'batch.completed',
  'batch.failed',
  'batch.cancelled',
  'batch.expired',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** The end of a response or of a batch. */
export interface EndEvent {
  readonly type: WebhookEventType;
  /** Id of the response (`resp_…`) or of the batch (`batch_…`). */
  readonly id: string;
}

/** Tells clients how their background work ended. */
export interface WebhookSender {
  /**
   * Sends an event to the webhook of a key, if the key has one that takes this type. Resolves when the event is stored; it is then sent
   * beside the caller's work and, if the receiver fails, again later. Calls with the same event send the same `webhook-id`, so a
   * caller that is not sure may call again.
   *
   * @throws {TableUnavailableError} if the event could not be stored
   */
  notify(keyId: string, event: EndEvent): Promise<void>;
}

/** The body of a webhook, in OpenAI's shape. */
export interface WebhookBody {
  /** `evt_…`: the `webhook-id` of every attempt. */
  readonly id: string;
  readonly object: 'event';
  /** Unix time in seconds. */
  readonly created_at: number;
  readonly type: WebhookEventType;
  readonly data: { readonly id: string };
}

/** Returns the body of an event. Its id follows from the type and the id of what ended. */
export function toWebhookBody({ type, id }: EndEvent, createdAt: number): WebhookBody {
  const hash = createHash('sha256').update(`${type}:${id}`, 'utf8').digest('hex');
  return { id: `evt_${hash.slice(0, 32)}`, object: 'event', created_at: createdAt, type, data: { id } };
}
