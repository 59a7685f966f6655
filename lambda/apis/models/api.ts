import type { ServedModel } from '../../models/served-model.ts';
import { defineApi, route } from '../api.ts';
import { allowedModels, findModel } from './find-model.ts';

/** OpenAI's list of models, with the context window, the format and the budgets of each. */
export const models = defineApi({
  routes: {
    listModels: route('GET', '/v1/models', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const allowed = allowedModels(dependencies.models, context.get('caller'));
        return context.json({ object: 'list', data: allowed.map((model) => toModelInfo(model, created)) });
      };
    }),
    // Ids may contain slashes.
    getModel: route('GET', '/v1/models/:id{.+}', (dependencies) => {
      const created = dependencies.unixTime();
      return (context) => {
        const model = findModel(dependencies.models, context.req.param('id'), context.get('caller'));
        return context.json(toModelInfo(model, created));
      };
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

function toModelInfo({ settings }: ServedModel, created: number) {
  return {
    id: settings.id,
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
      default_max_answer_tokens: settings.defaultMaxAnswerTokens,
      efforts: settings.efforts,
      soft_landing: settings.softLanding ?? null,
      detect_loops: settings.detectLoops ?? false,
    },
  };
}
