import * as z from 'zod';

/** Event that an EventBridge rule sends each minute, so that metrics fall to 0 even if no request arrives. */
export const TICK_EVENT = { budgetforce: 'tick' } as const;

const tickEventSchema = z.strictObject({ budgetforce: z.literal('tick') });

/** Whether an event is the tick. Events of API Gateway have other members, so no request can pass as one. */
export function isTickEvent(event: unknown): boolean {
  return tickEventSchema.safeParse(event).success;
}
