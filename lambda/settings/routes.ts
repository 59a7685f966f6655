import * as z from 'zod';
import type { ConfidenceMeasure } from '../forcing/confidence.ts';
import type { CalibratedThresholds } from '../forcing/settle-gates.ts';
import type { Aliases } from './aliases.ts';

const modelId = z.string().min(1).max(128);

/** When a route asks its next model. */
const escalateSchema = z.strictObject({
  unsure_below: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe(
      'If the confidence of the thought (`min_token`) is below this. Needs log-probabilities of the model’s server. If it and `disagree` are omitted, the measure and the threshold of each model’s calibration hold.',
    ),
  disagree: z
    .int()
    .min(2)
    .max(8)
    .optional()
    .describe(
      'If this many samples of the model do not give the same answer. Needs no log-probabilities, but costs the samples.',
    ),
});

/** A route: a model id for clients, behind which several models answer, the smallest first. */
export const routeSchema = z.strictObject({
  id: modelId.describe('Name that a client writes in `model`.'),
  models: z
    .array(modelId)
    .max(8)
    .describe(
      'Ids of the models, the smallest first. Each model after the first is asked if the one before is unsure.',
    ),
  escalate: escalateSchema
    .prefault({})
    .describe(
      'When the next model is asked: one of `unsure_below` and `disagree`. If omitted, the calibration of each model but the last decides.',
    ),
  pass_thought: z
    .boolean()
    .default(false)
    .describe('Whether the next model continues the thought of the one before. If false, it gets the question alone.'),
});
export type RouteSettings = Readonly<z.infer<typeof routeSchema>>;

/** A model as a route sees it. */
export interface RoutedModel {
  readonly id: string;
  readonly calibration?: CalibratedThresholds | undefined;
}

/** Confidence of a thought below which a route asks its next model. */
export interface EscalationThreshold {
  readonly measure: ConfidenceMeasure;
  /** 0 to 1. */
  readonly below: number;
}

/**
 * The threshold of a route after one of its models: the route's own, or that of the model's calibration.
 *
 * @returns `undefined` if the route escalates by `disagree`, or if neither has a threshold
 */
export function escalationThreshold(
  { escalate: { unsure_below: below, disagree } }: RouteSettings,
  calibration: CalibratedThresholds | undefined,
): EscalationThreshold | undefined {
  if (disagree !== undefined) return undefined;
  if (below !== undefined) return { measure: 'min_token', below };
  return calibration && { measure: calibration.measure, below: calibration.unsureBelow };
}

/** Returns the first route that cannot be served, and why. `undefined` if all can. */
export function routeProblem(
  routes: readonly RouteSettings[],
  models: readonly RoutedModel[],
  aliases: Aliases = {},
): { readonly index: number; readonly sentence: string } | undefined {
  const modelIds = models.map(({ id }) => id);
  const routeIds = routes.map(({ id }) => id);
  for (const [index, route] of routes.entries()) {
    const sentence =
      idProblem(route, index, routeIds, modelIds, aliases) ?? modelsProblem(route, routeIds, modelIds, aliases);
    if (sentence !== undefined) return { index, sentence };
    const problem = escalationProblem(route, models);
    if (problem !== undefined) return { index, sentence: problem };
  }
  return undefined;
}

function idProblem(
  { id }: RouteSettings,
  index: number,
  routeIds: readonly string[],
  modelIds: readonly string[],
  aliases: Aliases,
): string | undefined {
  const owner = modelIds.includes(id)
    ? 'a model'
    : Object.hasOwn(aliases, id)
      ? 'an alias'
      : routeIds.indexOf(id) < index
        ? 'another route'
        : undefined;
  return owner === undefined
    ? undefined
    : `The id ${JSON.stringify(id)} of a route is also the name of ${owner}, so requests with it could mean either: choose another id for the route`;
}

function modelsProblem(
  { id, models }: RouteSettings,
  routeIds: readonly string[],
  modelIds: readonly string[],
  aliases: Aliases,
): string | undefined {
  const name = JSON.stringify(id);
  const known = modelIds.map((model) => JSON.stringify(model)).join(', ');
  for (const [index, model] of models.entries()) {
    const wrong = JSON.stringify(model);
    if (model === id) return `The route ${name} names itself, which would never end: write ids of models, of ${known}`;
    if (routeIds.includes(model)) {
      return `The route ${name} names the route ${wrong}, but a route runs models only: write the models of that route instead`;
    }
    if (Object.hasOwn(aliases, model)) {
      return `The route ${name} names the alias ${wrong}: write the id of its model, ${JSON.stringify(aliases[model])}`;
    }
    if (!modelIds.includes(model)) {
      return `The route ${name} names the model ${wrong}, but the models are ${known}: write one of these ids`;
    }
    if (models.indexOf(model) < index) {
      return `The route ${name} names the model ${wrong} twice, but asking it again would gain nothing: leave the second one out`;
    }
  }
  if (models.length >= 2) return undefined;
  const count = models.length === 0 ? 'no model' : `only the model ${JSON.stringify(models[0])}`;
  return `The route ${name} has ${count}, so there is nothing to escalate to: write at least two models, the smallest first`;
}

function escalationProblem(route: RouteSettings, models: readonly RoutedModel[]): string | undefined {
  const { unsure_below: below, disagree } = route.escalate;
  const name = JSON.stringify(route.id);
  if (below !== undefined && disagree !== undefined) {
    return `The route ${name} escalates by unsure_below (${below}) and by disagree (${disagree}): write one of them`;
  }
  if (disagree !== undefined) return undefined;
  const without = route.models
    .slice(0, -1)
    .find((id) => escalationThreshold(route, models.find((model) => model.id === id)?.calibration) === undefined);
  if (without === undefined) return undefined;
  return `The route ${name} has no threshold, and its model ${JSON.stringify(without)} has no calibration that would give one: write escalate.unsure_below, for instance 0.3, or escalate.disagree, or calibrate the model (npx budgetforce calibrate) and give it the result as its calibration`;
}
