import type { ServedModel } from '../../models/served-model.ts';
import { defineApi, route } from '../api.ts';
import { MAX_WAITS } from '../budget-fields.ts';
import { allowedModels, findModel } from './find-model.ts';

/** OpenAI's list of models, with the context window, the format and the budgets of each. */
export const models = defineApi({
  routes: {
    listModels: route('GET', '/v1/models', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const allowed = allowedModels(dependencies, context.get('caller'));
        return context.json({
          object: 'list',
          data: allowed.map(({ name, model }) => toModelInfo(name, model, created)),
        });
      };
    }),
    // Ids may contain slashes.
    getModel: route('GET', '/v1/models/:id{.+}', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const name = context.req.param('id');
        return context.json(toModelInfo(name, findModel(dependencies, name, context.get('caller')), created));
      };
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

function toModelInfo(name: string, { settings }: ServedModel, created: number) {
  return {
    id: name,
    ...(name === settings.id ? {} : { alias_of: settings.id }),
    object: 'model',
    created,
    owned_by: 'budgetforce',
    context_window: settings.contextTokens,
    // In dollars per million tokens, from the config.
    price: settings.dollarsPerMillionTokens ?? null,
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
