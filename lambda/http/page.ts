import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { AppEnvironment } from '../context.ts';

/** Serves a page that is one document. Its content security policy allows requests to this API only. */
export function page(html: string) {
  const hashOf = (tag: string) => {
    const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
  };
  const headersOf = () => ({
    'content-security-policy': `default-src 'none'; script-src ${hashOf('script')}; style-src ${hashOf('style')}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    etag: `"${createHash('sha256').update(html).digest('hex').slice(0, 32)}"`,
  });
  let headers: ReturnType<typeof headersOf> | undefined;
  return (context: Context<AppEnvironment>) => {
    headers ??= headersOf();
    return context.req.header('if-none-match') === headers.etag
      ? context.body(null, 304, headers)
      : context.html(html, 200, headers);
  };
}
