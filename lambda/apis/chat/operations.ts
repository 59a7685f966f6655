import * as z from 'zod';
import {
  type ApiDescription,
  accepted,
  answered,
  body,
  ok,
  parameter,
  preferHeader,
  refused,
  storeHeader,
  strictHeader,
} from '../operation.ts';
import { errorSchema } from '../response-schemas.ts';
import { chatRequestSchema } from './request.ts';
import { chatChunkSchema, chatCompletionSchema, chatDeletedSchema, chatPendingSchema } from './response-schemas.ts';

const completionId = parameter('path', 'id', { type: 'string' }, 'The id of a completion, `chatcmpl-…`.');

/** OpenAPI description of Chat Completions. */
export const description: ApiDescription<'createChatCompletion' | 'retrieveChatCompletion' | 'deleteChatCompletion'> = {
  operations: {
    createChatCompletion: {
      tags: ['answers'],
      summary: 'Chat Completions',
      description:
        'OpenAI’s dialect. A field that asks for something unsupported is an error that names it. A field without effect is accepted and reported in `budget_forcing.ignored`; with the header `x-budgetforce-strict: true` it is an error, too. With `stream: true`, the response is server-sent events.',
      parameters: [strictHeader, storeHeader, preferHeader],
      requestBody: body('ChatCompletionRequest', {
        model: 'my-model',
        messages: [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }],
        thinking: { min_tokens: 64, max_tokens: 512 },
      }),
      responses: {
        ...answered('ChatCompletion', 'ChatCompletionEvent'),
        ...accepted('ChatCompletionPending', 'retrieveChatCompletion'),
        ...refused('Error', 'run'),
      },
    },
    retrieveChatCompletion: {
      tags: ['answers'],
      summary: 'Get a completion that runs in the background',
      parameters: [completionId],
      responses: {
        ...ok('ChatCompletion'),
        ...accepted('ChatCompletionPending', 'retrieveChatCompletion'),
        ...refused('Error', 'run'),
      },
    },
    deleteChatCompletion: {
      tags: ['answers'],
      summary: 'Delete a completion that ran in the background',
      description: 'It is cancelled if it runs.',
      parameters: [completionId],
      responses: { ...ok('ChatCompletionDeleted'), ...refused('Error') },
    },
  },
  unknownNulls: true,
  requestSchemas: { ChatCompletionRequest: chatRequestSchema },
  responseSchemas: {
    ChatCompletion: chatCompletionSchema,
    ChatCompletionPending: chatPendingSchema,
    ChatCompletionDeleted: chatDeletedSchema,
    ChatCompletionEvent: z.union([chatChunkSchema, errorSchema]),
    ChatCompletionChunk: chatChunkSchema,
  },
};
