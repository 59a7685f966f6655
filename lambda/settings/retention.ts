import * as z from 'zod';

/** Longest retention, in days: ten years. */
export const MAX_DAYS = 3_650;

const days = (what: string) =>
  z.int().min(0).max(MAX_DAYS).default(0).describe(`Days for which ${what} are kept. 0 stores none.`);

/** How long content of requests is stored. Without it, nothing of a conversation is stored. */
export const retentionSchema = z.strictObject({
  responsesDays: days('responses that a client asks to store'),
  feedbackDays: days('conversations with feedback'),
  filesDays: days('uploaded files'),
});
export type Retention = z.infer<typeof retentionSchema>;
