import { type Accuracy, accuracyOf, type Gain, gainOver } from '../metrics.ts';
import type { CalibrationAnswer } from './calibration-folder.ts';

/** How a policy did. Tokens are all that were sampled for thinking, answers and probes. */
export interface Judged {
  readonly name: string;
  readonly accuracy: Accuracy;
  /** Difference of accuracy to the natural run, paired by question. */
  readonly gain: Gain | undefined;
  readonly meanTokens: number;
  /** All tokens over the right answers. `undefined` if no answer is right. */
  readonly tokensPerRightAnswer: number | undefined;
  readonly meanWaits: number;
}

export function judge(
  name: string,
  answers: readonly CalibrationAnswer[],
  natural: readonly CalibrationAnswer[],
): Judged {
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const accuracy = accuracyOf(answers);
  return {
    name,
    accuracy,
    gain: gainOver(natural, answers),
    meanTokens: tokens / Math.max(1, answers.length),
    tokensPerRightAnswer: accuracy.right === 0 ? undefined : tokens / accuracy.right,
    meanWaits: answers.reduce((sum, answer) => sum + answer.waits, 0) / Math.max(1, answers.length),
  };
}
