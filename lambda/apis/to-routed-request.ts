import type { FieldNames } from '../forcing/settle-limits.ts';
import type { GenerationRequest } from '../generation/request.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { ChatRequest } from './chat/request.ts';
import type { Target } from './models/find-model.ts';
import { toGenerationRequest } from './to-generation.ts';

/**
 * Converts a chat request to a model, or to all models of a route.
 *
 * @param names names of limits in the dialect of the request. @default - those of chat
 * @throws {ApiError} 400 if the request asks for something that one of the models cannot do
 */
export function toRoutedRequest(
  request: ChatRequest,
  { model, route }: Target,
  names: Partial<FieldNames> = {},
): GenerationRequest {
  const convert = (to: ServedModel): GenerationRequest => {
    const generation = toGenerationRequest(request, to);
    return { ...generation, names: { ...generation.names, ...names } };
  };
  const first = convert(model);
  if (route === undefined) return first;
  return { ...first, route: { settings: route.settings, further: route.further.map(convert) } };
}
