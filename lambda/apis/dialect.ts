import type { ApiError } from '../errors/api-error.ts';
import type { Api } from './api.ts';

/**
 * An API for model requests that published clients speak: its routes with their description, and its shape of an error.
 *
 * A new dialect is a folder beside `chat/` and a line in `registry.ts`. The app and the OpenAPI document follow from these.
 */
export interface Dialect<OperationId extends string = string> extends Api<OperationId> {
  /**
   * Returns the body of an error, as clients of this dialect parse it. It applies to every error at a path that begins with a path
   * of the dialect, including errors of authentication and of the body limit.
   */
  readonly errorBody: (error: ApiError, requestId: string) => object;
}

/** Defines a dialect. The compiler checks that its description has exactly the operations of its routes. */
export function defineDialect<OperationId extends string>(dialect: Dialect<OperationId>): Dialect<OperationId> {
  return dialect;
}
