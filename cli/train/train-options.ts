import type { parseArgs } from 'node:util';
import type { Option } from '../command.ts';
import { allowableChecks, OVERLAP_WORDS } from './data/data-checks.ts';
import { columnNames } from './data/training-row.ts';

const DATA = 'Data';
const RECIPE = 'Recipe (start)';
const LOCAL = 'On this machine (start --local)';
const DECISION = 'Decision (promote)';

/** The embedded model, which `--model tiny` names. */
export const TINY = 'tiny';

/** Folder of what this machine knows of runs. */
const RUNS_FOLDER = '.budgetforce/train';

/** The options of `budgetforce train`. */
export const trainOptions = {
  config: {
    type: 'string',
    placeholder: 'CONFIG.json',
    defaultText: 'the config of the run, if it was started on this machine',
    description: 'config of the deployment with "training"',
  },
  profile: {
    type: 'string',
    placeholder: 'NAME',
    defaultText: 'the variable AWS_PROFILE, or the default one',
    description: 'profile of ~/.aws/config',
  },
  run: {
    type: 'string',
    placeholder: 'NAME',
    defaultText: 'the date and a hash of data and options',
    description: 'of start: name of the run, of letters, digits and dashes',
  },
  runs: { type: 'string', placeholder: 'FOLDER', default: RUNS_FOLDER, description: 'folder of this machine’s runs' },
  follow: { type: 'boolean', description: 'of logs: go on until the run ends' },
  yes: { type: 'boolean', description: 'of start: start what costs money without a question' },
  prices: {
    type: 'string',
    placeholder: 'FILE.json',
    description: 'of plan and start: prices and assumptions that replace the built-in ones: see docs/deploying.md',
  },
  json: { type: 'boolean', description: 'print the result as JSON' },
  data: {
    type: 'string',
    placeholder: 'PATH',
    group: DATA,
    defaultText: 'with --local, 1,000 example rows; of plan, the size of s1K',
    description: 'of start and plan: rows as JSONL, JSON array or Parquet, or a folder of such files',
  },
  columns: {
    type: 'string',
    placeholder: 'NAME',
    group: DATA,
    defaultText: 'those of the first row',
    description: `columns of the rows: ${columnNames.join(', ')}`,
  },
  model: {
    type: 'string',
    placeholder: 'MODEL',
    group: DATA,
    defaultText: 'of start --local, tiny',
    description: 'tiny, the embedded model; a folder in Hugging Face’s layout; for start also a repository of its hub',
  },
  format: {
    type: 'string',
    placeholder: 'NAME',
    group: DATA,
    defaultText: 's1, or that of the config',
    description: 'how the model delimits its thinking: the format in which it is served',
  },
  tokenizer: {
    type: 'string',
    placeholder: 'FILE',
    group: DATA,
    defaultText: 'that of --model, of the config or of the format’s family',
    description: 'tokenizer.json that counts the tokens of rows',
  },
  'block-size': {
    type: 'string',
    placeholder: 'N',
    group: DATA,
    defaultText: '32768, or that of the config',
    description: 'most tokens of a row',
  },
  evaluation: {
    type: 'string',
    placeholder: 'FILE',
    multiple: true,
    group: DATA,
    description: 'of data check: questions that must not be in the data, as for eval --questions; may be repeated',
  },
  'overlap-words': {
    type: 'string',
    placeholder: 'N',
    default: String(OVERLAP_WORDS),
    group: DATA,
    description: 'of data check: words in a row that a question may not share with one of --evaluation',
  },
  allow: {
    type: 'string',
    placeholder: 'CHECKS',
    group: DATA,
    description: `findings that need no repair, with commas: ${allowableChecks.join(', ')}`,
  },
  epochs: { type: 'string', placeholder: 'N', group: RECIPE, defaultText: '5; 10 for tiny', description: 'passes' },
  'learning-rate': {
    type: 'string',
    placeholder: 'NUMBER',
    group: RECIPE,
    defaultText: '1e-5; 1e-3 for tiny',
    description: 'highest learning rate',
  },
  set: {
    type: 'string',
    placeholder: 'OPTION=VALUE',
    multiple: true,
    group: RECIPE,
    description: 'any option of training/sft, for instance lora_rank=16; may be repeated',
  },
  local: { type: 'boolean', group: LOCAL, description: 'train on the CPUs of this machine' },
  processes: { type: 'string', placeholder: 'N', default: '2', group: LOCAL, description: 'processes of the training' },
  venv: {
    type: 'string',
    placeholder: 'FOLDER',
    group: LOCAL,
    defaultText: 'a folder in the user’s cache',
    description: 'Python environment, which is made if it is not there',
  },
  python: {
    type: 'string',
    placeholder: 'COMMAND',
    group: LOCAL,
    description: 'Python that has the packages of training/sft/requirements.txt, instead of --venv',
  },
  'download-cuda': {
    type: 'boolean',
    group: LOCAL,
    description: 'make the environment with PyTorch’s CUDA libraries, if the package index has no CPU build',
  },
  reject: { type: 'boolean', group: DECISION, description: 'reject the model instead' },
  reason: { type: 'string', placeholder: 'TEXT', group: DECISION, description: 'why, for the history of the run' },
} as const satisfies Readonly<Record<string, Option>>;

/** Their parsed values. */
export type TrainValues = ReturnType<typeof parseArgs<{ args: string[]; options: typeof trainOptions }>>['values'];
