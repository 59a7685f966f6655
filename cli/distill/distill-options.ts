import type { parseArgs } from 'node:util';
import { dialectNames } from '../../evaluate/against/dialects.ts';
import { formatNames } from '../../lambda/forcing/format.ts';
import type { Option } from '../command.ts';
import { evalOptions } from '../eval/eval-options.ts';
import { TOPICS } from './topic-prompt.ts';

const TEACHER = 'Teacher';
const STUDENT = 'Small model (difficulty)';
const FILTERS = 'Filters';

/** The options of `budgetforce distill`. */
export const distillOptions = {
  out: {
    type: 'string',
    placeholder: 'FOLDER',
    default: '.budgetforce/distill',
    description: 'folder of answers and rows',
  },
  yes: { type: 'boolean', description: 'ask without a question about the cost' },
  concurrency: { type: 'string', placeholder: 'N', default: '4', description: 'concurrent requests' },
  json: { type: 'boolean', description: 'print the report as JSON' },
  licence: {
    type: 'string',
    placeholder: 'NAME',
    defaultText: 'the column licence or license',
    description: 'licence of the questions, for the rows',
  },
  source: {
    type: 'string',
    placeholder: 'TEXT',
    defaultText: 'the name of the file',
    description: 'where the questions come from, for the rows',
  },
  'base-url': {
    type: 'string',
    placeholder: 'URL',
    group: TEACHER,
    description: 'URL of the teacher’s API, which sends thoughts as reasoning_content, reasoning or thinking',
  },
  model: { type: 'string', placeholder: 'ID', group: TEACHER, description: 'model or route that teaches' },
  'key-env': {
    type: 'string',
    placeholder: 'NAME',
    default: 'TEACHER_API_KEY',
    group: TEACHER,
    description: 'environment variable with its key',
  },
  dialect: {
    type: 'string',
    placeholder: 'NAME',
    group: TEACHER,
    defaultText: 'openai, or anthropic for its host, a /messages URL or a claude model',
    description: `dialect of its API: ${dialectNames.join(', ')}`,
  },
  body: {
    type: 'string',
    placeholder: 'JSON',
    group: TEACHER,
    description: 'fields that are added to its requests, such as {"temperature":0.6}',
  },
  price: {
    type: 'string',
    placeholder: 'IN,OUT',
    group: TEACHER,
    description: 'its price: dollars per million input and output tokens',
  },
  'answer-tokens': {
    type: 'string',
    placeholder: 'N',
    default: '5500',
    group: TEACHER,
    description: 'tokens of an answer with its thought, for the cost before there are answers; s1K has about 5,500',
  },
  attempts: {
    type: 'string',
    placeholder: 'N',
    default: '1',
    group: TEACHER,
    description: 'answers to a question until the grader accepts one',
  },
  prompt: { ...evalOptions.prompt, group: TEACHER, description: 'the message to both models, with {question} in it' },
  'student-model': {
    type: 'string',
    placeholder: 'ID',
    group: STUDENT,
    defaultText: 'none: questions of any difficulty stay',
    description: 'a question stays if this model fails',
  },
  'student-base-url': {
    type: 'string',
    placeholder: 'URL',
    group: STUDENT,
    defaultText: 'that of the teacher',
    description: 'URL of its API',
  },
  'student-key-env': {
    type: 'string',
    placeholder: 'NAME',
    default: 'STUDENT_API_KEY',
    group: STUDENT,
    description: 'environment variable with its key',
  },
  'student-dialect': { type: 'string', placeholder: 'NAME', group: STUDENT, description: 'dialect of its API' },
  'student-body': {
    type: 'string',
    placeholder: 'JSON',
    group: STUDENT,
    description: 'fields that are added to its requests',
  },
  'student-price': { type: 'string', placeholder: 'IN,OUT', group: STUDENT, description: 'its price' },
  'student-attempts': {
    type: 'string',
    placeholder: 'N',
    default: '1',
    group: STUDENT,
    description: 'answers to a question, all of which must be wrong',
  },
  size: {
    type: 'string',
    placeholder: 'N',
    default: '1000',
    group: FILTERS,
    description: 'rows of the training set, at most',
  },
  'topic-key': {
    type: 'string',
    placeholder: 'NAME',
    group: FILTERS,
    description: 'column with the topic of a question',
  },
  classify: { type: 'boolean', group: FILTERS, description: 'let the teacher name the topic of each question' },
  topics: {
    type: 'string',
    placeholder: 'LIST',
    group: FILTERS,
    defaultText: TOPICS.join(', '),
    description: 'topics that --classify chooses from, with commas',
  },
  seed: { type: 'string', placeholder: 'N', default: '1', group: FILTERS, description: 'seed of the choice' },
  format: {
    type: 'string',
    placeholder: 'NAME',
    default: 's1',
    group: FILTERS,
    description: `format whose control strings must not be in a thought: ${formatNames.join(', ')}`,
  },
  dataset: evalOptions.dataset,
  'question-key': evalOptions['question-key'],
  'answer-key': evalOptions['answer-key'],
  'id-key': evalOptions['id-key'],
  'choices-key': evalOptions['choices-key'],
  limit: { ...evalOptions.limit, defaultText: 'all' },
  grader: evalOptions.grader,
  'grader-command': evalOptions['grader-command'],
  'grader-url': evalOptions['grader-url'],
  'grader-python': evalOptions['grader-python'],
  'grader-timeout': evalOptions['grader-timeout'],
} as const satisfies Readonly<Record<string, Option>>;

/** Their parsed values. */
export type DistillValues = ReturnType<typeof parseArgs<{ args: string[]; options: typeof distillOptions }>>['values'];
