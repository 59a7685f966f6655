import { defineApi, route } from '../../apis/api.ts';
import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import { parseBody } from '../../http/parse-body.ts';
import type { KeyStore } from '../../keys/key-store.ts';
import { audit, unknownKey } from './key-routes.ts';
import { keyChangeSchema, newKeySchema, rotateSchema } from './request.ts';

/** `/v1/admin/keys`: lists, creates, changes, rotates and revokes keys. The value of a key is shown only once. */
export const keys = defineApi({
  routes: {
    listKeys: route('GET', '/v1/admin/keys', (dependencies) => async (context) => {
      return context.json({ object: 'list', data: await storeOf(dependencies).list() });
    }),
    createKey: route('POST', '/v1/admin/keys', (dependencies) => async (context) => {
      const body = await parseBody(context.req.raw, newKeySchema);
      const { name, limits, store, raw_prompts: rawPrompts, expires_in_days: days } = body;
      const expires = days === undefined ? undefined : dependencies.unixTime() + Math.round(days * 86_400);
      const { record, key } = await storeOf(dependencies).create(name, { limits, store, rawPrompts, expires });
      audit(dependencies, 'create key', context.get('requestId'), record.id);
      return context.json({ ...record, key }, 201);
    }),
    changeKey: route('PATCH', '/v1/admin/keys/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      const change = await parseBody(context.req.raw, keyChangeSchema);
      if (!(await storeOf(dependencies).change(id, change))) throw unknownKey(id);
      if (change.limits !== undefined) audit(dependencies, 'set limits', context.get('requestId'), id);
      if (change.store !== undefined) audit(dependencies, 'set store', context.get('requestId'), id);
      if (change.raw_prompts !== undefined) audit(dependencies, 'set raw prompts', context.get('requestId'), id);
      return context.json({ id, ...change });
    }),
    revokeKey: route('DELETE', '/v1/admin/keys/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      const revoked = await storeOf(dependencies).revoke(id);
      if (revoked) audit(dependencies, 'revoke key', context.get('requestId'), id);
      // Its files and stores belong to nobody else. Also of a key that was revoked before, whose deletion may have failed.
      await dependencies.batches?.store.deleteAll(id);
      await dependencies.webhooks?.store.remove(id);
      if (dependencies.documents === undefined) await dependencies.files?.deleteAll(id);
      await dependencies.documents?.stores.deleteAll(id);
      if (!revoked) throw unknownKey(id);
      return context.json({ id, revoked: true });
    }),
    rotateKey: route('POST', '/v1/admin/keys/:id/rotate', (dependencies) => async (context) => {
      const id = context.req.param('id');
      const { grace_seconds: grace } = await parseBody(context.req.raw, rotateSchema);
      const rotated = await storeOf(dependencies).rotate(id, grace);
      if (rotated === undefined) throw unknownKey(id);
      audit(dependencies, 'rotate key', context.get('requestId'), id);
      return context.json({ ...rotated.record, key: rotated.key });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

function storeOf({ keys }: AppDependencies): KeyStore {
  if (keys !== undefined) return keys;
  throw new ApiError(404, 'This deployment has no key store. Set a table in its config.', { code: 'no_key_store' });
}
