import type { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import type { ModelSettings } from '../settings/settings.ts';
import { EndpointTokenizer } from '../tokenizer/endpoint-tokenizer.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { TokenizerJson } from '../tokenizer/tokenizer-json.ts';
import { CompletionsModel, httpRoute } from '../upstream/completions-model.ts';
import { SageMakerModel, sageMakerRoute } from '../upstream/sagemaker-model.ts';
import { ServedModel } from './served-model.ts';

/**
 * Creates a model from its settings. No file is read and no call is made before the first request.
 *
 * @param runtimeClient returns the SageMaker client to use; called only if the model is on SageMaker.
 */
export function createServedModel(settings: ModelSettings, runtimeClient: () => SageMakerRuntimeClient): ServedModel {
  const { backend } = settings;
  if (backend.kind === 'completions') {
    const model = new CompletionsModel(backend);
    return new ServedModel(
      settings,
      model,
      createTokenizer(settings, () => new EndpointTokenizer(httpRoute(backend), backend.servedModelName)),
    );
  }
  const client = runtimeClient();
  const model = new SageMakerModel(client, backend);
  const route = () => new EndpointTokenizer(sageMakerRoute(client, backend), backend.servedModelName);
  return new ServedModel(settings, model, createTokenizer(settings, route));
}

function createTokenizer(settings: ModelSettings, byEndpoint: () => Tokenizer): Tokenizer {
  return settings.tokenizer.kind === 'file' ? TokenizerJson.fromFile(settings.tokenizer.path) : byEndpoint();
}
