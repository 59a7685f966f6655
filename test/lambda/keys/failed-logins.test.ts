import { describe, expect, it } from 'vitest';
import { FailedLogins } from '../../../lambda/keys/failed-logins.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { scriptedApp } from '../scripted-world.ts';

/** An app with the key "right" and a clock. `statusOf` sends a request with a key from a source. */
function guarded() {
  const clock = { now: 1_000 };
  const { app } = scriptedApp([], {
    keyHashes: async () => [hashKey('right')],
    failedLogins: new FailedLogins(() => clock.now),
  });
  const send = async (source: string, key?: string) =>
    await app.request('/v1/models', key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }, {
      source,
    });
  const statusOf = async (source: string, key?: string) => (await send(source, key)).status;
  const guess = async (source: string, times: number) => {
    for (let count = 0; count < times; count++) await statusOf(source, `wrong${count}`);
  };
  return { clock, send, statusOf, guess };
}

describe('Failed logins', () => {
  it('a source with 30 of them within a minute gets 429 with Retry-After, and 401 again a minute later', async () => {
    const { clock, send, statusOf, guess } = guarded();
    await guess('192.0.2.1', 29);
    expect(await statusOf('192.0.2.1', 'wrong')).toBe(401);
    const refused = await send('192.0.2.1', 'wrong');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('60');
    clock.now += 60;
    expect(await statusOf('192.0.2.1', 'wrong')).toBe(401);
  });

  it('a guess beyond the limit does not learn that it is right', async () => {
    const { statusOf, guess } = guarded();
    await guess('192.0.2.1', 30);
    expect(await statusOf('192.0.2.1', 'right')).toBe(429);
  });

  it('a client whose key was valid before goes on behind the same address, and other addresses are not affected', async () => {
    const { statusOf, guess } = guarded();
    expect(await statusOf('192.0.2.1', 'right')).toBe(200);
    await guess('192.0.2.1', 40);
    expect(await statusOf('192.0.2.1', 'right')).toBe(200);
    expect(await statusOf('192.0.2.2', 'wrong')).toBe(401);
  });

  it('addresses of one IPv6 /64 count together, and IPv4 in IPv6 as IPv4', async () => {
    const { statusOf, guess } = guarded();
    await guess('2001:db8::1', 15);
    await guess('2001:db8:0:0:5::7', 15);
    expect(await statusOf('2001:0db8:0:0:ffff::', 'wrong')).toBe(429);
    expect(await statusOf('2001:db8:0:1::1', 'wrong')).toBe(401);
    await guess('::ffff:192.0.2.9', 30);
    expect(await statusOf('192.0.2.9', 'wrong')).toBe(429);
  });

  it('requests without a key do not count', async () => {
    const { statusOf } = guarded();
    for (let count = 0; count < 40; count++) expect(await statusOf('192.0.2.1')).toBe(401);
    expect(await statusOf('192.0.2.1', 'right')).toBe(200);
  });

  it('the memory is bounded: of 50,000 sources the last 10,000 are remembered', () => {
    const failed = new FailedLogins(() => 0);
    const fail = (source: string) => {
      for (let count = 0; count < 30; count++) failed.failed(source);
    };
    fail('first');
    for (let index = 0; index < 50_000; index++) failed.failed(`s${index}`);
    expect(() => failed.check('first', 'hash')).not.toThrow();
    fail('last');
    expect(() => failed.check('last', 'hash')).toThrow('not valid');
  });
});

describe('Retry-After', () => {
  it.each([
    [0, '60'],
    [0.5, '66'],
    [1, '72'],
  ])('is spread over a fifth: with the random number %d 60 s become %s', async (number, seconds) => {
    const failedLogins = new FailedLogins(() => 0);
    for (let count = 0; count < 30; count++) failedLogins.failed('a');
    const { app } = scriptedApp([], { keyHashes: async () => [], failedLogins, random: () => number });
    const refused = await app.request('/v1/models', { headers: { 'x-api-key': 'wrong' } }, { source: 'a' });
    expect(refused.headers.get('retry-after')).toBe(seconds);
  });
});
