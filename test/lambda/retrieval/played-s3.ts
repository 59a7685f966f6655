import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message of the queue of the bucket's events. */
export type QueueMessage = { readonly body: string };

/**
 * Plays one bucket of S3 over HTTP: whole objects, writes that fail if another writer was there first, and the events of objects under
 * `stores/` as a queue's messages.
 */
export async function playS3(prefix = 'stores/') {
  const objects = new Map<string, Buffer>();
  const messages: QueueMessage[] = [];
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    // Path style, as the client addresses a host that is an IP address.
    const [, , ...path] = new URL(request.url ?? '/', 'http://host').pathname.split('/');
    const key = decodeURIComponent(path.join('/'));
    const before = objects.get(key);
    const event = (name: string) => {
      if (!key.startsWith(prefix)) return;
      const record = { eventName: name, s3: { object: { key: encodeURIComponent(key).replaceAll('%20', '+') } } };
      messages.push({ body: JSON.stringify({ Records: [record] }) });
    };
    const fail = (status: number, code: string) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    };
    if (request.method === 'GET') {
      if (before === undefined) return fail(404, 'NoSuchKey');
      response.writeHead(200, { etag: etagOf(before) });
      return response.end(before);
    }
    if (request.method === 'DELETE') {
      if (objects.delete(key)) event('ObjectRemoved:Delete');
      return response.writeHead(204).end();
    }
    const { 'if-match': match, 'if-none-match': none } = request.headers;
    if (match !== undefined && before === undefined) return fail(404, 'NoSuchKey');
    if (match !== undefined && before !== undefined && match !== etagOf(before)) return fail(412, 'PreconditionFailed');
    if (none === '*' && before !== undefined) return fail(412, 'PreconditionFailed');
    objects.set(key, body);
    event('ObjectCreated:Put');
    return response.writeHead(200, { etag: etagOf(body) }).end();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    messages,
    close: () => server.close(),
  };
}

/** S3 says what changes with the content. Two writes of the same bytes have the same tag. */
function etagOf(content: Buffer): string {
  return `"${createHash('md5').update(content).digest('hex')}"`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
