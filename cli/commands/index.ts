import type { CommandEntry } from '../command.ts';

/** All commands, in the order of the help text. The file of a command is loaded when the command is called. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'serve the API and the playground on this machine',
    load: async () => (await import('./start.ts')).startCommand,
  },
  {
    name: 'serve-command',
    summary: 'print the command that starts the model server of a config',
    load: async () => (await import('./serve-command.ts')).serveCommandCommand,
  },
  {
    name: 'keys',
    summary: 'create, list, limit, rotate and revoke keys',
    load: async () => (await import('./keys.ts')).keysCommand,
  },
  {
    name: 'docs',
    summary: 'keep documents in a vector store, and search them',
    load: async () => (await import('./docs.ts')).docsCommand,
  },
  {
    name: 'batch',
    summary: 'run the requests of a file when copies are free',
    load: async () => (await import('./batch.ts')).batchCommand,
  },
  {
    name: 'eval',
    summary: 'measure accuracy against thinking budgets',
    load: async () => (await import('./eval.ts')).evalCommand,
  },
  {
    name: 'calibrate',
    summary: 'find the thresholds of a model, on held-out questions',
    load: async () => (await import('./calibrate.ts')).calibrateCommand,
  },
  {
    name: 'init',
    summary: 'write a config and a CDK app for a model and its traffic',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    name: 'preferences',
    summary: 'make training data of stored conversations, votes and feedback',
    load: async () => (await import('./preferences.ts')).preferencesCommand,
  },
  {
    name: 'train',
    summary: 'fine-tune a model, on this machine or on SageMaker',
    load: async () => (await import('./train.ts')).trainCommand,
  },
  {
    name: 'distill',
    summary: 'make a training set: questions, a teacher, a grader and three filters',
    load: async () => (await import('./distill.ts')).distillCommand,
  },
  {
    name: 'plan',
    summary: 'show what a deployment creates, costs and needs',
    load: async () => (await import('./plan.ts')).planCommand,
  },
  {
    name: 'weights',
    summary: 'bring the weights of a model into a bucket',
    load: async () => (await import('./weights.ts')).weightsCommand,
  },
  {
    name: 'doctor',
    summary: 'look whether a config can be deployed in your account',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'simulate',
    summary: 'compare scaling policies on recorded traffic',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'scaling',
    summary: 'show and change how copies scale',
    load: async () => (await import('./scaling.ts')).scalingCommand,
  },
  {
    name: 'load',
    summary: 'send a burst of requests and show how it changes copies and budgets',
    load: async () => (await import('./load.ts')).loadCommand,
  },
];
