import * as z from 'zod';
import { type ApiDescription, failed, type Operation, ok } from '../apis/operation.ts';

const page = (summary: string): Operation => {
  const content = { 'text/html': { schema: { type: 'string' } } };
  return {
    tags: ['service'],
    summary,
    security: [{}],
    responses: { '200': { description: 'An HTML page that loads nothing from other hosts.', content }, ...failed },
  };
};

/** OpenAPI description of the pages, the health check and the document itself. */
export const description: ApiDescription<
  'getHealth' | 'getHealthAsVllm' | 'getIcon' | 'getDocument' | 'getReference' | 'getPlayground'
> = {
  operations: {
    getHealth: {
      tags: ['service'],
      summary: 'Check health',
      security: [{}],
      responses: { ...ok('Health'), ...failed },
    },
    getHealthAsVllm: {
      tags: ['service'],
      summary: 'Check health, by the path of vLLM',
      security: [{}],
      responses: { ...ok('Health'), ...failed },
    },
    getIcon: {
      tags: ['service'],
      summary: 'Get the icon of the pages',
      security: [{}],
      responses: {
        '200': { description: 'An SVG image.', content: { 'image/svg+xml': { schema: { type: 'string' } } } },
        ...failed,
      },
    },
    getDocument: {
      tags: ['service'],
      summary: 'Get this document',
      security: [{}],
      responses: {
        '200': {
          description: 'An OpenAPI 3.1 document.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        ...failed,
      },
    },
    getReference: page('Open the API reference'),
    getPlayground: page('Open the playground'),
  },
  responseSchemas: { Health: z.strictObject({ status: z.literal('ok') }) },
};
