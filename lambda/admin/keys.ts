import type { Hono } from 'hono';
import * as z from 'zod';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import { parseBody } from '../http/parse-body.ts';
import { keyLimitsSchema } from '../keys/key-record.ts';
import type { KeyStore } from '../keys/key-store.ts';

export const newKeySchema = z.strictObject({
  /** What it is for. */
  name: z.string().min(1).max(128),
  limits: keyLimitsSchema.default({}),
  /** Days until it expires. */
  expires_in_days: z.number().gt(0).max(3_650).optional(),
});

export const rotateSchema = z.strictObject({
  /** How long the old value still holds. Seconds. */
  grace_seconds: z.int().min(0).max(2_592_000).default(0),
});

export const setLimitsSchema = z.strictObject({ limits: keyLimitsSchema });

/** `/v1/admin/keys`: makes, lists, changes, rotates and revokes keys. Their values are shown once. */
export function adminKeys(app: Hono<AppEnvironment>, { keys, unixTime, log }: AppDependencies): void {
  const store = (): KeyStore => {
    if (keys !== undefined) return keys;
    throw new ApiError(404, 'This deployment keeps no keys: its config names no table.', { code: 'no_key_store' });
  };
  const audit = (action: string, requestId: string, key: string) =>
    log('info', 'admin', { action, key, request_id: requestId });

  app.get('/v1/admin/keys', async (context) => context.json({ object: 'list', data: await store().list() }));

  app.post('/v1/admin/keys', async (context) => {
    const { name, limits, expires_in_days: days } = await parseBody(context.req.raw, newKeySchema);
    const expires = days === undefined ? undefined : unixTime() + Math.round(days * 86_400);
    const { record, key } = await store().create(name, limits, expires);
    audit('create key', context.get('requestId'), record.id);
    return context.json({ ...record, key }, 201);
  });

  app.patch('/v1/admin/keys/:id', async (context) => {
    const id = context.req.param('id');
    const { limits } = await parseBody(context.req.raw, setLimitsSchema);
    if (!(await store().setLimits(id, limits))) throw unknownKey(id);
    audit('set limits', context.get('requestId'), id);
    return context.json({ id, limits });
  });

  app.post('/v1/admin/keys/:id/rotate', async (context) => {
    const id = context.req.param('id');
    const { grace_seconds: grace } = await parseBody(context.req.raw, rotateSchema);
    const made = await store().rotate(id, grace);
    if (made === undefined) throw unknownKey(id);
    audit('rotate key', context.get('requestId'), id);
    return context.json({ ...made.record, key: made.key });
  });

  app.delete('/v1/admin/keys/:id', async (context) => {
    const id = context.req.param('id');
    if (!(await store().revoke(id))) throw unknownKey(id);
    audit('revoke key', context.get('requestId'), id);
    return context.json({ id, revoked: true });
  });
}

function unknownKey(id: string): ApiError {
  return new ApiError(404, `There is no valid key ${JSON.stringify(id.slice(0, 64))}. List them: GET /v1/admin/keys.`, {
    code: 'key_not_found',
  });
}
