import type { ApiError } from '../errors/api-error.ts';
import type { Api } from './api.ts';
import { batches } from './batches/api.ts';
import { chat } from './chat/dialect.ts';
import { completions } from './completions/dialect.ts';
import type { Dialect } from './dialect.ts';
import { feedback } from './feedback/api.ts';
import { files } from './files/api.ts';
import { messages } from './messages/dialect.ts';
import { models } from './models/api.ts';
import { responses } from './responses/dialect.ts';
import { vectorStores } from './vector-stores/api.ts';

/** All dialects, in the order of the OpenAPI document. */
export const dialects: readonly Dialect[] = [chat, responses, messages, completions];

/** The APIs that every valid key may use, in the order of the OpenAPI document. */
export const apis: readonly Api[] = [...dialects, models, files, vectorStores, batches, feedback];

/** Returns the body of an error in the shape of the dialect at this path. Outside of the dialects, in OpenAI's shape. */
export function errorBodyAt(path: string, error: ApiError, requestId: string): object {
  const dialect = dialects.find(({ routes }) => Object.values(routes).some((route) => path.startsWith(route.path)));
  return dialect === undefined ? error.body : dialect.errorBody(error, requestId);
}
