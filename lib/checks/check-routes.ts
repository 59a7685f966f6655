import type { Aliases } from '../../lambda/settings/aliases.ts';
import { type RoutedModel, type RouteSettings, routeProblem } from '../../lambda/settings/routes.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses a route with a taken id, with models that it cannot run, with nothing to escalate to, or without a threshold. */
export function checkRoutes(
  routes: readonly RouteSettings[] = [],
  models: readonly RoutedModel[],
  aliases: Aliases = {},
): Refusal | undefined {
  const problem = routeProblem(routes, models, aliases);
  if (problem === undefined) return undefined;
  return {
    code: 'route',
    sentence: `${problem.sentence}.`,
    source: 'https://arxiv.org/abs/2310.03094',
    final: true,
  };
}
