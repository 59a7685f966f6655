import { createGunzip, createInflate } from 'node:zlib';
import type { MiddlewareHandler } from 'hono';
import type { AppEnvironment } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';

/**
 * Unpacks request bodies with `content-encoding: gzip` or `deflate`. Unpacking stops at the limit, so a small body that unpacks to
 * gigabytes costs no more than a body of the limit.
 *
 * @param maxBytes maximum size of the unpacked body
 * @param tooLarge the error of a larger body
 */
export function unpackBody(maxBytes: number, tooLarge: (path: string) => ApiError): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    const { raw } = context.req;
    const encoding = (raw.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
    if (encoding === 'identity' || encoding === '') return await next();
    const body = await unpacked(encoding, Buffer.from(await raw.arrayBuffer()), maxBytes, () =>
      tooLarge(context.req.path),
    );
    const headers = new Headers(raw.headers);
    headers.delete('content-encoding');
    headers.delete('content-length');
    context.req.raw = new Request(raw.url, { method: raw.method, headers, body, signal: raw.signal });
    await next();
  };
}

async function unpacked(encoding: string, packed: Buffer, maxBytes: number, tooLarge: () => ApiError): Promise<Buffer> {
  const unpacker =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : undefined;
  if (unpacker === undefined) {
    throw new ApiError(
      415,
      `The content encoding is ${JSON.stringify(encoding.slice(0, 64))}. Send the body as gzip or deflate, or without an encoding.`,
      { code: 'unsupported_encoding' },
    );
  }
  const parts: Buffer[] = [];
  let size = 0;
  unpacker.end(packed);
  try {
    for await (const part of unpacker) {
      size += part.length;
      // Leaving the loop destroys the unpacker.
      if (size > maxBytes) throw tooLarge();
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      400,
      `The body is not valid ${encoding}, as its content encoding says. Send it without an encoding: some gateways, such as an API Gateway without binary media types, do not pass packed bodies on.`,
      { code: 'invalid_encoding', cause: error },
    );
  }
  return Buffer.concat(parts);
}
