import * as z from 'zod';
import { type ApiDescription, failed, type Operation, ok } from '../apis/operation.ts';

const page = (summary: string): Operation => {
  const content = { 'text/html': { schema: { type: 'string' } } };
  return {
    tags: ['service'],
    summary,
    security: [{}],
    responses: { '200': { description: 'A page that loads nothing from another host.', content }, ...failed },
  };
};

/** The pages, the health check and the document itself in the OpenAPI document. */
export const description: ApiDescription<'getHealth' | 'getDocument' | 'getReference' | 'getPlayground'> = {
  operations: {
    getHealth: {
      tags: ['service'],
      summary: 'Whether it runs',
      security: [{}],
      responses: { ...ok('Health'), ...failed },
    },
    getDocument: {
      tags: ['service'],
      summary: 'This document',
      security: [{}],
      responses: {
        '200': { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
        ...failed,
      },
    },
    getReference: page('This document, for people'),
    getPlayground: page('The playground'),
  },
  responseSchemas: { Health: z.strictObject({ status: z.literal('ok') }) },
};
