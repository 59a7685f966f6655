import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { AppEnvironment } from '../app.ts';
import { playgroundPage } from './playground-page.ts';

/** `GET /`: a page to turn the dial and see what is forced. It loads nothing, and may talk to this API alone. */
export function playground() {
  const hashOf = (tag: string) => {
    const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(playgroundPage)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
  };
  const headers = {
    'content-security-policy': `default-src 'none'; script-src ${hashOf('script')}; style-src ${hashOf('style')}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    etag: `"${createHash('sha256').update(playgroundPage).digest('hex').slice(0, 32)}"`,
  };
  return (context: Context<AppEnvironment>) =>
    context.req.header('if-none-match') === headers.etag
      ? context.body(null, 304, headers)
      : context.html(playgroundPage, 200, headers);
}
