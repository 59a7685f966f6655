import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { AppEnvironment } from '../context.ts';

/** How long a browser keeps the answer to a preflight request, in seconds. Chromium's maximum. */
const PREFLIGHT_SECONDS = 7_200;

/**
 * Answers preflight requests and marks responses as readable for pages of the allowed origins. For other origins the headers are left
 * out, so a browser keeps the response from the page.
 *
 * Source: https://fetch.spec.whatwg.org/#http-cors-protocol
 *
 * @param origins see `corsOriginSchema`
 */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler<AppEnvironment> {
  const respond = cors({
    origin: (origin) => (isAllowedOrigin(origin, origins) ? origin : undefined),
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: ['*'],
    maxAge: PREFLIGHT_SECONDS,
  });
  return async (context, next) => {
    if (context.req.header('origin') === undefined) return await next();
    return await respond(context, next);
  };
}

/** Whether one of the allowed origins (`corsOriginSchema`) is this origin, or admits it. */
export function isAllowedOrigin(origin: string, allowed: readonly string[]): boolean {
  return allowed.some(
    (entry) =>
      entry === '*' ||
      entry === origin ||
      (entry.endsWith(':*') && new RegExp(`^${escaped(entry.slice(0, -2))}(:\\d{1,5})?$`).test(origin)),
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
