import {
  type ApiDescription,
  answered,
  body,
  ok,
  parameter,
  refused,
  storeHeader,
  strictHeader,
} from '../operation.ts';
import { pageQuerySchema } from '../paging.ts';
import { responsesRequestSchema } from './request.ts';
import { deletedResponseSchema, inputItemListSchema, responseEventSchema, responseSchema } from './response-schemas.ts';
import { retrieveQuerySchema } from './stored-routes.ts';

const responseId = parameter('path', 'id', { type: 'string' }, 'The id of a stored response, `resp_…`.');

/** OpenAPI description of Responses. */
export const description: ApiDescription<
  'createResponse' | 'retrieveResponse' | 'deleteResponse' | 'cancelResponse' | 'listInputItems'
> = {
  operations: {
    createResponse: {
      tags: ['answers'],
      summary: 'Responses',
      description:
        'OpenAI’s dialect. With `store: true` the response is kept, if the deployment’s `retention.responsesDays` and the key’s `store` allow it. With `background: true` it runs after the answer to this request, for as long as it takes.',
      parameters: [strictHeader, storeHeader],
      requestBody: body('ResponseRequest', {
        model: 'my-model',
        input: 'What is 37 + 58 - 21 + 44?',
        reasoning: { effort: 'low' },
      }),
      responses: { ...answered('Response', 'ResponseEvent'), ...refused('Error', 'run') },
    },
    retrieveResponse: {
      tags: ['answers'],
      summary: 'Get a stored response, or its events',
      description:
        'With `stream=true`, the events of a response in the background: those that are there after `starting_after`, then those that come. A stream may end before the response does: go on with the last sequence number.',
      parameters: [responseId],
      query: retrieveQuerySchema,
      responses: { ...answered('Response', 'ResponseEvent'), ...refused('Error') },
    },
    deleteResponse: {
      tags: ['answers'],
      summary: 'Delete a stored response',
      description: 'It is cancelled if it runs.',
      parameters: [responseId],
      responses: { ...ok('ResponseDeleted'), ...refused('Error') },
    },
    cancelResponse: {
      tags: ['answers'],
      summary: 'Cancel a response in the background',
      description:
        'The model stops, and the response keeps its output so far. One that has ended is returned as it is.',
      parameters: [responseId],
      responses: { ...ok('Response'), ...refused('Error') },
    },
    listInputItems: {
      tags: ['answers'],
      summary: 'List the conversation of a stored response',
      parameters: [responseId],
      query: pageQuerySchema,
      responses: { ...ok('ResponseInputItems'), ...refused('Error') },
    },
  },
  requestSchemas: { ResponseRequest: responsesRequestSchema },
  responseSchemas: {
    Response: responseSchema,
    ResponseEvent: responseEventSchema,
    ResponseDeleted: deletedResponseSchema,
    ResponseInputItems: inputItemListSchema,
  },
};
