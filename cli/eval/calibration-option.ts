import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { type Condition, conditionId } from '../../evaluate/conditions.ts';
import { type Method, methods, type Thresholds } from '../../evaluate/methods.ts';
import { type Calibration, calibrationSchema } from '../../lambda/settings/calibration.ts';
import { UsageError } from '../usage-error.ts';

const DEFAULT_SURE_ABOVE = 0.95;

/** What is about to be asked. */
interface Judged {
  readonly model: string;
  /** SHA-256. `undefined` if it is unknown. */
  readonly weights: string | undefined;
  readonly conditions: readonly Condition[];
  /** Path of the file of questions. */
  readonly questions: string;
  /** Number of rows that are asked, from the start. */
  readonly rows: number;
}

/**
 * Reads the thresholds of a calibration for conditions that depend on one. `undefined`: the defaults hold.
 *
 * @throws {UsageError} if the file is not a calibration, is of another model, or was made on questions that are asked now
 */
export async function thresholdsFrom(path: string | undefined, judged: Judged): Promise<Thresholds | undefined> {
  const dependent = judged.conditions.find(({ method }) => (methods[method] as Method).calibrated === true);
  if (path === undefined || path === 'none' || dependent === undefined) return undefined;
  const calibration = await read(path);
  const { provenance, measure, unsureBelow, sureAbove = DEFAULT_SURE_ABOVE, id } = calibration;
  if (provenance !== undefined) await check(path, provenance, judged, conditionId(dependent));
  return { measure, unsureBelow, sureAbove, calibration: id };
}

async function read(path: string): Promise<Calibration> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(
      `--calibration ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}. Give the calibration.json that \`budgetforce calibrate\` writes, or "none".`,
    );
  }
  const parsed = calibrationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `--calibration ${path} is not a calibration: ${z.prettifyError(parsed.error)}. Give the calibration.json that \`budgetforce calibrate\` writes, or "none".`,
  );
}

async function check(
  path: string,
  { model, weights, questions }: NonNullable<Calibration['provenance']>,
  judged: Judged,
  condition: string,
): Promise<void> {
  const other =
    model !== judged.model || (weights !== null && judged.weights !== undefined && weights !== judged.weights);
  if (other)
    throw new UsageError(
      `${path} is a calibration of ${model === judged.model ? 'other weights' : `the model ${model}`}, but ${condition} asks ${judged.model}. Run \`budgetforce calibrate\` for it, or give --calibration none.`,
    );
  if (questions.first > judged.rows) return;
  const sha256 = createHash('sha256')
    .update(await readFile(judged.questions))
    .digest('hex');
  if (sha256 !== questions.sha256) return;
  const instead =
    questions.first > 1 ? `Give --limit ${questions.first - 1} or other questions` : 'Give other questions';
  throw new UsageError(
    `The thresholds of ${path} were found on rows ${questions.first} to ${questions.last} of ${judged.questions}, and rows 1 to ${judged.rows} of it are asked now. ${instead}, so that no threshold is judged on its own questions.`,
  );
}
