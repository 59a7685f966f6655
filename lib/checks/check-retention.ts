import type { Refusal } from '../facts/refusal.ts';

/** Refuses stored conversations without the table that points to them, and without the keys that consent. */
export function checkRetention(
  feedbackDays: number,
  ledger: string,
  apiKey: boolean,
): readonly (Refusal | undefined)[] {
  if (feedbackDays === 0) return [];
  const days = `retention.feedbackDays is ${feedbackDays}, but`;
  return [
    ledger === 'none'
      ? {
          code: 'retention-ledger',
          sentence: `${days} api.ledger is "none", and the table has the place of each stored conversation and the keys that allow it: write "keep" or "delete", or feedbackDays 0.`,
          source: 'docs/feedback.md',
        }
      : undefined,
    apiKey
      ? undefined
      : {
          code: 'retention-key',
          sentence: `${days} api.apiKey is false, so nobody could create a key that allows to store anything: leave api.apiKey out, or write feedbackDays 0.`,
          source: 'docs/feedback.md',
        },
  ];
}
