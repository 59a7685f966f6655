import { ApiError } from '../../errors/api-error.ts';
import type { Caller } from '../../keys/key-record.ts';
import type { ServedModel } from '../../models/served-model.ts';

/**
 * Finds a model by id.
 *
 * @throws {ApiError} 404 that lists the models that the caller may use.
 */
export function findModel(models: readonly ServedModel[], id: string, caller: Caller): ServedModel {
  const allowed = allowedModels(models, caller);
  const model = allowed.find((candidate) => candidate.settings.id === id);
  if (model !== undefined) return model;
  const known = allowed.map((candidate) => JSON.stringify(candidate.settings.id)).join(', ');
  throw new ApiError(
    404,
    `Unknown model ${JSON.stringify(id.slice(0, 128))}. Available models: ${known === '' ? 'none' : known}.`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}

/** Returns the models that the caller's key may use. */
export function allowedModels(models: readonly ServedModel[], { limits }: Caller): readonly ServedModel[] {
  return models.filter(({ settings }) => limits.models === undefined || limits.models.includes(settings.id));
}
