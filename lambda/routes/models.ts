import type { Context } from 'hono';
import { ApiError } from '../api-error.ts';
import type { AppDependencies, AppEnvironment } from '../app.ts';
import type { ServedModel } from '../served-model.ts';

/** `GET /v1/models` and `GET /v1/models/{id}`: OpenAI's shape, with the window, the format and the budgets of each model. */
export function listModels(dependencies: AppDependencies) {
  const created = dependencies.unixTime();
  return (context: Context<AppEnvironment>) => {
    const id = context.req.param('id');
    if (id === undefined) {
      return context.json({ object: 'list', data: dependencies.models.map((model) => describe(model, created)) });
    }
    return context.json(describe(findModel(dependencies.models, id), created));
  };
}

/** @throws {ApiError} 404 that lists the models there are. */
export function findModel(models: readonly ServedModel[], id: string): ServedModel {
  const model = models.find((candidate) => candidate.settings.id === id);
  if (model !== undefined) return model;
  const known = models.map((candidate) => JSON.stringify(candidate.settings.id)).join(', ');
  throw new ApiError(404, `There is no model ${JSON.stringify(id.slice(0, 128))} here. There is: ${known}.`, {
    param: 'model',
    code: 'model_not_found',
  });
}

function describe({ settings }: ServedModel, created: number) {
  return {
    id: settings.id,
    object: 'model',
    created,
    owned_by: 'budgetforce',
    context_window: settings.contextTokens,
    budget_forcing: {
      format: settings.format,
      default_max_tokens: settings.defaultMaxThinkingTokens,
      max_tokens: settings.maxThinkingTokens,
      default_max_answer_tokens: settings.defaultMaxAnswerTokens,
      efforts: settings.efforts,
    },
  };
}
