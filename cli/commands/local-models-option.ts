import { existsSync } from 'node:fs';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import type { RouteSettings } from '../../lambda/settings/routes.ts';
import { type FurtherModel, fileNameOf } from '../../local/further-models.ts';
import { parseChoice, parseNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { withDerivedFormat } from './derive-format-option.ts';

/** Options that name models and routes over them. Each may be repeated. */
export interface ModelValues {
  readonly model?: readonly string[];
  readonly format?: readonly string[];
  readonly tokenizer?: readonly string[];
}

/** A model of `--model`, with what the other options say of it. */
export interface NamedModel {
  readonly id: string;
  readonly model: string;
  readonly format?: string;
  readonly tokenizer?: string;
}

/**
 * The models of `--model [ID=]FILE.gguf`, in order. `--format NAME` holds for all, `--format ID=NAME` for one; a tokenizer is of one
 * model, unless there is only one.
 *
 * @throws {UsageError} if two models have one id, or an option names a model that is not there
 */
export function namedModels({ model: given = [], format = [], tokenizer = [] }: ModelValues): readonly NamedModel[] {
  const models = given.map((value) => {
    const { id, rest } = split(value);
    return { id: id ?? fileNameOf(rest), model: rest };
  });
  const ids = models.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) < index);
  if (twice !== undefined) {
    throw new UsageError(
      `Two models have the id ${JSON.stringify(twice)}. Give another one with --model ID=FILE.gguf.`,
    );
  }
  const formatOf = valuesById('format', format, ids);
  const tokenizerOf = valuesById('tokenizer', tokenizer, ids);
  if (models.length > 1 && tokenizerOf.forAll !== undefined) {
    throw new UsageError(
      `--tokenizer is ${JSON.stringify(tokenizerOf.forAll)}, but there are ${models.length} models. Write whose it is: --tokenizer ${ids[0]}=${tokenizerOf.forAll}.`,
    );
  }
  return models.map(({ id, model }) => {
    const own = {
      format: formatOf.byId.get(id) ?? formatOf.forAll,
      tokenizer: tokenizerOf.byId.get(id) ?? tokenizerOf.forAll,
    };
    return {
      id,
      model,
      ...(own.format === undefined ? {} : { format: own.format }),
      ...(own.tokenizer === undefined ? {} : { tokenizer: own.tokenizer }),
    };
  });
}

/**
 * A model that is served beside the first one.
 *
 * @param print receives the line about a format that was derived (`--format auto`)
 * @throws {UsageError} if its format or one of its files is missing
 */
export async function furtherModel(named: NamedModel, print: (line: string) => void): Promise<FurtherModel> {
  for (const path of [named.model, named.tokenizer]) {
    if (path !== undefined && !existsSync(path)) throw new UsageError(`There is no file ${path}.`);
  }
  const { id, model: modelPath, format, tokenizer: tokenizerPath } = await withDerivedFormat(named, print);
  return {
    id,
    modelPath,
    format: formatNameOf(id, format),
    ...(tokenizerPath === undefined ? {} : { tokenizerPath }),
  };
}

function formatNameOf(id: string, format: string | undefined): FormatName {
  if (format !== undefined) return parseChoice('format', format, formatNames);
  throw new UsageError(
    `The model ${JSON.stringify(id)} has no --format. Give the way it delimits its thinking: --format ${id}=NAME, where NAME is auto (from its own chat template), ${formatNames.join(', ')}.`,
  );
}

/**
 * The routes of `--route ID=SMALL,LARGE`, with the threshold of `--unsure-below`. If it is omitted, the calibrations of the models have
 * the thresholds.
 *
 * @throws {UsageError} if a value is not of this form, or the threshold has no route
 */
export function parseRoutes(
  values: readonly string[] | undefined,
  unsureBelow: string | undefined,
): readonly RouteSettings[] {
  if (values === undefined) {
    if (unsureBelow === undefined) return [];
    throw new UsageError(
      '--unsure-below is the threshold of --route. Give --route ID=SMALL,LARGE with it, or omit it.',
    );
  }
  const below = unsureBelow === undefined ? undefined : parseNumber('unsure-below', unsureBelow, { min: 0, max: 1 });
  if (below === 0)
    throw new UsageError('--unsure-below is 0, below which no confidence is. Give a number above 0, such as 0.3.');
  return values.map((value) => {
    const [, id, list = ''] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    const models = list.split(',').map((model) => model.trim());
    if (id === undefined || models.some((model) => model === '')) {
      throw new UsageError(
        `--route is ${JSON.stringify(value)}. Write ID=SMALL,LARGE with ids of models, the smallest first.`,
      );
    }
    return { id, models, escalate: below === undefined ? {} : { unsure_below: below }, pass_thought: false };
  });
}

/** Splits `ID=REST`. A value without an id is the rest. A path may contain `=` behind a slash, or be a file as a whole. */
function split(value: string): { readonly id?: string; readonly rest: string } {
  const [, id, rest] = /^([^=/\\]+)=(.+)$/.exec(value) ?? [];
  return id === undefined || rest === undefined || existsSync(value) ? { rest: value } : { id, rest };
}

function valuesById(
  option: 'format' | 'tokenizer',
  values: readonly string[],
  ids: readonly string[],
): { readonly forAll: string | undefined; readonly byId: ReadonlyMap<string, string> } {
  const byId = new Map<string, string>();
  let forAll: string | undefined;
  for (const value of values) {
    const { id, rest } = split(value);
    if (id !== undefined && !ids.includes(id)) {
      throw new UsageError(
        `--${option} names the model ${JSON.stringify(id)}, but the models are ${ids.map((known) => JSON.stringify(known)).join(', ') || 'not given with --model ID=FILE.gguf'}.`,
      );
    }
    if (id === undefined ? forAll !== undefined : byId.has(id)) {
      throw new UsageError(`--${option} is given twice for the same model: ${JSON.stringify(value)}. Give it once.`);
    }
    if (id === undefined) forAll = rest;
    else byId.set(id, rest);
  }
  return { forAll, byId };
}
