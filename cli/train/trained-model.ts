import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import { familyTokenizer } from '../../lib/api/family-tokenizer.ts';
import { type HostedConfig, hostedPart, loadConfig, type ModelConfig } from '../../lib/config.ts';
import { recipeDefaults } from '../../lib/training/recipe.ts';
import type { TrainingConfig } from '../../lib/training/training-schema.ts';
import { parseChoice, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { TINY, type TrainValues } from './train-options.ts';

const tinyFolder = fileURLToPath(new URL('../../local/model', import.meta.url));

/** What decides how a row is written and how long it may be. */
export interface RowTarget {
  readonly format: FormatName;
  /** `undefined`: rows are not counted in tokens. */
  readonly tokenizerPath: string | undefined;
  readonly blockSize: number;
}

/** The config of a deployment that can train, and the model that it trains. */
export interface TrainableConfig {
  readonly file: string;
  readonly config: HostedConfig;
  readonly training: TrainingConfig;
  readonly model: ModelConfig;
}

/** @throws {UsageError} if the config has no `training`, or does not say which model is trained */
export function loadTrainable(file: string): TrainableConfig {
  const config = loadConfig(file);
  const hosted = hostedPart(config);
  const { training } = config;
  if (training === undefined || hosted === undefined)
    throw new UsageError(
      `${file} has no "training". Write "training": {} into it, then deploy ${config.name}-training.`,
    );
  const { models } = hosted;
  const model =
    training.model === undefined && models.length === 1 ? models[0] : models.find(({ id }) => id === training.model);
  if (model !== undefined) return { file, config: hosted, training, model };
  throw new UsageError(
    `Say which model is trained: write training.model of ${file} as ${models.map(({ id }) => id).join(' or ')}.`,
  );
}

/** Format, tokenizer and length limit that the options name: their own, those of the config, or those of the model. */
export function rowTarget(values: TrainValues, trainable: TrainableConfig | undefined): RowTarget {
  const format =
    values.format === undefined ? (trainable?.model.format ?? 's1') : parseChoice('format', values.format, formatNames);
  const blockSize =
    values['block-size'] === undefined
      ? (trainable?.training.recipe.blockSize ?? recipeDefaults.blockSize)
      : parseWholeNumber('block-size', values['block-size'], { min: 1 });
  return { format, blockSize, tokenizerPath: tokenizerOf(values, format, trainable) };
}

function tokenizerOf({ tokenizer, model }: TrainValues, format: FormatName, trainable: TrainableConfig | undefined) {
  if (tokenizer !== undefined) {
    const file =
      existsSync(tokenizer) && statSync(tokenizer).isDirectory() ? join(tokenizer, 'tokenizer.json') : tokenizer;
    if (existsSync(file)) return file;
    throw new UsageError(
      `--tokenizer is ${JSON.stringify(tokenizer)}. Give the tokenizer.json of the model, or its folder.`,
    );
  }
  if (model !== undefined) {
    const file = join(model === TINY ? tinyFolder : model, 'tokenizer.json');
    if (existsSync(file)) return file;
    throw new UsageError(
      model === TINY
        ? `The embedded model is in the repository of Budgetforce, not in this package. Give --model FOLDER.`
        : `${file} does not exist. Give the folder of the model, or its tokenizer.json with --tokenizer.`,
    );
  }
  const own = trainable?.model.tokenizer;
  return own === undefined ? familyTokenizer(format) : own === 'endpoint' ? undefined : own;
}
