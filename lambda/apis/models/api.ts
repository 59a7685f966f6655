import type { AppDependencies } from '../../context.ts';
import type { RouteSettings } from '../../settings/routes.ts';
import { defineApi, route } from '../api.ts';
import { MAX_WAITS } from '../budget-fields.ts';
import { allowedTargets, findTarget, type NamedTarget } from './find-model.ts';

/** OpenAI's list of models, with the context window, the format and the budgets of each. */
export const models = defineApi({
  routes: {
    listModels: route('GET', '/v1/models', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const allowed = allowedTargets(dependencies, context.get('caller'));
        return context.json({
          object: 'list',
          data: allowed.map((target) => toModelInfo(target, created, dependencies.loads)),
        });
      };
    }),
    // Ids may contain slashes.
    getModel: route('GET', '/v1/models/:id{.+}', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const name = context.req.param('id');
        return context.json(
          toModelInfo({ ...findTarget(dependencies, name, context.get('caller')), name }, created, dependencies.loads),
        );
      };
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

/** A model as clients see it. The window of a route is that of its smallest; its budgets are those of its first model. */
function toModelInfo(
  { name, model: { settings }, route }: NamedTarget,
  created: number,
  loads: AppDependencies['loads'],
) {
  const id = route?.settings.id ?? settings.id;
  const windows = [settings, ...(route?.further ?? []).map((further) => further.settings)];
  return {
    id: name,
    ...(name === id ? {} : { alias_of: id }),
    object: 'model',
    created,
    owned_by: 'budgetforce',
    ...(route === undefined ? {} : { route: toRouteInfo(route.settings) }),
    context_window: Math.min(...windows.map(({ contextTokens }) => contextTokens)),
    // In dollars per million tokens, from the config.
    price: (route === undefined ? settings.dollarsPerMillionTokens : undefined) ?? null,
    scales_by_load: route === undefined && loads?.has(settings.id) === true,
    budget_forcing: {
      format: settings.format,
      default_max_tokens: settings.defaultMaxThinkingTokens,
      max_tokens: settings.maxThinkingTokens,
      max_waits: MAX_WAITS,
      default_max_answer_tokens: settings.defaultMaxAnswerTokens,
      efforts: settings.efforts,
      soft_landing: settings.softLanding ?? null,
      detect_loops: settings.detectLoops ?? false,
    },
  };
}

function toRouteInfo({ models, escalate, pass_thought }: RouteSettings) {
  return { models, escalate, pass_thought };
}
