import { getPath } from 'hono/utils/url';

/** Returns the path by which a request is routed: without repeated slashes and without one at the end, which clients add to a base URL. */
export function plainPath(request: Request): string {
  const path = getPath(request).replaceAll(/\/{2,}/g, '/');
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}
