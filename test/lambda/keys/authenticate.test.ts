import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { authenticate, type KnownKeys } from '../../../lambda/keys/authenticate.ts';
import { FailedLogins } from '../../../lambda/keys/failed-logins.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import type { KeyRecord } from '../../../lambda/keys/key-record.ts';

const record: KeyRecord = {
  id: 'key_1',
  name: 'a team',
  ends_in: 'team',
  created: 0,
  limits: { requests_per_minute: 5 },
  store: true,
  raw_prompts: true,
};
const admin: KnownKeys = { adminHashes: async () => [hashKey('other'), hashKey('admin-key')] };
const store: KnownKeys = { store: { find: async (key) => (key === 'team-key' ? record : undefined) } };
const bearer = (key: string) => new Headers({ authorization: `Bearer ${key}` });
const callerOfKey = { id: 'key_1', admin: false, limits: { requests_per_minute: 5 }, rawPrompts: true, store: true };
const invalid = { status: 401, code: 'invalid_api_key', headers: { 'www-authenticate': 'Bearer' } };
const missing = { status: 401, code: 'missing_api_key', headers: { 'www-authenticate': 'Bearer' } };

describe('the caller of a request', () => {
  it('is the admin with any of the admin keys', async () => {
    for (const key of ['admin-key', 'other']) {
      expect(await authenticate(bearer(key), admin)).toEqual({ id: 'admin', admin: true, limits: {} });
    }
  });

  it('has the rights and limits of a key of the store, and no more', async () => {
    expect(await authenticate(bearer('team-key'), { ...admin, ...store })).toEqual(callerOfKey);
    expect(await authenticate(bearer('team-key'), store)).toEqual(callerOfKey);
  });

  it('is anonymous with all permissions if no admin keys are configured', async () => {
    const anonymous = { id: 'anonymous', admin: true, limits: {} };
    expect(await authenticate(new Headers(), {})).toEqual(anonymous);
    expect(await authenticate(bearer('anything'), {})).toEqual(anonymous);
    expect(await authenticate(bearer('anything'), store)).toEqual(anonymous);
  });

  it('is refused without a key, or with one that is not valid', async () => {
    await expect(authenticate(new Headers(), admin)).rejects.toMatchObject({
      ...missing,
      message: 'Missing API key. Send it as the header "Authorization: Bearer KEY".',
    });
    await expect(authenticate(bearer('wrong'), { ...admin, ...store })).rejects.toMatchObject({
      ...invalid,
      message: 'This API key is not valid.',
    });
  });

  it.each([
    ['Bearer admin-key', true],
    ['bearer   admin-key  ', true],
    ['Bearer admin-key more', false],
    ['Basic admin-key', false],
    ['my Bearer admin-key', false],
    ['Beareradmin-key', false],
  ])('with the header "%s" sends a key: %s', async (authorization, valid) => {
    const caller = authenticate(new Headers({ authorization }), admin);
    await (valid
      ? expect(caller).resolves.toMatchObject({ id: 'admin' })
      : expect(caller).rejects.toMatchObject(missing));
  });

  it('may send its key as Anthropic clients do, and the header of OpenAI clients comes first', async () => {
    expect(await authenticate(new Headers({ 'x-api-key': 'admin-key' }), admin)).toMatchObject({ id: 'admin' });
    const both = new Headers({ 'x-api-key': 'admin-key', authorization: 'Bearer wrong' });
    await expect(authenticate(both, admin)).rejects.toMatchObject(invalid);
  });

  it('is known by the SHA-256 of its key, in UTF-8', () => {
    expect(hashKey('clé').toString('hex')).toBe(createHash('sha256').update(Buffer.from('clé')).digest('hex'));
    // Example of FIPS 180-2, appendix B.1.
    expect(hashKey('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('the failed logins of a source', () => {
  const from = (failedLogins: FailedLogins, source: string | undefined, key: string, known: KnownKeys = admin) =>
    authenticate(bearer(key), { ...known, failedLogins, source });
  const failTimes = async (failedLogins: FailedLogins, source: string | undefined, times: number) => {
    for (let count = 0; count < times; count++) await from(failedLogins, source, 'wrong').catch(() => undefined);
  };

  it('are refused with a code and the seconds until the window ends', async () => {
    let now = 1_000;
    const failedLogins = new FailedLogins(() => now);
    await failTimes(failedLogins, 'a', 30);
    now += 25;
    await expect(from(failedLogins, 'a', 'wrong')).rejects.toMatchObject({
      status: 429,
      code: 'too_many_failed_logins',
      headers: { 'retry-after': '35' },
      message: 'Too many requests with keys that are not valid. Retry in 35 s with a valid key.',
    });
  });

  it('are not counted without a source', async () => {
    const failedLogins = new FailedLogins(() => 0);
    await failTimes(failedLogins, undefined, 40);
    await expect(from(failedLogins, undefined, 'wrong')).rejects.toMatchObject(invalid);
  });

  it('are counted by windows that begin with a failure and last a minute', async () => {
    let now = 1_000;
    const failedLogins = new FailedLogins(() => now);
    await failTimes(failedLogins, 'a', 29);
    now += 59;
    await failTimes(failedLogins, 'a', 1);
    await expect(from(failedLogins, 'a', 'wrong')).rejects.toMatchObject({ status: 429 });
    now += 1;
    // The window is over: this failure begins the next one.
    await failTimes(failedLogins, 'a', 29);
    await expect(from(failedLogins, 'a', 'wrong')).rejects.toMatchObject(invalid);
    await expect(from(failedLogins, 'a', 'wrong')).rejects.toMatchObject({ status: 429 });
  });

  it('do not count failures of the table', async () => {
    const failedLogins = new FailedLogins(() => 0);
    const broken: KnownKeys = {
      store: {
        find: async () => {
          throw new Error('The table is in trouble.');
        },
      },
    };
    for (let count = 0; count < 40; count++) {
      await expect(from(failedLogins, 'a', 'team-key', broken)).rejects.toThrow('in trouble');
    }
    expect(await from(failedLogins, 'a', 'admin-key')).toMatchObject({ id: 'admin' });
  });

  it('do not remember a key as valid because no key is needed', async () => {
    const failedLogins = new FailedLogins(() => 0);
    await from(failedLogins, 'a', 'anything', {});
    await failTimes(failedLogins, 'a', 30);
    await expect(from(failedLogins, 'a', 'anything')).rejects.toMatchObject({ status: 429 });
  });

  it.each([
    ['2001:db8::1', '2001:0db8:0000:0000:ffff::', true],
    ['2001:db8::1', '2001:DB8::2', true],
    ['2001:db8:a:b::1', '2001:db8:a:b:1:2:3:4', true],
    ['2001:db8:a:b::1', '2001:db8:a:c::1', false],
    ['::1', '0:0:0:0:5:6:7:8', true],
    ['::1:2:3:4:5:6', '0:0:1:2:9::', true],
    ['::1:2:3:4:5:6', '::1', false],
    ['1::', '1:0:0:0:0:0:0:9', true],
    ['1:2::3', '1:2:0:0::9', true],
    ['::ffff:192.0.2.9', '192.0.2.9', true],
    ['::FFFF:192.0.2.129', '192.0.2.129', true],
    ['::ffff:192.0.2.129', '192.0.2.12', false],
    // Not an IPv4 address in IPv6, so the /64 of ::.
    ['::ffff:192.0.2.9.9', '192.0.2.9', false],
    ['192.0.2.1', '192.0.2.2', false],
  ])('of %s and of %s count together: %s', async (one, other, together) => {
    const failedLogins = new FailedLogins(() => 0);
    await failTimes(failedLogins, one, 30);
    await expect(from(failedLogins, other, 'wrong')).rejects.toMatchObject({ status: together ? 429 : 401 });
  });

  it('of a source that fails again count as its latest: others are forgotten first', () => {
    let now = 0;
    const failedLogins = new FailedLogins(() => now);
    failedLogins.failed('again');
    failedLogins.failed('once');
    now = 100;
    for (let count = 0; count < 30; count++) failedLogins.failed('again');
    for (let index = 0; index < 9_999; index++) failedLogins.failed(`s${index}`);
    expect(() => failedLogins.check('again', 'hash')).toThrow('not valid');
    failedLogins.failed('one more');
    expect(() => failedLogins.check('again', 'hash')).not.toThrow();
  });

  it('of 10,000 valid keys the one that was seen first is forgotten', () => {
    const failedLogins = new FailedLogins(() => 0);
    for (let count = 0; count < 30; count++) failedLogins.failed('a');
    for (let index = 0; index < 10_000; index++) failedLogins.succeeded(`key ${index}`);
    expect(() => failedLogins.check('a', 'key 0')).not.toThrow();
    failedLogins.succeeded('key 10000');
    expect(() => failedLogins.check('a', 'key 0')).toThrow('not valid');
    expect(() => failedLogins.check('a', 'key 1')).not.toThrow();
  });
});
