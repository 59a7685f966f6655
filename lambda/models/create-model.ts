import type { ModelSettings } from '../settings/settings.ts';
import { EndpointTokenizer } from '../tokenizer/endpoint-tokenizer.ts';
import { TokenizerJson } from '../tokenizer/tokenizer-json.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { ServedModel } from './served-model.ts';

/** Creates a model from its settings and its upstream. No file is read and no call is made before the first request. */
export function createServedModel(settings: ModelSettings, { segments, tokenize }: Upstream): ServedModel {
  const tokenizer =
    settings.tokenizer.kind === 'file'
      ? TokenizerJson.fromFile(settings.tokenizer.path)
      : new EndpointTokenizer(tokenize, settings.upstream.servedModelName);
  return new ServedModel(settings, segments, tokenizer);
}
