import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { MiddlewareHandler } from 'hono';
import type { AppEnvironment } from '../context.ts';

/** Length from which an answer is compressed, in bytes: less fits into one packet anyway. */
const MIN_BYTES = 1_400;

const compress = promisify(gzip);

/**
 * Compresses long JSON answers for clients that accept gzip. A stream is never compressed, since its parts would wait in the compressor;
 * neither is JSON that is sent in parts (`no-transform`, see `slowJson`).
 */
export const gzipAnswer: MiddlewareHandler<AppEnvironment> = async (context, next) => {
  await next();
  if (!/^application\/json\b/.test(context.res.headers.get('content-type') ?? '')) return;
  context.header('vary', 'accept-encoding', { append: true });
  const { res } = context;
  if (!acceptsGzip(context.req.header('accept-encoding') ?? '')) return;
  if (res.body === null || res.headers.has('content-encoding')) return;
  if (/\bno-transform\b/.test(res.headers.get('cache-control') ?? '')) return;
  const bytes = Buffer.from(await res.arrayBuffer());
  const packed = bytes.length < MIN_BYTES ? undefined : await compress(bytes);
  const headers = new Headers(res.headers);
  headers.delete('content-length');
  if (packed !== undefined) headers.set('content-encoding', 'gzip');
  // Hono would merge the headers of the response that is replaced, the length of the unpacked body among them.
  context.res = undefined;
  context.res = new Response(packed ?? bytes, { status: res.status, headers });
};

/** Whether `accept-encoding` names gzip, by name or by `*`, and not with the weight 0. */
function acceptsGzip(header: string): boolean {
  const weights = new Map(
    header
      .toLowerCase()
      .split(',')
      .map((entry) => {
        const [name = '', ...parameters] = entry.split(';').map((part) => part.trim());
        const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
        return [name, weight === undefined ? 1 : Number(weight)];
      }),
  );
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}
