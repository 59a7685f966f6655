import * as z from 'zod';
import { confidenceMeasures } from '../forcing/confidence.ts';

const share = z.number().min(0).max(1);

const rowSchema = z
  .strictObject({
    waits: z.int().min(0).max(64),
    waitWhen: z.enum(['always', 'unsure']),
    unsureBelow: share.optional().describe('Threshold of `measure`. Required if `waitWhen` is `unsure`.'),
    maxTokens: z.int().min(1).describe('Maximum of thinking tokens.'),
    questions: z.int().min(1).describe('Held-out questions.'),
    wrong: z.int().min(0).describe('Wrong answers to them.'),
    wrongUpper95: share.describe('Upper 95 % bound of the share of wrong answers (Clopper-Pearson).'),
    meanTokens: z.number().min(0).describe('Mean thinking and answer tokens of a question.'),
  })
  .refine(({ waitWhen, unsureBelow }) => waitWhen === 'always' || unsureBelow !== undefined, {
    path: ['unsureBelow'],
    message: 'is required if waitWhen is "unsure"',
  })
  .refine(({ wrong, questions, wrongUpper95 }) => wrong <= questions && wrongUpper95 >= wrong / questions, {
    path: ['wrongUpper95'],
    message: 'must not be below the share of wrong answers, which is at most 1',
  });

const provenanceSchema = z.strictObject({
  date: z.iso.date().describe('Day of the measurement, UTC.'),
  model: z.string().min(1).describe('Model that was asked.'),
  weights: z.string().nullable().describe("SHA-256 of the model's weights. `null` if it is unknown."),
  temperature: z.number().nullable().describe("Sampling temperature. `null`: the model's own."),
  questions: z
    .strictObject({
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .describe('SHA-256 of the file of questions.'),
      first: z.int().min(1).describe('First row of the file that was asked, from 1.'),
      last: z.int().min(1).describe('Last row of the file that was asked.'),
      calibration: z.int().min(1).describe('Questions on which the thresholds were chosen.'),
      heldOut: z.int().min(1).describe('Questions on which the policies were judged.'),
    })
    .describe('Questions that were asked. An evaluation must judge the calibration on other ones.'),
  splitSeed: z.int().min(0).describe('Seed of the split into halves.'),
  seeds: z.int().min(1).describe('Seeds per question.'),
});

/**
 * The calibration of a model: thresholds of its confidence, and the policies that `thinking.risk` chooses from, measured on held-out
 * questions. On a laptop it is a JSON file beside the model (`model.gguf` has `model.calibration.json`).
 */
export const calibrationSchema = z.strictObject({
  id: z.string().min(1).max(128).describe('Name of the calibration, which reports give.'),
  measure: z.enum(confidenceMeasures).describe('Measure of confidence that the thresholds are for.'),
  unsureBelow: share.describe('Confidence below which an end of the thinking becomes "Wait".'),
  sureAbove: share.optional().describe('Confidence of a probe that ends the thinking.'),
  rows: z.array(rowSchema).max(256).default([]).describe('Measured policies, from which `thinking.risk` chooses.'),
  provenance: provenanceSchema.optional().describe('How it was measured, as `budgetforce calibrate` writes it.'),
});
export type Calibration = z.infer<typeof calibrationSchema>;

/** Rules by confidence if a request sets none. */
export const gateDefaultsSchema = z.strictObject({
  waits: z.int().min(0).max(64).optional().describe('Number of Waits.'),
  waitWhen: z.enum(['always', 'unsure']).optional().describe('Whether a Wait depends on the confidence.'),
  unsureBelow: share.optional().describe('Confidence below which an end becomes a Wait.'),
  confidenceMeasure: z.enum(confidenceMeasures).optional().describe('Measure of confidence.'),
  stopWhen: z.enum(['never', 'sure']).optional().describe('Whether thinking ends when probes find its answer settled.'),
  sureAbove: share.optional().describe('Confidence of a probe that ends the thinking.'),
  sureProbes: z.int().min(2).max(16).optional().describe('Number of equal probes that end the thinking.'),
});
export type GateDefaults = z.infer<typeof gateDefaultsSchema>;
