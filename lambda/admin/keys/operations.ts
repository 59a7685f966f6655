import * as z from 'zod';
import { type ApiDescription, body, follow, ok, parameter, refused } from '../../apis/operation.ts';
import { listOf, text } from '../../apis/response-schemas.ts';
import { keyRecordSchema } from '../../keys/key-record.ts';
import { keyChangeSchema, newKeySchema, rotateSchema } from './request.ts';

const ofKey = ['changeKey', 'rotateKey', 'revokeKey'];
const keyId = parameter('path', 'id', { type: 'string' }, 'The id of a key, `key_…`.');

/** OpenAPI description of the keys. */
export const description: ApiDescription<'listKeys' | 'createKey' | 'changeKey' | 'revokeKey' | 'rotateKey'> = {
  operations: {
    listKeys: {
      tags: ['keys'],
      summary: 'List all keys, newest first',
      responses: { ...ok('KeyList'), ...refused('Error') },
    },
    createKey: {
      tags: ['keys'],
      summary: 'Create a key',
      requestBody: body('NewKey', { name: 'batch jobs', limits: { requests_per_minute: 60 }, expires_in_days: 90 }),
      responses: { ...ok('KeyWithValue', '201', follow(ofKey, { id: '$response.body#/id' })), ...refused('Error') },
    },
    changeKey: {
      tags: ['keys'],
      summary: 'Replace the limits of a key, or set whether its content may be stored',
      parameters: [keyId],
      requestBody: body('KeyChange', { limits: { tokens_per_day: 1_000_000 } }),
      responses: { ...ok('KeyChanged'), ...refused('Error') },
    },
    revokeKey: {
      tags: ['keys'],
      summary: 'Revoke a key with all its values',
      description: 'Its files, vector stores, batches and webhook are deleted.',
      parameters: [keyId],
      responses: { ...ok('KeyRevoked'), ...refused('Error') },
    },
    rotateKey: {
      tags: ['keys'],
      summary: 'Create a new value for a key',
      parameters: [keyId],
      requestBody: body('KeyRotation', { grace_seconds: 3_600 }),
      responses: { ...ok('KeyWithValue'), ...refused('Error') },
    },
  },
  requestSchemas: { NewKey: newKeySchema, KeyRotation: rotateSchema, KeyChange: keyChangeSchema },
  responseSchemas: {
    Key: keyRecordSchema,
    KeyList: listOf(keyRecordSchema),
    KeyWithValue: keyRecordSchema.extend({
      key: z.string().describe('The value of the key. It is shown only once and never stored.'),
    }),
    KeyChanged: z.strictObject({ id: z.string(), ...keyChangeSchema.shape }),
    KeyRevoked: z.strictObject({ id: text, revoked: z.literal(true) }),
  },
};
