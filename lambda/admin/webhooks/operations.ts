import * as z from 'zod';
import { type ApiDescription, body, ok, parameter, refused } from '../../apis/operation.ts';
import { count, text, unixSeconds } from '../../apis/response-schemas.ts';
import { webhookEventTypes } from '../../webhooks/event.ts';
import { webhookSchema } from './request.ts';

const keyId = parameter(
  'path',
  'id',
  { type: 'string' },
  'The id of a key, `key_…`; `admin` for the admin key, `anonymous` for callers without a key.',
);

const webhookObjectSchema = z.strictObject({
  id: text.describe('Id of the key.'),
  object: z.literal('webhook'),
  url: text,
  events: z.array(z.enum(webhookEventTypes)),
  created_at: unixSeconds,
  previous_secret_until: unixSeconds.optional().describe('Time until which the secret before signs as well.'),
  disabled_at: unixSeconds.optional().describe('Set if the receiver answered 410: nothing more is sent.'),
});

/** OpenAPI description of webhooks. */
export const description: ApiDescription<'setWebhook' | 'getWebhook' | 'deleteWebhook'> = {
  operations: {
    setWebhook: {
      tags: ['keys'],
      summary: 'Set where events of a key are sent, with a new signing secret',
      parameters: [keyId],
      requestBody: body('WebhookSettings', { url: 'https://example.com/hooks', events: ['batch.completed'] }),
      responses: { ...ok('WebhookWithSecret'), ...refused('Error') },
    },
    getWebhook: {
      tags: ['keys'],
      summary: 'Get the webhook of a key, and the events that were given up',
      parameters: [keyId],
      responses: { ...ok('WebhookWithFailures'), ...refused('Error') },
    },
    deleteWebhook: {
      tags: ['keys'],
      summary: 'Delete the webhook of a key',
      description: 'Events that are still to be sent are dropped.',
      parameters: [keyId],
      responses: { ...ok('WebhookDeleted'), ...refused('Error') },
    },
  },
  requestSchemas: { WebhookSettings: webhookSchema },
  responseSchemas: {
    WebhookWithSecret: webhookObjectSchema.extend({
      secret: text.describe('Signing secret, `whsec_…`. It is shown only once.'),
    }),
    WebhookWithFailures: webhookObjectSchema.extend({
      failures: z.array(
        z.strictObject({
          event: text.describe('The `webhook-id`.'),
          type: z.enum(webhookEventTypes),
          data: z.strictObject({ id: text }),
          attempts: count,
          reason: text.describe('What the last attempt met: a status, or the name of an error.'),
          failed_at: unixSeconds,
        }),
      ),
    }),
    WebhookDeleted: z.strictObject({ id: text, object: z.literal('webhook'), deleted: z.literal(true) }),
  },
};
