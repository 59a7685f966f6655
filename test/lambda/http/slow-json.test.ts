import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { slowJson } from '../../../lambda/http/slow-json.ts';

const onCancel = () => {};

describe('an answer that takes long', () => {
  it('is plain JSON where it comes in time, and its failure is thrown', async () => {
    const response = await slowJson(Promise.resolve({ a: 1 }), { onCancel, patienceMs: 50 });
    expect(await response.text()).toBe('{"a":1}');
    await expect(slowJson(Promise.reject(new Error('no')), { onCancel, patienceMs: 50 })).rejects.toThrow('no');
  });

  it('begins with white space after a while, and is still the same JSON', async () => {
    const response = await slowJson(sleep(80, { a: 1 }), { onCancel, patienceMs: 20 });
    const text = await response.text();
    expect(text).toMatch(/^\n+\{"a":1\}$/);
    expect(JSON.parse(text)).toEqual({ a: 1 });
  });

  it('breaks off where it fails after that: no client takes it for an answer', async () => {
    const late = sleep(60).then(() => {
      throw new Error('late');
    });
    const response = await slowJson(late, { onCancel, patienceMs: 20 });
    await expect(response.text()).rejects.toThrow('late');
  });

  it('tells when nobody waits for it any more', async () => {
    let gone = false;
    const response = await slowJson(sleep(500), { onCancel: () => (gone = true), patienceMs: 10 });
    await response.body?.cancel();
    expect(gone).toBe(true);
  });
});
