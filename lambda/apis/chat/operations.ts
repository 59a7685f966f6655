import * as z from 'zod';
import { type ApiDescription, answered, body, refused, storeHeader, strictHeader } from '../operation.ts';
import { errorSchema } from '../response-schemas.ts';
import { chatRequestSchema } from './request.ts';
import { chatChunkSchema, chatCompletionSchema } from './response-schemas.ts';

/** OpenAPI description of Chat Completions. */
export const description: ApiDescription<'createChatCompletion'> = {
  operations: {
    createChatCompletion: {
      tags: ['answers'],
      summary: 'Chat Completions',
      description:
        'OpenAI’s dialect. A field that asks for something unsupported is an error that names it. A field without effect is accepted and reported in `budget_forcing.ignored`; with the header `x-budgetforce-strict: true` it is an error, too. With `stream: true`, the response is server-sent events.',
      parameters: [strictHeader, storeHeader],
      requestBody: body('ChatCompletionRequest', {
        model: 'my-model',
        messages: [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }],
        thinking: { min_tokens: 64, max_tokens: 512 },
      }),
      responses: { ...answered('ChatCompletion', 'ChatCompletionEvent'), ...refused('Error', 'run') },
    },
  },
  unknownNulls: true,
  requestSchemas: { ChatCompletionRequest: chatRequestSchema },
  responseSchemas: {
    ChatCompletion: chatCompletionSchema,
    ChatCompletionEvent: z.union([chatChunkSchema, errorSchema]),
    ChatCompletionChunk: chatChunkSchema,
  },
};
