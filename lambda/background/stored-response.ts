import * as z from 'zod';
import type { ApiError } from '../errors/api-error.ts';

/** OpenAI's states of a response. The first two are not final. */
export const responseStatuses = ['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled'] as const;
export type ResponseStatus = (typeof responseStatuses)[number];

/** Whether a response in this state changes no more. */
export function isFinal(status: ResponseStatus): boolean {
  return status !== 'queued' && status !== 'in_progress';
}

/** Why a response failed or waits, in OpenAI's `error`. */
const reasonSchema = z.object({ code: z.string(), message: z.string() });

/** Why a response failed. */
export const failureSchema = reasonSchema.extend({
  /** Status of a request that was at fault itself. If omitted, the model or the service failed. */
  status: z.literal([400, 401, 403, 404, 413]).optional(),
  /** The field at fault. */
  param: z.string().optional(),
});
export type StoredFailure = z.infer<typeof failureSchema>;

/** What is stored of the error with which a response ends. */
export function toFailure({ code, message, status, param }: ApiError): StoredFailure {
  const { data: refusal } = failureSchema.shape.status.safeParse(status);
  return {
    ...{ code: code ?? 'server_error', message },
    ...(refusal === undefined ? {} : { status: refusal }),
    ...(param === null ? {} : { param }),
  };
}

/** Why a response does not run at the moment, although it could. */
const waitingSchema = z.object({
  ...reasonSchema.shape,
  /** Unix time of the first attempt that found no place, in seconds. */
  since: z.int(),
  /** Attempts since then. */
  attempts: z.int().min(1),
  /** Unix time of the next attempt, in seconds. */
  retryAt: z.int(),
});
export type Waiting = z.infer<typeof waitingSchema>;

/** The member of a body that says why a response does not run, if it does not. */
export function waitingMember({ waiting }: { readonly waiting?: Waiting | undefined }) {
  if (waiting === undefined) return {};
  const { code, message, since, retryAt } = waiting;
  return { waiting: { code, message, since, retry_at: retryAt } };
}

/** What the table has of a stored response: its state, and pointers to its content. */
export const storedResponseSchema = z.object({
  /** `resp_…` or `chatcmpl-…` */
  id: z.string(),
  /** Id of the key that sent the request. */
  key: z.string(),
  /** Which dialect wrote its request, and reads its response. */
  dialect: z.enum(['responses', 'chat']),
  /** Value of the request's `model`. */
  model: z.string(),
  status: z.enum(responseStatuses),
  /** Whether it runs in the background. If not, it was stored when it had ended. */
  background: z.boolean(),
  /** Unix times, in seconds: of the request, and from which it no longer exists. */
  created: z.int(),
  ttl: z.int(),
  /** Set while it waits for a place. */
  waiting: waitingSchema.optional(),
  /** Set if it failed. */
  failure: failureSchema.optional(),
  /** Name of the object with the response's body, when it has ended. */
  result: z.string().optional(),
  /** Set if it was deleted while it ran: what runs it deletes it when its usage is settled. */
  deleted: z.literal(true).optional(),
  /** Version of the item, for conditional writes. */
  version: z.int(),
});
export type StoredResponse = z.infer<typeof storedResponseSchema>;

/** Names a stored response: all that a checkpoint and an event hold. */
export const pointerSchema = z.object({ key: z.string(), id: z.string() });
export type ResponsePointer = z.infer<typeof pointerSchema>;
