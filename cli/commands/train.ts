import { type Action, defineCommand, findAction } from '../command.ts';
import { runDataCheck } from '../train/check-data-action.ts';
import { runStart } from '../train/start-action.ts';
import { type TrainValues, trainOptions } from '../train/train-options.ts';

interface TrainAction extends Action {
  /** Runs the action and returns the exit code. */
  run(values: TrainValues, rest: readonly string[]): Promise<number>;
}

const actions: Readonly<Record<string, TrainAction>> = {
  data: {
    arguments: ['check', 'PATH'],
    summary: 'check rows before they are trained on: columns, lengths, duplicates, overlap, secrets',
    run: runDataCheck,
  },
  start: {
    arguments: ['[CONFIG]'],
    summary: 'start a run, or go on where the same command was interrupted; with --local on this machine',
    run: runStart,
  },
};

/** `budgetforce train`. */
export const trainCommand = defineCommand({
  name: 'train',
  description:
    'Fine-tunes a model on rows of question, thought and answer: on this machine with start --local, or on SageMaker by the stack that a config with "training" deploys.',
  actions,
  options: trainOptions,
  exitCodes: ['done', 'failed, stopped, or the data must be repaired'],
  async run({ values, positionals: [name, ...rest] }) {
    return await findAction(actions, name).run(values, rest);
  },
});
