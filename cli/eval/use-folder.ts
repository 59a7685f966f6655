import { exportFolder, exportFormats } from '../../evaluate/export/export-folder.ts';
import { regrade } from '../../evaluate/regrade.ts';
import { reportText } from '../../evaluate/report.ts';
import { parseChoice } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import type { EvalValues } from './eval-options.ts';
import { graderFrom } from './grader-option.ts';
import { pricesFrom } from './run-evaluation.ts';

/** `budgetforce eval grade FOLDER`. */
export async function runGrade(folder: string, values: EvalValues): Promise<number> {
  const prices = pricesFrom(values);
  const grader = await graderFrom(values);
  const { report, ...counts } = await regrade(folder, grader, prices).finally(() => {
    if (typeof grader === 'object') grader.close();
  });
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ ...counts, summary: report }, null, 2)}\n`
      : `${reportText(report)}\n${counts.answers} answers graded: ${counts.nowRight} are right now, ${counts.nowWrong} are wrong now.\n`,
  );
  return 0;
}

/** `budgetforce eval export FOLDER --format NAME`. */
export async function runExport(folder: string, values: EvalValues): Promise<number> {
  if (values.format === undefined) throw new UsageError(`export needs --format: ${exportFormats.join(', ')}.`);
  const files = await exportFolder(folder, parseChoice('format', values.format, exportFormats), values.out);
  process.stdout.write(
    values.json ? `${JSON.stringify({ files }, null, 2)}\n` : files.map((file) => `${file}\n`).join(''),
  );
  return 0;
}
