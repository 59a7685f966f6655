import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ServedModel } from '../models/served-model.ts';

/** `GET /v1/models` and `GET /v1/models/{id}`: OpenAI's shape, with the window, the format and the budgets of each model. */
export function listModels(dependencies: AppDependencies) {
  const created = dependencies.unixTime();
  return (context: Context<AppEnvironment>) => {
    const id = context.req.param('id');
    const caller = context.get('caller');
    if (id === undefined) {
      const models = modelsOf(dependencies.models, caller);
      return context.json({ object: 'list', data: models.map((model) => describe(model, created)) });
    }
    return context.json(describe(findModel(dependencies.models, id, caller), created));
  };
}

/** @throws {ApiError} 404 that lists the models that the caller may use. */
export function findModel(models: readonly ServedModel[], id: string, caller: Caller): ServedModel {
  const allowed = modelsOf(models, caller);
  const model = allowed.find((candidate) => candidate.settings.id === id);
  if (model !== undefined) return model;
  const known = allowed.map((candidate) => JSON.stringify(candidate.settings.id)).join(', ');
  throw new ApiError(404, `There is no model ${JSON.stringify(id.slice(0, 128))} here. There is: ${known}.`, {
    param: 'model',
    code: 'model_not_found',
  });
}

function modelsOf(models: readonly ServedModel[], { limits }: Caller): readonly ServedModel[] {
  return models.filter(({ settings }) => limits.models === undefined || limits.models.includes(settings.id));
}

function describe({ settings }: ServedModel, created: number) {
  return {
    id: settings.id,
    object: 'model',
    created,
    owned_by: 'budgetforce',
    context_window: settings.contextTokens,
    /** Dollars for a million tokens, by the config. */
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
