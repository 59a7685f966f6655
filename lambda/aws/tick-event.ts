import * as z from 'zod';

/** What the rule of each minute sends to the function: nobody may have asked for a while, and the metrics still have to fall to 0. */
export const TICK_EVENT = { budgetforce: 'tick' } as const;

const tickEventSchema = z.strictObject({ budgetforce: z.literal('tick') });

/** API Gateway's events have other members, so no request can look like one. */
export function isTickEvent(event: unknown): boolean {
  return tickEventSchema.safeParse(event).success;
}
