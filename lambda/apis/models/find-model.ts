import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { Caller } from '../../keys/key-record.ts';
import type { ServedModel } from '../../models/served-model.ts';

/** The models of an app, and their further names. */
type Offer = Pick<AppDependencies, 'models' | 'aliases'>;

/** A model under one of its names. */
interface NamedModel {
  /** The model's id, or an alias. */
  readonly name: string;
  readonly model: ServedModel;
}

/**
 * Finds a model by id or alias.
 *
 * @throws {ApiError} 404 that lists the models that the caller may use.
 */
export function findModel(offer: Offer, id: string, caller: Caller): ServedModel {
  const allowed = allowedModels(offer, caller);
  const found = allowed.find(({ name }) => name === id);
  if (found !== undefined) return found.model;
  const known = allowed.map(({ name }) => JSON.stringify(name)).join(', ');
  throw new ApiError(
    404,
    `Unknown model ${JSON.stringify(id.slice(0, 128))}. Available models: ${known === '' ? 'none' : known}.`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}

/** Returns the models that the caller's key may use, then their aliases. A key's list of models has ids, which apply to the aliases. */
export function allowedModels({ models, aliases = {} }: Offer, { limits }: Caller): readonly NamedModel[] {
  const allowed = models
    .filter(({ settings }) => limits.models === undefined || limits.models.includes(settings.id))
    .map((model) => ({ name: model.settings.id, model }));
  const others = Object.entries(aliases).flatMap(([alias, id]) =>
    allowed.filter(({ name }) => name === id).map(({ model }) => ({ name: alias, model })),
  );
  return [...allowed, ...others];
}
