import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { slowJson } from '../../../lambda/http/slow-json.ts';

const onCancel = () => {};

describe('a slow JSON response', () => {
  it('a response in time is plain JSON, and a failure in time is thrown', async () => {
    const response = await slowJson(Promise.resolve({ a: 1 }), { onCancel, keepAliveMs: 50 });
    expect(await response.text()).toBe('{"a":1}');
    await expect(slowJson(Promise.reject(new Error('no')), { onCancel, keepAliveMs: 50 })).rejects.toThrow('no');
  });

  it('a slow response begins with white space, and is the same JSON', async () => {
    const response = await slowJson(sleep(80, { a: 1 }), { onCancel, keepAliveMs: 20 });
    const text = await response.text();
    expect(text).toMatch(/^\n+\{"a":1\}$/);
    expect(JSON.parse(text)).toEqual({ a: 1 });
  });

  it('a slow response that fails breaks off, so that no client takes it for an answer', async () => {
    const late = sleep(60).then(() => {
      throw new Error('late');
    });
    const response = await slowJson(late, { onCancel, keepAliveMs: 20 });
    await expect(response.text()).rejects.toThrow('late');
  });

  it('a slow response reports that the client disconnected', async () => {
    let gone = false;
    const response = await slowJson(sleep(500), { onCancel: () => (gone = true), keepAliveMs: 10 });
    await response.body?.cancel();
    expect(gone).toBe(true);
  });
});
