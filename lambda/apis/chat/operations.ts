import * as z from 'zod';
import { type ApiDescription, answered, body, refused } from '../operation.ts';
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
        'OpenAI’s dialect. An unsupported field is an error that names it, never ignored. With `stream: true`, the response is server-sent events.',
      requestBody: body('ChatCompletionRequest', {
        model: 'my-model',
        messages: [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }],
        thinking: { min_tokens: 64, max_tokens: 512 },
      }),
      responses: { ...answered('ChatCompletion', 'ChatCompletionEvent'), ...refused('Error', 'run') },
    },
  },
  requestSchemas: { ChatCompletionRequest: chatRequestSchema },
  responseSchemas: {
    ChatCompletion: chatCompletionSchema,
    ChatCompletionEvent: z.union([chatChunkSchema, errorSchema]),
    ChatCompletionChunk: chatChunkSchema,
  },
};
