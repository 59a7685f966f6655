import { afterEach, describe, expect, it } from 'vitest';
import { ForbiddenReceiverError, postEvent } from '../../../lambda/webhooks/post-event.ts';
import { startReceiver } from './receiver.ts';

const message = { headers: { 'webhook-id': 'evt_1' }, body: '{"id":"evt_1"}' };
const at = (...addresses: string[]) => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

let receiver: Awaited<ReturnType<typeof startReceiver>> | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

describe('postEvent', () => {
  it('posts the body with its headers and returns the status', async () => {
    receiver = await startReceiver([202]);
    expect(await postEvent(receiver.url, message, { allowLocal: true })).toBe(202);
    const [received] = receiver.received;
    expect(received?.body).toBe(message.body);
    expect(received?.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'evt_1' });
  });

  it('connects to the address that it checked, and resolves the name once', async () => {
    receiver = await startReceiver();
    const resolved: string[] = [];
    const resolve = async (host: string) => {
      resolved.push(host);
      // A second look-up would get the metadata service.
      return resolved.length === 1 ? at('127.0.0.1') : at('169.254.169.254');
    };
    const status = await postEvent(`http://hooks.example:${receiver.port}/a`, message, { allowLocal: true, resolve });
    expect(status).toBe(200);
    expect(resolved).toEqual(['hooks.example']);
    expect(receiver.received[0]?.headers.host).toBe(`hooks.example:${receiver.port}`);
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data', true],
    ['https://127.0.0.1/', false],
    ['https://[::1]/', false],
    ['https://[::ffff:127.0.0.1]/', true],
    // The URL parser writes them as 127.0.0.1.
    ['https://0x7f.1/', false],
    ['https://2130706433/', false],
    ['http://example.com/', false],
    ['ftp://example.com/', true],
    ['https://user:secret@example.com/', false],
    ['no URL', true],
  ])('refuses %s without a look-up (local allowed: %s)', async (url, allowLocal) => {
    const resolve = async () => {
      throw new Error('No name may be resolved.');
    };
    await expect(postEvent(url, message, { allowLocal, resolve })).rejects.toThrow(ForbiddenReceiverError);
  });

  it('refuses a name if one of its addresses is private', async () => {
    const resolve = async () => at('93.184.215.14', '10.0.0.1');
    await expect(postEvent('https://hooks.example/', message, { allowLocal: false, resolve })).rejects.toThrow(
      /10\.0\.0\.1, which is not public/,
    );
  });

  it('refuses a name of the metadata service although local receivers are allowed', async () => {
    const resolve = async () => at('169.254.169.254');
    await expect(postEvent('http://hooks.example/', message, { allowLocal: true, resolve })).rejects.toThrow(
      ForbiddenReceiverError,
    );
  });

  it('does not follow redirects', async () => {
    const target = await startReceiver();
    receiver = await startReceiver([307], { location: target.url });
    expect(await postEvent(receiver.url, message, { allowLocal: true })).toBe(307);
    expect(target.received).toHaveLength(0);
    await target.close();
  });

  it('gives up a receiver that does not answer in time', async () => {
    receiver = await startReceiver([0]);
    await expect(postEvent(receiver.url, message, { allowLocal: true, timeoutMs: 100 })).rejects.toThrow(/abort/i);
  });

  it('gives up a resolver that does not answer in time', async () => {
    const resolve = async () => await new Promise<never>(() => {});
    await expect(
      postEvent('https://hooks.example/', message, { allowLocal: false, resolve, timeoutMs: 50 }),
    ).rejects.toThrow(/timeout/i);
  });
});
