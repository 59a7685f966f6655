import { type ApiDescription, answered, body, ok, refused, storeHeader, strictHeader } from '../operation.ts';
import { countTokensSchema, messagesRequestSchema } from './request.ts';
import { messageEventSchema, messageSchema, messagesErrorSchema, tokenCountSchema } from './response-schemas.ts';

const messages = [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }] as const;

/** OpenAPI description of Messages. */
export const description: ApiDescription<'createMessage' | 'countTokens'> = {
  operations: {
    createMessage: {
      tags: ['answers'],
      summary: 'Messages',
      description:
        'Anthropic’s dialect, with its shape of errors. Fields without effect are accepted and reported in `budget_forcing.ignored`.',
      parameters: [strictHeader, storeHeader],
      requestBody: body('MessageRequest', {
        model: 'my-model',
        max_tokens: 2_048,
        messages,
        thinking: { type: 'enabled', budget_tokens: 1_024 },
      }),
      responses: { ...answered('Message', 'MessageEvent'), ...refused('MessagesError', 'run') },
    },
    countTokens: {
      tags: ['answers'],
      summary: 'Count the tokens of a conversation without running it',
      parameters: [strictHeader],
      requestBody: body('CountTokensRequest', { model: 'my-model', messages }),
      responses: { ...ok('TokenCount'), ...refused('MessagesError') },
    },
  },
  unknownNulls: true,
  requestSchemas: { MessageRequest: messagesRequestSchema, CountTokensRequest: countTokensSchema },
  responseSchemas: {
    Message: messageSchema,
    MessageEvent: messageEventSchema,
    TokenCount: tokenCountSchema,
    MessagesError: messagesErrorSchema,
  },
};
