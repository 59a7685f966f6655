import * as z from 'zod';
import { graderNames } from '../graders.ts';

/** A question as it is asked and graded. */
export const questionSchema = z.looseObject({
  id: z.string().min(1),
  question: z.string().min(1),
  answer: z.string().min(1),
  /** @default numeric */
  grader: z.enum(graderNames).optional(),
  /** Options of a multiple-choice question. They are shuffled, and `answer` is the right one. */
  choices: z.array(z.string().min(1)).optional(),
});
export type Question = z.infer<typeof questionSchema>;
