import type { TrainingData } from '../../lib/training/estimate.ts';
import { dataCheckOptions } from './check-data-action.ts';
import { checkData } from './data/check-data.ts';
import { countRows } from './data/count-rows.ts';
import { isFit, renderDataReport } from './data/render-check.ts';
import type { TrainValues } from './train-options.ts';
import type { TrainableConfig } from './trained-model.ts';

/** Characters of a token of English text, if there is no tokenizer to count with. An assumption. */
const CHARACTERS_PER_TOKEN = 3.5;

/** Data of a run, before it is started. */
export interface CheckedData {
  readonly size: TrainingData;
  /** The report of `data check`, if something must be repaired. */
  readonly problem: string | undefined;
}

/**
 * Checks and counts the rows of a run. Pairs and judged answers are counted only: `budgetforce preferences export` has checked them.
 *
 * @throws {UsageError} if a file cannot be read
 */
export async function readTrainingData(
  path: string,
  values: TrainValues,
  trainable: TrainableConfig,
): Promise<CheckedData> {
  const estimated = (characters: number) => Math.round(characters / CHARACTERS_PER_TOKEN);
  if (trainable.training.recipe.task !== 'sft') {
    const { rows, characters } = await countRows(path);
    return { size: { rows, tokens: estimated(characters) }, problem: undefined };
  }
  const report = await checkData(path, await dataCheckOptions(values, trainable));
  return {
    size: { rows: report.rows, tokens: report.tokens?.total ?? estimated(report.characters) },
    problem: isFit(report) ? undefined : renderDataReport(report).trimEnd(),
  };
}
