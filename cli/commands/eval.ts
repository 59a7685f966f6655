import { defineCommand, findAction } from '../command.ts';
import { evalOptions } from '../eval/eval-options.ts';
import { runEvaluation } from '../eval/run-evaluation.ts';
import { runExport, runGrade } from '../eval/use-folder.ts';
import { UsageError } from '../usage-error.ts';

const actions = {
  run: { arguments: [], summary: 'ask what the folder does not have yet, and report; the default' },
  grade: { arguments: ['FOLDER'], summary: 'grade the answers of a folder again, without asking' },
  export: { arguments: ['FOLDER'], summary: "write a folder's results for another tool: --format" },
};

/** `budgetforce eval`. */
export const evalCommand = defineCommand({
  name: 'eval',
  description:
    'Asks a set of questions at several budgets, and reports accuracy, tokens and the metrics of the s1 paper. Writes results.jsonl, summary.json, plots and report.html into a folder. The same command continues an interrupted run; with more questions, conditions, seeds or samples it asks what is missing.',
  actions,
  defaultAction: 'run',
  options: evalOptions,
  exitCodes: ['done', 'failed or interrupted (run it again to continue)'],
  async run({ values, positionals }) {
    const [name = 'run', ...rest] = positionals;
    const action = findAction(actions, name);
    const [folder] = rest;
    if (action === actions.run) {
      if (folder !== undefined)
        throw new UsageError(`eval asks no ${JSON.stringify(folder)}. Give questions with --questions FILE.`);
      return await runEvaluation(values);
    }
    if (folder === undefined || rest.length > 1)
      throw new UsageError(`${name} takes one folder of results: budgetforce eval ${name} FOLDER`);
    return action === actions.grade ? await runGrade(folder, values) : await runExport(folder, values);
  },
});
