import { defineApi, route } from '../../apis/api.ts';
import type { AppDependencies } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { parseBody } from '../../http/parse-body.ts';
import type { Webhook } from '../../webhooks/webhook-store.ts';
import { webhookUrlProblem } from '../../webhooks/webhook-url.ts';
import type { Webhooks } from '../../webhooks/webhooks.ts';
import { audit, unknownKey } from '../keys/key-routes.ts';
import { webhookSchema } from './request.ts';

/** Failures that a webhook shows. */
const MAX_FAILURES = 20;
/** Callers that are no keys of the store: the admin key, and every caller if authentication is off. */
const BUILT_IN: readonly string[] = ['admin', 'anonymous'];

/** `/v1/admin/keys/{id}/webhook`: where events of a key are sent. The signing secret is shown only once. */
export const adminWebhooks = defineApi({
  routes: {
    setWebhook: route('PUT', '/v1/admin/keys/:id/webhook', (dependencies) => async (context) => {
      const webhooks = requireWebhooks(dependencies);
      const id = context.req.param('id');
      const { grace_seconds: grace, ...wanted } = await parseBody(context.req.raw, webhookSchema);
      const problem = webhookUrlProblem(wanted.url, webhooks);
      if (problem !== undefined) throw invalidRequest('url', `url ${problem}.`);
      if (!BUILT_IN.includes(id) && !(await exists(dependencies, id))) throw unknownKey(id);
      const webhook = await webhooks.store.set(id, wanted, grace);
      audit(dependencies, 'set webhook', context.get('requestId'), id);
      return context.json({ ...toObject(id, webhook), secret: await webhooks.secretOf(id, webhook) });
    }),
    getWebhook: route('GET', '/v1/admin/keys/:id/webhook', (dependencies) => async (context) => {
      const { store } = requireWebhooks(dependencies);
      const id = context.req.param('id');
      const webhook = await store.find(id);
      if (webhook === undefined) throw noWebhook(id);
      const failures = await store.failures(id, MAX_FAILURES);
      return context.json({
        ...toObject(id, webhook),
        failures: failures.map(({ event, type, data, attempts, reason, at }) => ({
          ...{ event, type, data: { id: data }, attempts, reason, failed_at: at },
        })),
      });
    }),
    deleteWebhook: route('DELETE', '/v1/admin/keys/:id/webhook', (dependencies) => async (context) => {
      const { store } = requireWebhooks(dependencies);
      const id = context.req.param('id');
      if (!(await store.remove(id))) throw noWebhook(id);
      audit(dependencies, 'delete webhook', context.get('requestId'), id);
      return context.json({ id, object: 'webhook', deleted: true });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

function toObject(id: string, { url, events, created, previous, disabled }: Webhook) {
  return {
    ...{ id, object: 'webhook' as const, url, events, created_at: created },
    ...(previous === undefined ? {} : { previous_secret_until: previous.until }),
    ...(disabled === undefined ? {} : { disabled_at: disabled }),
  };
}

function requireWebhooks({ webhooks }: AppDependencies): Webhooks {
  if (webhooks !== undefined) return webhooks;
  throw new ApiError(404, 'This deployment sends no webhooks. Set api.webhooks in its config.', {
    code: 'webhooks_off',
  });
}

async function exists({ keys }: AppDependencies, id: string): Promise<boolean> {
  return (await keys?.findById(id)) !== undefined;
}

function noWebhook(id: string): ApiError {
  return new ApiError(404, `Key ${JSON.stringify(id.slice(0, 64))} has no webhook. PUT sets one.`, {
    code: 'webhook_not_found',
  });
}
