import type { Context } from 'hono';
import type { AppEnvironment } from '../context.ts';

/** `GET /openapi.json`. Made when it is first asked for: no cold start pays for it. */
export function apiDocument() {
  let text: Promise<string> | undefined;
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    text ??= import('./document.ts').then(({ openApiDocument }) => JSON.stringify(openApiDocument()));
    return context.body(await text, 200, {
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      // Viewers and generators on other pages may read it: it tells nothing of anyone.
      'access-control-allow-origin': '*',
    });
  };
}
