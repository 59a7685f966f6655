import { z } from 'zod';
import { formatNames } from '../../lambda/forcing/format.ts';

/** What the job of an evaluation is told: `lib` writes it into the project's environment, and the job reads it. */
export const evaluationSettingsSchema = z.strictObject({
  bucket: z.string().min(1),
  endpointName: z.string().min(1),
  /** Component in service, and the temporary one. */
  component: z.string().min(1),
  candidate: z.string().min(1),
  model: z.strictObject({
    id: z.string().min(1),
    format: z.enum(formatNames),
    contextTokens: z.int().min(128),
  }),
  /** File of the questions, `s3://bucket/key`. */
  questions: z.string().startsWith('s3://'),
  dataset: z.string().min(1).optional(),
  grader: z.enum(['exact', 'numeric', 'choice', 'math']).optional(),
  budgets: z.array(z.int().min(0)).min(1),
  limit: z.int().min(1),
  concurrency: z.int().min(1),
  calibrate: z.boolean(),
  /** Percentage points that the accuracy may lose. `null`: a person decides. */
  maxLossPoints: z.number().min(0).nullable(),
});
export type EvaluationSettings = z.output<typeof evaluationSettingsSchema>;

/** Environment variable of the project with these settings as JSON. */
export const EVALUATION_VARIABLE = 'EVALUATION';
/** Environment variable that a build gives back. */
export const VERDICT_VARIABLE = 'VERDICT';

/** What the job prints on its standard output: the answer of the rule, and a sentence with the figures. */
export const verdictSchema = z.strictObject({ passes: z.boolean(), sentence: z.string().min(1) });
export type Verdict = z.output<typeof verdictSchema>;
