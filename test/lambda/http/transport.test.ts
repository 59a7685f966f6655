import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

const script = [
  { says: '\nTwo.', ends: IM_START },
  { says: `\n${'Four. '.repeat(15)}`, ends: IM_END },
];

describe('Paths', () => {
  it.each([
    '/v1/models/',
    '//v1/models',
    '/v1//models//',
    '///v1/models',
    '/healthz/',
    '/health',
    '//health/',
    '/docs/',
  ])('GET %s is routed without its further slashes', async (path) => {
    expect((await scriptedApp([]).app.request(`http://localhost${path}`)).status).toBe(200);
  });

  it('POST //v1/chat/completions/ gets an answer', async () => {
    const response = await scriptedApp(script).app.request('http://localhost//v1/chat/completions/', chat({}));
    expect(response.status).toBe(200);
  });

  it('Further slashes do not lead around authentication', async () => {
    const { app } = scriptedApp([], { keyHashes: async () => [] });
    for (const path of ['//v1/models', '/v1//models/', '/v1/models/', '//v1//admin//keys']) {
      expect((await app.request(`http://localhost${path}`)).status).toBe(401);
    }
  });

  it('GET /favicon.ico is an image', async () => {
    const response = await scriptedApp([]).app.request('/favicon.ico');
    expect(response.headers.get('content-type')).toBe('image/svg+xml');
  });

  it.each([
    ['/v1/embeddings', 'embedding model'],
    ['/v1/images/generations', 'image model'],
    ['/v1/audio/transcriptions', 'speech model'],
    ['/v1/moderations', 'JSON schema'],
    ['/v1/assistants', '/v1/responses'],
  ])('POST %s is a 404 that says what to use instead', async (path, instead) => {
    const response = await scriptedApp([]).app.request(path, chat({}));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining(instead), code: 'unsupported_url' },
    });
  });
});

describe('Compressed answers', () => {
  const list = async (encoding: string | undefined, gzip = true) =>
    await scriptedApp([], { gzip }).app.request('/openapi.json', {
      headers: encoding === undefined ? {} : { 'accept-encoding': encoding },
    });

  it.each(['gzip', 'gzip, deflate, br', 'br;q=1, gzip;q=0.5', '*', 'GZIP'])(
    'A long JSON answer is compressed with accept-encoding: %s',
    async (encoding) => {
      const response = await list(encoding);
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(response.headers.get('vary')).toContain('accept-encoding');
      const packed = Buffer.from(await response.arrayBuffer());
      expect(JSON.parse(gunzipSync(packed).toString()).openapi).toBe('3.1.1');
    },
  );

  it.each([undefined, 'identity', 'br', 'gzip;q=0', 'gzip;q=0.0, *'])(
    'A long JSON answer is not compressed with accept-encoding: %s',
    async (encoding) => {
      const response = await list(encoding);
      expect(response.headers.get('content-encoding')).toBeNull();
      expect(await response.json()).toMatchObject({ openapi: '3.1.1' });
    },
  );

  it('Short answers, streams and pages are never compressed, nor is anything where the gateway does not pass it on', async () => {
    const headers = { 'accept-encoding': 'gzip' };
    const { app } = scriptedApp(script, { gzip: true });
    for (const response of [
      await app.request('/v1/models', { headers }),
      await app.request('/v1/chat/completions', chat({ stream: true }, headers)),
      await app.request('/', { headers }),
      await list('gzip', false),
    ]) {
      expect(response.status).toBe(200);
      expect(response.headers.get('content-encoding')).toBeNull();
      await response.text();
    }
  });
});

describe('Compressed requests', () => {
  const send = async (body: Uint8Array<ArrayBuffer>, encoding: string, answers = script) =>
    await scriptedApp(answers).app.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body,
    });
  const json = JSON.stringify({ model: 'scripted', messages: [{ role: 'user', content: 'How many?' }] });

  it.each([
    ['gzip', gzipSync(json)],
    ['x-gzip', gzipSync(json)],
    ['deflate', deflateSync(json)],
    ['identity', Buffer.from(json)],
  ])('A body with content-encoding: %s is read', async (encoding, body) => {
    expect((await send(Uint8Array.from(body), encoding)).status).toBe(200);
  });

  it('A body that unpacks to more than 4 MB is a 413, and is not unpacked to its end', async () => {
    const bomb = gzipSync(Buffer.alloc(512 * 2 ** 20), { level: 9 });
    expect(bomb.length).toBeLessThan(600_000);
    const before = process.memoryUsage().arrayBuffers;
    const response = await send(Uint8Array.from(bomb), 'gzip');
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });

  it('The limit is of the unpacked body: one of exactly 4 MB is read', async () => {
    const padded = (bytes: number) => json.replace('How many?', 'x'.repeat(bytes - json.length + 9));
    expect((await send(Uint8Array.from(gzipSync(padded(4_000_001))), 'gzip')).status).toBe(413);
    const largest = await send(Uint8Array.from(gzipSync(padded(4_000_000))), 'gzip');
    expect(await largest.json()).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });

  it.each([
    ['gzip', Buffer.from(json), 400, 'not valid gzip'],
    ['gzip', gzipSync(json).subarray(0, 20), 400, 'not valid gzip'],
    ['br', Buffer.from(json), 415, 'gzip or deflate'],
    ['gzip, gzip', gzipSync(gzipSync(json)), 415, 'gzip or deflate'],
  ])('A body that is not what content-encoding: %s says is refused', async (encoding, body, status, sentence) => {
    const response = await send(Uint8Array.from(body), encoding);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining(sentence) } });
  });
});

