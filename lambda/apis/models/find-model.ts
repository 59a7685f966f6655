import type { AppDependencies } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import type { Caller } from '../../keys/key-record.ts';
import type { ServedModel } from '../../models/served-model.ts';
import type { RouteSettings } from '../../settings/routes.ts';

/** The models of an app, its routes, and their further names. */
type Offer = Pick<AppDependencies, 'models' | 'aliases' | 'routes'>;

/** What a request names: a model, or a route by its first model and the further ones. */
export interface Target {
  readonly model: ServedModel;
  readonly route?: { readonly settings: RouteSettings; readonly further: readonly ServedModel[] };
}

/** A model or a route under one of its names. */
export interface NamedTarget extends Target {
  /** Its id, or an alias. */
  readonly name: string;
}

/**
 * Finds a model by id or alias.
 *
 * @throws {ApiError} 404 that lists what the caller may use; 400 if it is a route
 */
export function findModel(offer: Offer, id: string, caller: Caller): ServedModel {
  const { model, route } = findTarget(offer, id, caller);
  if (route === undefined) return model;
  throw invalidRequest(
    'model',
    `${JSON.stringify(id)} is a route over ${listOf(route.settings.models)}, but a raw prompt is written for one model. Name one of these models.`,
    'route_unsupported',
  );
}

/**
 * Finds a model or a route by id or alias.
 *
 * @throws {ApiError} 404 that lists what the caller may use; 403 if the key lacks a model of the route
 */
export function findTarget(offer: Offer, id: string, caller: Caller): Target {
  const allowed = allowedTargets(offer, caller);
  const found = allowed.find(({ name }) => name === id);
  if (found !== undefined) return found;
  const { aliases = {}, routes = [] } = offer;
  const routeId = Object.hasOwn(aliases, id) ? aliases[id] : id;
  const route = routes.find((candidate) => candidate.id === routeId);
  const missing = route?.models.filter((model) => caller.limits.models?.includes(model) === false) ?? [];
  if (route !== undefined && missing.length > 0) {
    throw new ApiError(
      403,
      `This key may not use the route ${JSON.stringify(id)}, because it does not allow the ${missing.length === 1 ? 'model' : 'models'} ${listOf(missing)} of it. Have an operator allow every model of the route (${listOf(route.models)}), or name a model that the key allows.`,
      { param: 'model', code: 'model_not_allowed' },
    );
  }
  const known = listOf(allowed.map(({ name }) => name));
  throw new ApiError(
    404,
    `Unknown model ${JSON.stringify(id.slice(0, 128))}. Available models: ${known === '' ? 'none' : known}.`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}

/**
 * Returns the models that the caller's key may use, the routes of which it may use every model, then the aliases of both. A key's list
 * of models has ids of models, which apply to routes and aliases.
 */
export function allowedTargets(
  { models, aliases = {}, routes = [] }: Offer,
  { limits }: Caller,
): readonly NamedTarget[] {
  const single = models
    .filter(({ settings }) => limits.models === undefined || limits.models.includes(settings.id))
    .map((model): NamedTarget => ({ name: model.settings.id, model }));
  const routed = routes.flatMap((settings) => toTarget(settings, single));
  const allowed = [...single, ...routed];
  const others = Object.entries(aliases).flatMap(([alias, id]) =>
    allowed.filter(({ name }) => name === id).map((target) => ({ ...target, name: alias })),
  );
  return [...allowed, ...others];
}

function toTarget(settings: RouteSettings, allowed: readonly NamedTarget[]): readonly NamedTarget[] {
  const [model, ...further] = settings.models.flatMap((id) => allowed.find(({ name }) => name === id)?.model ?? []);
  if (model === undefined || further.length + 1 < settings.models.length) return [];
  return [{ name: settings.id, model, route: { settings, further } }];
}

function listOf(ids: readonly string[]): string {
  return ids.map((id) => JSON.stringify(id)).join(', ');
}
