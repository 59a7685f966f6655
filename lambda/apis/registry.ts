import type { ApiError } from '../errors/api-error.ts';
import type { Api } from './api.ts';
import { chat } from './chat/dialect.ts';
import type { Dialect } from './dialect.ts';
import { messages } from './messages/dialect.ts';
import { models } from './models/api.ts';
import { responses } from './responses/dialect.ts';

/** The dialects that clients may speak, in the order of the OpenAPI document. */
export const dialects: readonly Dialect[] = [chat, responses, messages];

/** What is served behind authentication to every key, in the order of the OpenAPI document. */
export const apis: readonly Api[] = [...dialects, models];

/** The body of an error in the shape of the dialect that is spoken at this path; elsewhere in OpenAI's shape. */
export function errorBodyAt(path: string, error: ApiError, requestId: string): object {
  const spoken = dialects.find(({ routes }) => Object.values(routes).some((route) => path.startsWith(route.path)));
  return spoken === undefined ? error.body : spoken.errorBody(error, requestId);
}
