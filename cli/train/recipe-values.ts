import { parseNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import type { TrainValues } from './train-options.ts';

/** Options of training/sft by the names of hyperparameters, with their values as text. */
export type Hyperparameters = Readonly<Record<string, string>>;

/** Options of training/sft/options.py that a run may set. A test compares them. */
export const recipeOptions = [
  'recipe',
  'epochs',
  'max_steps',
  'learning_rate',
  'batch_size',
  'micro_batch_size',
  'scheduler',
  'warmup_ratio',
  'weight_decay',
  'beta1',
  'beta2',
  'max_grad_norm',
  'precision',
  'seed',
  'block_size',
  'too_long',
  'packing',
  'lora_rank',
  'lora_alpha',
  'lora_dropout',
  'lora_targets',
  'merge',
  'fsdp',
  'activation_checkpointing',
  'attention',
  'save_steps',
  'keep_checkpoints',
  'log_steps',
] as const;

/** Those that the command has options of its own for, or sets itself. */
const elsewhere: Readonly<Record<string, string>> = {
  model: '--model',
  data: '--data',
  format: '--format',
  columns: '--columns',
  output: '--runs and --run',
  checkpoints: '--runs and --run',
  ...Object.fromEntries(
    [
      ...['task', 'beta', 'ld_alpha', 'generations', 'token_price', 'grader', 'temperature'],
      'max_completion_length',
    ].map((name) => [name, 'train.py itself, or the recipe of the config (docs/feedback.md)']),
  ),
  resume: 'the same command again, which continues',
};

/**
 * The hyperparameters that the options set.
 *
 * @throws {UsageError} for an option that training/sft does not have, or one that is set twice
 */
export function hyperparametersFrom(values: TrainValues): Hyperparameters {
  const pairs = (values.set ?? []).map(parsePair);
  if (values.epochs !== undefined)
    pairs.push(['epochs', String(parseNumber('epochs', values.epochs, { min: 0.001, max: 1e4 }))]);
  if (values['learning-rate'] !== undefined) {
    const rate = values['learning-rate'];
    parseNumber('learning-rate', rate, { min: 1e-12, max: 10 });
    pairs.push(['learning_rate', rate.trim()]);
  }
  if (values['block-size'] !== undefined) pairs.push(['block_size', values['block-size'].trim()]);
  const names = pairs.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`${twice} is set twice. Give one value.`);
  return Object.fromEntries(pairs.toSorted(([a], [b]) => a.localeCompare(b)));
}

function parsePair(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  const name = text.slice(0, at).trim().replace(/^--/, '').replaceAll('-', '_');
  const value = text.slice(at + 1).trim();
  if (at < 1 || value === '')
    throw new UsageError(`--set is ${JSON.stringify(text)}. Give an option and its value, such as --set lora_rank=16.`);
  if (recipeOptions.some((known) => known === name)) return [name, value];
  if (Object.hasOwn(elsewhere, name)) throw new UsageError(`${name} is not set by --set, but by ${elsewhere[name]}.`);
  throw new UsageError(`--set ${name}: training/sft has no such option. It has ${recipeOptions.join(', ')}.`);
}
