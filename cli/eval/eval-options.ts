import type { parseArgs } from 'node:util';
import { dialectNames } from '../../evaluate/against/dialects.ts';
import { exportFormats } from '../../evaluate/export/export-folder.ts';
import { graderNames } from '../../evaluate/graders.ts';
import { datasetNames } from '../../evaluate/questions/datasets.ts';
import { apiOptions } from '../api-client.ts';
import type { Option } from '../command.ts';
import { presets } from './presets.ts';

const QUESTION_OPTIONS = 'Questions';
const CONDITION_OPTIONS = 'Conditions';
const AGAINST_OPTIONS = 'Another API';

/** The options of `budgetforce eval`. */
export const evalOptions = {
  'base-url': {
    type: 'string',
    placeholder: 'URL',
    description: 'URL of the API, which ends in /v1',
    defaultText: 'the embedded engine, started for this run',
  },
  'api-key': apiOptions['api-key'],
  model: { type: 'string', placeholder: 'ID', defaultText: 'the first one', description: 'model to evaluate' },
  preset: {
    type: 'string',
    placeholder: 'NAME',
    description: `s1-paper: budgets of 500 to 16,000 tokens, Waits 1, 2, 4, 6, temperature 0, no repetition penalty, all questions. card: the same as --full. adaptive: Waits, votes, early stops and risks by confidence, and what they replace; 500 questions, 3 seeds. Other options override it`,
  },
  calibration: {
    type: 'string',
    placeholder: 'FILE',
    defaultText: 'that of the embedded model; elsewhere "none": 0.3 and 0.95',
    description: 'calibration.json with the thresholds of conditions by confidence; it must be of other questions',
  },
  route: {
    type: 'string',
    placeholder: 'ID',
    description: 'route for the conditions route and last-model, which the preset adaptive then has',
  },
  full: {
    type: 'boolean',
    description: "the figures of the model's card: 500 questions, 3 seeds, no baselines, one sample",
  },
  temperature: {
    type: 'string',
    placeholder: 'NUMBER',
    defaultText: "the model's own",
    description: 'sampling temperature, 0 to 2',
  },
  'repetition-penalty': {
    type: 'string',
    placeholder: 'NUMBER',
    defaultText: "the model's own",
    description: 'repetition penalty, above 0 to 2; 1 is none',
  },
  concurrency: { type: 'string', placeholder: 'NUMBER', default: '4', description: 'concurrent requests' },
  batch: {
    type: 'boolean',
    description: 'send the questions as batches, which run when copies are free (docs/batches.md); needs --base-url',
  },
  price: {
    type: 'string',
    placeholder: 'NUMBER[,NUMBER]',
    defaultText: 'what /v1/models publishes',
    description: 'dollars per million tokens, or per million prompt and sampled tokens, for dollars per right answer',
  },
  'model-price': {
    type: 'string',
    placeholder: 'ID=NUMBER[,NUMBER]',
    multiple: true,
    description: 'price of one model of a route, as --price; may be repeated',
  },
  out: {
    type: 'string',
    placeholder: 'FOLDER',
    defaultText: '.budgetforce/eval; for export, FOLDER/FORMAT',
    description: 'folder of the results, or of the export',
  },
  format: {
    type: 'string',
    placeholder: 'NAME',
    description: `format of the export: ${exportFormats.join(', ')}`,
  },
  json: { type: 'boolean', description: 'print the summary as JSON' },
  dataset: {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: `dataset whose own columns --questions has: ${datasetNames.join(', ')}; or a file`,
  },
  questions: {
    type: 'string',
    placeholder: 'FILE',
    defaultText: 'arithmetic',
    group: QUESTION_OPTIONS,
    description: 'JSONL, JSON, CSV or Parquet with id, question, answer, and grader or choices',
  },
  'question-key': {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: 'column with the question',
  },
  'answer-key': {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: 'column with the expected answer',
  },
  'id-key': {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: 'column with the id',
    defaultText: 'id, or the number of the row',
  },
  'choices-key': {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: 'column with the list of options',
  },
  grader: {
    type: 'string',
    placeholder: 'NAME',
    group: QUESTION_OPTIONS,
    description: `grader of all questions: ${graderNames.join(', ')}, or math-verify`,
    defaultText: "the question's own",
  },
  'grader-command': {
    type: 'string',
    placeholder: 'COMMAND',
    group: QUESTION_OPTIONS,
    description: 'program that grades lines of JSON, with its arguments: separated by spaces, or a JSON array',
  },
  'grader-url': {
    type: 'string',
    placeholder: 'URL',
    group: QUESTION_OPTIONS,
    description: 'URL that grades: POST of JSON with question, expected and answer',
  },
  'grader-python': {
    type: 'string',
    placeholder: 'COMMAND',
    group: QUESTION_OPTIONS,
    default: 'python3',
    description: 'Python with math-verify',
  },
  'grader-timeout': {
    type: 'string',
    placeholder: 'SECONDS',
    group: QUESTION_OPTIONS,
    default: '30',
    description: 'time for one verdict of a grader outside this process; without one the answer counts as wrong',
  },
  prompt: {
    type: 'string',
    placeholder: 'TEXT',
    default: '{question}',
    group: QUESTION_OPTIONS,
    description: "the user's message, with {question} in it",
  },
  limit: {
    type: 'string',
    placeholder: 'NUMBER',
    defaultText: '100',
    group: QUESTION_OPTIONS,
    description: 'questions to ask, from the start of the file',
  },
  budgets: {
    type: 'string',
    placeholder: 'LIST',
    defaultText: presets.default.budgets,
    group: CONDITION_OPTIONS,
    description: 'maximum thinking tokens; "none" for no budgets',
  },
  waits: {
    type: 'string',
    placeholder: 'LIST',
    defaultText: presets.default.waits,
    group: CONDITION_OPTIONS,
    description: 'numbers of forced Waits; "none" for no Waits',
  },
  retrieval: {
    type: 'string',
    placeholder: 'LIST',
    defaultText: 'none',
    group: CONDITION_OPTIONS,
    description:
      'tokens of passages before the question: every condition is asked with each; 0 is without; needs --store',
  },
  store: {
    type: 'string',
    placeholder: 'ID',
    multiple: true,
    group: CONDITION_OPTIONS,
    description: 'vector store of the passages; may be repeated',
  },
  samples: {
    type: 'string',
    placeholder: 'NUMBER',
    defaultText: '3',
    group: CONDITION_OPTIONS,
    description: 'samples of the natural run, for a majority vote',
  },
  baselines: {
    type: 'string',
    placeholder: 'LIST',
    defaultText: '32',
    group: CONDITION_OPTIONS,
    description: 'budgets of token-conditional control and rejection sampling; "none" for none',
  },
  steps: {
    type: 'string',
    placeholder: 'LIST',
    default: 'none',
    group: CONDITION_OPTIONS,
    description: 'steps of step-conditional control: "Think for up to N steps."',
  },
  lengths: {
    type: 'string',
    placeholder: 'LIST',
    default: 'none',
    group: CONDITION_OPTIONS,
    description: 'class-conditional control: short, long or both, with a comma',
  },
  conditions: {
    type: 'string',
    placeholder: 'LIST',
    defaultText: 'none',
    group: CONDITION_OPTIONS,
    description: 'further conditions by name, such as token-conditional-forced-32',
  },
  seeds: {
    type: 'string',
    placeholder: 'NUMBER',
    defaultText: '1',
    group: CONDITION_OPTIONS,
    description: 'seeds per question',
  },
  against: {
    type: 'string',
    placeholder: 'URL',
    group: AGAINST_OPTIONS,
    description: 'URL of another API that is asked the same questions, such as https://…/v1',
  },
  'against-model': { type: 'string', placeholder: 'ID', group: AGAINST_OPTIONS, description: 'its model' },
  'against-dialect': {
    type: 'string',
    placeholder: 'NAME',
    group: AGAINST_OPTIONS,
    description: `its dialect: ${dialectNames.join(', ')}`,
    defaultText: 'anthropic for its host, a /messages URL or a claude model, else openai',
  },
  'against-key-env': {
    type: 'string',
    placeholder: 'NAME',
    default: 'AGAINST_API_KEY',
    group: AGAINST_OPTIONS,
    description: 'environment variable with its key',
  },
  'against-body': {
    type: 'string',
    placeholder: 'JSON',
    default: '{}',
    group: AGAINST_OPTIONS,
    description: 'fields that are added to its requests, such as {"reasoning_effort":"high"}',
  },
  'against-price': {
    type: 'string',
    placeholder: 'IN,OUT',
    group: AGAINST_OPTIONS,
    description: 'its price: dollars per million input and output tokens',
  },
  'dollars-per-hour': {
    type: 'string',
    placeholder: 'NUMBER',
    group: AGAINST_OPTIONS,
    description: 'cost of the deployment (see plan), to report the traffic above which it is cheaper',
  },
} as const satisfies Readonly<Record<string, Option>>;

/** Their parsed values. */
export type EvalValues = ReturnType<typeof parseArgs<{ args: string[]; options: typeof evalOptions }>>['values'];
