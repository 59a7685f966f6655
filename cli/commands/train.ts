import { type Action, defineCommand, findAction } from '../command.ts';
import { runDataCheck } from '../train/check-data-action.ts';
import { runCompare } from '../train/compare-action.ts';
import { runLogs } from '../train/logs-action.ts';
import { runPlan } from '../train/plan-action.ts';
import { runPromote } from '../train/promote-action.ts';
import { runRollBack } from '../train/roll-back-action.ts';
import { runRuns } from '../train/runs-action.ts';
import { runStart } from '../train/start-action.ts';
import { runStatus } from '../train/status-action.ts';
import { runStop } from '../train/stop-action.ts';
import { type TrainValues, trainOptions } from '../train/train-options.ts';

interface TrainAction extends Action {
  /** Runs the action and returns the exit code. */
  run(values: TrainValues, rest: readonly string[]): Promise<number>;
}

const actions: Readonly<Record<string, TrainAction>> = {
  plan: {
    arguments: ['CONFIG'],
    summary: 'show time, dollars, memory and quotas of a run, with formulas',
    run: runPlan,
  },
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
  status: { arguments: ['[RUN]'], summary: 'show loss, speed, time left and dollars so far', run: runStatus },
  logs: { arguments: ['[RUN]'], summary: 'show what a run has written', run: runLogs },
  stop: { arguments: ['RUN'], summary: 'stop a run, with a checkpoint', run: runStop },
  runs: { arguments: [], summary: 'list the runs of this machine, or of a deployment with --config', run: runRuns },
  compare: {
    arguments: ['RUN', 'RUN'],
    summary: 'compare two runs: accuracy with intervals, paired by question, and losses',
    run: runCompare,
  },
  promote: { arguments: ['RUN'], summary: 'put a model into service that waits for approval', run: runPromote },
  'roll-back': { arguments: ['CONFIG'], summary: 'put the former weights into service again', run: runRollBack },
};

/** `budgetforce train`. */
export const trainCommand = defineCommand({
  name: 'train',
  description:
    'Fine-tunes a model on rows of question, thought and answer: on this machine with start --local, or on SageMaker by the stack that a config with "training" deploys. RUN is omitted for the newest run.',
  actions,
  options: trainOptions,
  note: 'On AWS it needs cloudformation:DescribeStacks, states:StartExecution, DescribeExecution, GetExecutionHistory, ListExecutions, StopExecution, SendTaskSuccess and SendTaskFailure, sagemaker:ListTrainingJobs and DescribeTrainingJob, logs:DescribeLogStreams and GetLogEvents, and the bucket of the stack.',
  exitCodes: ['done', 'failed, stopped, or the data must be repaired'],
  async run({ values, positionals: [name, ...rest] }) {
    return await findAction(actions, name).run(values, rest);
  },
});
