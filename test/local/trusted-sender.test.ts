import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalServer, startLocal } from '../../local/start-local.ts';
import { checkSender, type TrustOptions } from '../../local/trusted-sender.ts';

const loopback: TrustOptions = { host: 'localhost', allowedHosts: [], allowedOrigins: ['http://localhost:*'] };
const everywhere: TrustOptions = { ...loopback, host: '0.0.0.0' };
const check = (headers: Record<string, string>, options: TrustOptions) => () =>
  checkSender(new Headers(headers), options);

describe('A server without a key', () => {
  it.each([
    ['evil.example', loopback],
    ['evil.example:8787', everywhere],
    ['localhost.evil.example', loopback],
    ['127.0.0.1.evil.example', everywhere],
    ['', loopback],
    ['budgetforce', loopback],
    ['1.2.3.4.5', loopback],
  ])('refuses the host %j', (host, options) => {
    expect(check({ host }, options)).toThrow('does not answer to the host name');
  });

  it.each([
    ['localhost:8787', loopback],
    ['LOCALHOST', loopback],
    ['app.localhost:8787', loopback],
    ['127.0.0.1:8787', loopback],
    ['[::1]:8787', loopback],
    ['host.docker.internal:8787', loopback],
    ['192.168.1.5:8787', everywhere],
    ['budgetforce:8787', everywhere],
    ['laptop.example.com', { ...everywhere, allowedHosts: ['Laptop.example.com'] }],
  ])('answers to the host %j', (host, options) => {
    expect(check({ host }, options)).not.toThrow();
  });

  it.each([
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example:8787',
    'https://app.example.com.evil.example',
  ])('refuses the origin %s', (origin) => {
    const options = { ...loopback, allowedOrigins: [...loopback.allowedOrigins, 'https://app.example.com'] };
    expect(check({ host: 'localhost:8787', origin }, options)).toThrow('may not call it');
  });

  it.each([
    ['http://localhost:3000', 'localhost:8787', loopback],
    ['http://192.168.1.5:8787', '192.168.1.5:8787', everywhere],
    ['https://app.example.com', 'localhost:8787', { ...loopback, allowedOrigins: ['https://app.example.com'] }],
  ])('admits the origin %s at the host %s', (origin, host, options) => {
    expect(check({ host, origin }, options)).not.toThrow();
  });
});

describe('budgetforce start, on loopback', { timeout: 120_000 }, () => {
  let open: LocalServer;
  let locked: LocalServer;
  beforeAll(async () => {
    open = await startLocal({ port: 0, host: '127.0.0.1', allowedOrigins: ['https://app.example.com'] });
    locked = await startLocal({ port: 0, host: '127.0.0.1', apiKey: 'secret' });
  }, 120_000);
  afterAll(async () => {
    await open.close();
    await locked.close();
  });

  it('without a key a foreign host is a 403', async () => {
    expect(await send(open, { host: 'evil.example' })).toMatchObject({
      status: 403,
      body: expect.stringContaining('foreign_host'),
    });
    expect(await send(open, {})).toMatchObject({ status: 200 });
  });

  it('without a key a POST of a foreign page is a 403, and one of a configured origin is not', async () => {
    const post = async (origin: string) => await send(open, { origin, 'content-type': 'text/plain' }, '{}');
    expect(await post('https://evil.example')).toMatchObject({
      status: 403,
      body: expect.stringContaining('foreign_origin'),
    });
    expect((await post('https://app.example.com')).status).not.toBe(403);
  });

  it('with a key the key decides', async () => {
    expect(await send(locked, { host: 'evil.example', authorization: 'Bearer secret' })).toMatchObject({ status: 200 });
    expect(await send(locked, { host: 'evil.example' })).toMatchObject({ status: 401 });
  });
});

/** Sends GET /v1/models, or a POST of the chat. `fetch` would replace Host. */
async function send({ url }: LocalServer, headers: Record<string, string>, body?: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: string }>();
  const to = new URL(body === undefined ? '/v1/models' : '/v1/chat/completions', url);
  const sent = request(to, { method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => resolve({ status: response.statusCode, body: text }));
  });
  sent.on('error', reject);
  sent.end(body);
  return await promise;
}
