import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import type { ApiDescription } from './operation.ts';

/**
 * Routes that belong together, with their OpenAPI description. The app mounts `routes`, and the document is built from the same
 * object, so every served route is documented.
 */
export interface Api<OperationId extends string = string> {
  /** Routes by OpenAPI operation id, in the order of the document. */
  readonly routes: Readonly<Record<OperationId, Route>>;
  /** Loads the description when the document is first requested. A dynamic import keeps it out of the cold start. */
  readonly describe: () => Promise<ApiDescription<OperationId>>;
}

/** One method of one path. */
export interface Route {
  readonly method: Method;
  /** In Hono's syntax, for instance `/v1/models/:id`. */
  readonly path: string;
  /** Makes the handler, once per app. */
  readonly handler: (dependencies: AppDependencies) => Handler<string>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Handler<Path extends string> = (context: Context<AppEnvironment, Path>) => Response | Promise<Response>;

/** Defines an API. The compiler checks that its description has exactly the operations of its routes. */
export function defineApi<OperationId extends string>(api: Api<OperationId>): Api<OperationId> {
  return api;
}

/** Defines a route whose handler knows the parameters of its path: `context.req.param('id')` is a string if the path has `:id`. */
export function route<Path extends string>(
  method: Method,
  path: Path,
  handler: (dependencies: AppDependencies) => Handler<Path>,
): Route {
  return { method, path, handler };
}
