import * as z from 'zod';
import type { Aliases } from './aliases.ts';

const modelId = z.string().min(1).max(128);

/** When a route asks its next model. */
const escalateSchema = z.strictObject({
  unsure_below: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('If the confidence of the thought is below this. Needs log-probabilities of the model’s server.'),
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
  escalate: escalateSchema.describe('When the next model is asked: one of `unsure_below` and `disagree`.'),
  pass_thought: z
    .boolean()
    .default(false)
    .describe('Whether the next model continues the thought of the one before. If false, it gets the question alone.'),
});
export type RouteSettings = Readonly<z.infer<typeof routeSchema>>;

/** Returns the first route that cannot be served, and why. `undefined` if all can. */
export function routeProblem(
  routes: readonly RouteSettings[],
  modelIds: readonly string[],
  aliases: Aliases = {},
): { readonly index: number; readonly sentence: string } | undefined {
  const routeIds = routes.map(({ id }) => id);
  for (const [index, route] of routes.entries()) {
    const sentence =
      idProblem(route, index, routeIds, modelIds, aliases) ?? modelsProblem(route, routeIds, modelIds, aliases);
    if (sentence !== undefined) return { index, sentence };
    const problem = escalationProblem(route);
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

function escalationProblem({ id, escalate }: RouteSettings): string | undefined {
  const { unsure_below: below, disagree } = escalate;
  const name = JSON.stringify(id);
  if (below !== undefined && disagree !== undefined) {
    return `The route ${name} escalates by unsure_below (${below}) and by disagree (${disagree}): write one of them`;
  }
  if (below === undefined && disagree === undefined) {
    return `The route ${name} has no threshold: write escalate.unsure_below, for instance 0.3 (better: the threshold that a calibration of its first model gives), or escalate.disagree`;
  }
  return undefined;
}
