import { calibrationSchema } from '../../../lambda/settings/calibration.ts';
import { type ScriptedSegment, tokensOf } from '../scripted-world.ts';

/** A call that samples a text and its end, each token with this probability. If omitted, the server gives no log-probabilities. */
export function call(says: string, ends: number, probability?: number): ScriptedSegment {
  const logprob = Math.log(probability ?? 1);
  const logprobs = [...tokensOf(says), ends].map((id) => ({ token: String(id), logprob, top: [] }));
  return { says, ends, ...(probability !== undefined && { logprobs }) };
}

/** A calibration with a Wait if unsure, which is wrong in at most 4 %, and with natural thinking, which is in at most 20 %. */
export const calibration = calibrationSchema.parse({
  id: 'held-out-7',
  measure: 'min_token',
  unsureBelow: 0.4,
  rows: [
    {
      waits: 1,
      waitWhen: 'unsure',
      unsureBelow: 0.4,
      maxTokens: 150,
      questions: 200,
      wrong: 3,
      wrongUpper95: 0.04,
      meanTokens: 75,
    },
    { waits: 0, waitWhen: 'always', maxTokens: 150, questions: 200, wrong: 30, wrongUpper95: 0.2, meanTokens: 50 },
  ],
});
