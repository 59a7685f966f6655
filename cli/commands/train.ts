import { type Action, defineCommand, findAction } from '../command.ts';
import { type TrainValues, trainOptions } from '../train/train-options.ts';

interface TrainAction extends Action {
  /** Loads what runs the action and returns the exit code: an action on this machine needs no client of AWS. */
  readonly load: () => Promise<(values: TrainValues, rest: readonly string[]) => Promise<number>>;
}

const actions: Readonly<Record<string, TrainAction>> = {
  plan: {
    arguments: ['CONFIG'],
    summary: 'show time, dollars, memory and quotas of a run, with formulas',
    load: async () => (await import('../train/plan-action.ts')).runPlan,
  },
  data: {
    arguments: ['check', 'PATH'],
    summary: 'check rows before they are trained on: columns, lengths, duplicates, overlap, secrets',
    load: async () => (await import('../train/check-data-action.ts')).runDataCheck,
  },
  start: {
    arguments: ['[CONFIG]'],
    summary: 'start a run, or go on where the same command was interrupted; with --local on this machine',
    load: async () => (await import('../train/start-action.ts')).runStart,
  },
  status: {
    arguments: ['[RUN]'],
    summary: 'show loss, speed, time left and dollars so far',
    load: async () => (await import('../train/status-action.ts')).runStatus,
  },
  logs: {
    arguments: ['[RUN]'],
    summary: 'show what a run has written',
    load: async () => (await import('../train/logs-action.ts')).runLogs,
  },
  stop: {
    arguments: ['RUN'],
    summary: 'stop a run, with a checkpoint',
    load: async () => (await import('../train/stop-action.ts')).runStop,
  },
  runs: {
    arguments: [],
    summary: 'list the runs of this machine, or of a deployment with --config',
    load: async () => (await import('../train/runs-action.ts')).runRuns,
  },
  compare: {
    arguments: ['RUN', 'RUN'],
    summary: 'compare two runs: accuracy with intervals, paired by question, and losses',
    load: async () => (await import('../train/compare-action.ts')).runCompare,
  },
  promote: {
    arguments: ['RUN'],
    summary: 'put a model into service that waits for approval',
    load: async () => (await import('../train/promote-action.ts')).runPromote,
  },
  'roll-back': {
    arguments: ['CONFIG'],
    summary: 'put the former weights into service again',
    load: async () => (await import('../train/roll-back-action.ts')).runRollBack,
  },
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
    const run = await findAction(actions, name).load();
    return await run(values, rest);
  },
});