describe('x-request-id', () => {
  it.each(['abc', '5f0c7c1e-8c7e-4b3e-9d8a-0c1f2e3d4c5b', `r/${'~'.repeat(126)}`])(
    'The id %s of a client is in the response, and in the log beside the own id',
    async (id) => {
      const { app, log } = scriptedApp(script);
      const response = await app.request('/v1/chat/completions', chat({}, { 'x-request-id': id }));
      expect(response.headers.get('x-request-id')).toBe(id);
      expect(log).toContainEqual(
        expect.objectContaining({ message: 'client request id', request_id: 'req_1', client_request_id: id }),
      );
      expect(log).toContainEqual(expect.objectContaining({ message: 'generation', request_id: 'req_1' }));
    },
  );

  it.each(['', 'a b', 'x'.repeat(129), 'caf\u00e9', 'a\tb'])(
    'The id %j, which is not plain, is replaced by the own id',
    async (id) => {
      const { app, log } = scriptedApp(script);
      const response = await app.request('/v1/chat/completions', chat({}, { 'x-request-id': id }));
      expect(response.headers.get('x-request-id')).toBe('req_1');
      expect(log.filter(({ message }) => message === 'client request id')).toEqual([]);
    },
  );

  it('Errors and preflight answers have it, too', async () => {
    const { app } = scriptedApp([]);
    const headers = { 'x-request-id': 'mine' };
    expect((await app.request('/v1/nope', { headers })).headers.get('x-request-id')).toBe('mine');
  });
});

describe('CORS', () => {
  const corsOrigins = ['http://localhost:*', 'https://app.example.com'];
  const preflight = async (origin: string, origins: readonly string[] = corsOrigins) =>
    await scriptedApp([], { corsOrigins: origins, keyHashes: async () => [] }).app.request('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });

  it.each(['http://localhost:5173', 'http://localhost', 'https://app.example.com'])(
    'A preflight request of a page at %s is allowed, without a key',
    async (origin) => {
      const response = await preflight(origin);
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(response.headers.get('access-control-allow-methods')).toContain('POST');
      expect(response.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    },
  );

  it.each([
    'http://localhost.evil.example',
    'http://localhost:1:2',
    'https://localhost:5173',
    'https://app.example.com.evil.example',
    'https://appXexample.com',
    'null',
  ])('A preflight request of a page at %s is answered, but not allowed', async (origin) => {
    const response = await preflight(origin);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('Without configured origins no page is allowed', async () => {
    expect((await preflight('http://localhost:5173', [])).headers.get('access-control-allow-origin')).toBeNull();
    expect((await preflight('https://any.example', ['*'])).headers.get('access-control-allow-origin')).toBe(
      'https://any.example',
    );
  });

  it('Answers, streams and errors can be read by an allowed page', async () => {
    const { app } = scriptedApp(script, { corsOrigins });
    const headers = { origin: 'http://localhost:3000' };
    for (const response of [
      await app.request('/v1/models', { headers }),
      await app.request('/v1/chat/completions', chat({ stream: true }, headers)),
      await app.request('/v1/chat/completions', chat({ model: 'nope' }, headers)),
      await app.request('/v1/nope', { headers }),
    ]) {
      expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
      expect(response.headers.get('access-control-expose-headers')).toBe('*');
      expect(response.headers.get('vary')?.toLowerCase()).toContain('origin');
      await response.text();
    }
  });

  it('OPTIONS without an Origin is no CORS request', async () => {
    const response = await scriptedApp([], { corsOrigins }).app.request('/v1/chat/completions', { method: 'OPTIONS' });
    expect(response.status).not.toBe(204);
  });
});
