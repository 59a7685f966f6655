import type { ModelSettings } from '../settings/settings.ts';
import { EndpointTokenizer } from '../tokenizer/endpoint-tokenizer.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { TokenizerJson } from '../tokenizer/tokenizer-json.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Creates the tokenizer of a model: of its file, or by its server's `/tokenize`. */
export function newTokenizer(settings: ModelSettings, tokenize: Upstream['tokenize']): Tokenizer {
  return settings.tokenizer.kind === 'file'
    ? TokenizerJson.fromFile(settings.tokenizer.path)
    : new EndpointTokenizer(tokenize, settings.upstream.servedModelName);
}
