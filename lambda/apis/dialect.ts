import type { ApiError } from '../errors/api-error.ts';
import type { Api } from './api.ts';

/**
 * A way of asking a model that clients already speak: its routes with their description, and its shape of an error.
 *
 * Adding one takes a folder beside `chat/` and a line in `registry.ts`; the app and the OpenAPI document need no change.
 */
export interface Dialect<OperationId extends string = string> extends Api<OperationId> {
  /**
   * The body of an error, as clients of this dialect parse it. Used for every error at a path that begins with one of the
   * dialect's paths, including those of authentication and of the body limit.
   */
  readonly errorBody: (error: ApiError, requestId: string) => object;
}

/** Checks at compile time that each route of a dialect is described, and nothing else. */
export function defineDialect<OperationId extends string>(dialect: Dialect<OperationId>): Dialect<OperationId> {
  return dialect;
}
