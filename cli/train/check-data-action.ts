import { formats } from '../../lambda/formats/index.ts';
import { parseChoice, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { checkData, type DataCheckOptions } from './data/check-data.ts';
import { allowableChecks, type DataCheck } from './data/data-checks.ts';
import { EvaluationQuestions } from './data/evaluation-overlap.ts';
import { isFit, renderDataReport } from './data/render-check.ts';
import { columnNames } from './data/training-row.ts';
import type { TrainValues } from './train-options.ts';
import { loadTrainable, rowTarget, type TrainableConfig } from './trained-model.ts';

/** `budgetforce train data check PATH`. Exit code 1 if the data must be repaired. */
export async function runDataCheck(values: TrainValues, [what, path, ...more]: readonly string[]): Promise<number> {
  if (what !== 'check' || path === undefined || more.length > 0)
    throw new UsageError('data takes check and one file or folder: budgetforce train data check rows.jsonl.');
  const trainable = values.config === undefined ? undefined : loadTrainable(values.config);
  const report = await checkData(path, await dataCheckOptions(values, trainable));
  process.stdout.write(
    values.json === true ? `${JSON.stringify({ fit: isFit(report), ...report })}\n` : renderDataReport(report),
  );
  return isFit(report) ? 0 : 1;
}

/** What the options say of the check. */
export async function dataCheckOptions(
  values: TrainValues,
  trainable: TrainableConfig | undefined,
): Promise<DataCheckOptions> {
  const { format, tokenizerPath, blockSize } = rowTarget(values, trainable);
  const allow = (values.allow?.split(',') ?? []).map(
    (name): DataCheck => parseChoice('allow', name.trim(), allowableChecks),
  );
  const evaluation = new EvaluationQuestions(
    parseWholeNumber('overlap-words', values['overlap-words'], { min: 2, max: 100 }),
  );
  for (const file of values.evaluation ?? []) await evaluation.read(file);
  return {
    format: formats[format],
    tokenizerPath,
    blockSize,
    columns: values.columns === undefined ? undefined : parseChoice('columns', values.columns, columnNames),
    evaluation,
    allow,
  };
}
