import * as z from 'zod';
import { newKeySchema, rotateSchema, setLimitsSchema } from '../admin/keys.ts';
import { usageQuerySchema } from '../admin/usage.ts';
import { nativeBudgetFields } from '../apis/budget-fields.ts';
import { chatRequestSchema } from '../apis/chat/request.ts';
import { countTokensSchema, messagesRequestSchema } from '../apis/messages/request.ts';
import { responsesRequestSchema } from '../apis/responses/request.ts';
import { keyLimitsSchema, keyRecordSchema } from '../keys/key-record.ts';
import {
  loadAnswerSchema,
  scalingChangeSchema,
  scalingStatusSchema,
  scheduleBodySchema,
} from '../scaling/scaling-admin.ts';
import { operations } from './operations.ts';
import {
  budgetForcingSchema,
  chatChunkSchema,
  chatCompletionSchema,
  errorSchema,
  healthSchema,
  listOf,
  messageEventSchema,
  messageSchema,
  messagesErrorSchema,
  modelInfoSchema,
  responseEventSchema,
  responseSchema,
  revokedSchema,
  tokenCountSchema,
  usageRowSchema,
} from './response-schemas.ts';

/** What a client may send: the very schemas that parse it. */
const requests = {
  ChatCompletionRequest: chatRequestSchema,
  ResponseRequest: responsesRequestSchema,
  MessageRequest: messagesRequestSchema,
  CountTokensRequest: countTokensSchema,
  ThinkingBudget: nativeBudgetFields.thinking.unwrap(),
  NewKey: newKeySchema,
  KeyRotation: rotateSchema,
  KeyChange: setLimitsSchema,
  ScalingChange: scalingChangeSchema,
  ScalingSchedule: scheduleBodySchema,
} as const;

const answers = {
  BudgetForcing: budgetForcingSchema,
  ChatCompletion: chatCompletionSchema,
  ChatCompletionEvent: z.union([chatChunkSchema, errorSchema]),
  ChatCompletionChunk: chatChunkSchema,
  Response: responseSchema,
  ResponseEvent: responseEventSchema,
  Message: messageSchema,
  MessageEvent: messageEventSchema,
  TokenCount: tokenCountSchema,
  Model: modelInfoSchema,
  ModelList: listOf(modelInfoSchema),
  Usage: listOf(usageRowSchema).extend({ from: z.string(), to: z.string() }),
  Key: keyRecordSchema,
  KeyList: listOf(keyRecordSchema),
  KeyWithValue: keyRecordSchema.extend({ key: z.string().describe('Shown once, never stored.') }),
  KeyChanged: z.strictObject({ id: z.string(), limits: keyLimitsSchema }),
  KeyRevoked: revokedSchema,
  Load: loadAnswerSchema,
  Scaling: scalingStatusSchema,
  Health: healthSchema,
  Error: errorSchema,
  MessagesError: messagesErrorSchema,
} as const;

/** The OpenAPI 3.1 document of this API. Pure; some 30 ms of work, so it is made when it is first asked for. */
export function openApiDocument() {
  const schemas = { ...jsonSchemas(requests, 'input'), ...jsonSchemas(answers, 'output') };
  const query = jsonSchemas({ query: usageQuerySchema }, 'input')['query'];
  return {
    openapi: '3.1.1',
    info: {
      title: 'Budgetforce',
      version: '0.1.0',
      summary: 'Thinking as a budget.',
      description:
        'Chat Completions, Responses and Anthropic’s Messages in front of one’s own reasoning models, with budgets of thinking: at most, at least, and how often to think again. Every answer says what was forced in `budget_forcing`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '.', description: 'Beside this document.' }],
    security: [{ bearer: [] }, { apiKey: [] }, {}],
    tags: [
      { name: 'answers', description: 'Ask a model, in one of three dialects.' },
      { name: 'models', description: 'What is served, with its window, format, budgets and price.' },
      { name: 'usage', description: 'What was used.' },
      { name: 'scaling', description: 'Load and copies. What is under /v1/admin takes an admin key.' },
      { name: 'keys', description: 'Keys with limits of their own. These take an admin key.' },
      { name: 'service', description: 'About the service itself.' },
    ],
    paths: operations(query?.properties ?? {}),
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Where the deployment asks for a key.' },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description: 'The same, as Anthropic’s clients send it.',
        },
      },
    },
  };
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

function jsonSchemas(schemas: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => dropBoundsOfIntegers(jsonSchema),
  });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}

/** zod writes the bounds of safe integers; whoever reads JSON knows them. */
function dropBoundsOfIntegers(schema: JsonSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
