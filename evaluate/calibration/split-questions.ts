import { createHash } from 'node:crypto';
import type { Question } from '../questions/question.ts';

/** Two halves of a question set without a question in both. */
export interface Halves {
  /** Thresholds are chosen on these. */
  readonly calibration: readonly Question[];
  /** The chosen policies are judged on these. */
  readonly heldOut: readonly Question[];
}

/**
 * Splits by question, in an order that depends on the seed and the texts only. Questions with the same text get into the same half, so
 * that none is judged by its own threshold.
 */
export function splitQuestions(questions: readonly Question[], seed: number): Halves {
  const rank = (text: string) => createHash('sha256').update(`${seed}|${text}`).digest('hex');
  const groups = [...Map.groupBy(questions, ({ question }) => question.trim()).entries()]
    .map(([text, group]) => ({ group, rank: rank(text) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
  const calibration = new Set<string>();
  for (const { group } of groups) {
    if (calibration.size + group.length > questions.length / 2) continue;
    for (const { id } of group) calibration.add(id);
  }
  return {
    calibration: questions.filter(({ id }) => calibration.has(id)),
    heldOut: questions.filter(({ id }) => !calibration.has(id)),
  };
}
