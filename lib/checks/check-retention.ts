import type { Refusal } from '../facts/refusal.ts';

/** Refuses stored conversations without the table that points to them, and without the keys that consent. */
export function checkRetention(
  field: 'feedbackDays' | 'responsesDays',
  days: number,
  ledger: string,
  apiKey: boolean,
): readonly (Refusal | undefined)[] {
  if (days === 0) return [];
  const begin = `retention.${field} is ${days}, but`;
  const source = field === 'feedbackDays' ? 'docs/feedback.md' : 'docs/background.md';
  return [
    ledger === 'none'
      ? {
          code: 'retention-ledger',
          sentence: `${begin} api.ledger is "none", and the table has the place of each stored conversation and the keys that allow it: write "keep" or "delete", or ${field} 0.`,
          source,
        }
      : undefined,
    apiKey
      ? undefined
      : {
          code: 'retention-key',
          sentence: `${begin} api.apiKey is false, so nobody could create a key that allows to store anything: leave api.apiKey out, or write ${field} 0.`,
          source,
        },
  ];
}

/** Refuses work in the background without a place for its responses. */
export function checkBackground(background: unknown, responsesDays: number): Refusal | undefined {
  if (background === undefined || responsesDays > 0) return undefined;
  return {
    code: 'background-retention',
    sentence:
      'background is set, but retention.responsesDays is 0, and a response in the background is read when it has ended: write retention.responsesDays, or leave background out.',
    source: 'docs/background.md',
  };
}
