import { type ApiDescription, answered, body, refused, storeHeader, strictHeader } from '../operation.ts';
import { responsesRequestSchema } from './request.ts';
import { responseEventSchema, responseSchema } from './response-schemas.ts';

/** OpenAPI description of Responses. */
export const description: ApiDescription<'createResponse'> = {
  operations: {
    createResponse: {
      tags: ['answers'],
      summary: 'Responses',
      description:
        'OpenAI’s dialect. Responses are not stored: `previous_response_id` is an error, and `store: true` is reported in `budget_forcing.ignored`, as other fields without effect are.',
      parameters: [strictHeader, storeHeader],
      requestBody: body('ResponseRequest', {
        model: 'my-model',
        input: 'What is 37 + 58 - 21 + 44?',
        reasoning: { effort: 'low' },
      }),
      responses: { ...answered('Response', 'ResponseEvent'), ...refused('Error', 'run') },
    },
  },
  unknownNulls: true,
  requestSchemas: { ResponseRequest: responsesRequestSchema },
  responseSchemas: { Response: responseSchema, ResponseEvent: responseEventSchema },
};
