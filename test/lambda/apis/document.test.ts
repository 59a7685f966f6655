import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { servedApis } from '../../../lambda/app.ts';
import { openApiDocument } from '../../../lambda/openapi/document.ts';

const document = await openApiDocument(servedApis);

/** Each node of the document that is an object or a list, with its path. */
function* nodesOf(value: unknown, path = '#'): Generator<readonly [path: string, node: object]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value];
  for (const [name, child] of Object.entries(value)) yield* nodesOf(child, `${path}/${name}`);
}
const nodes = [...nodesOf(document)];
const schemas = Object.entries(document.components.schemas);

/** Values of a field wherever it is, with the paths of their nodes. */
function valuesOf(field: string): readonly (readonly [string, unknown])[] {
  return nodes.flatMap(([path, node]) => {
    const value: unknown = Object.hasOwn(node, field) ? Reflect.get(node, field) : undefined;
    // Under `properties` the name is that of a field of the API.
    return value === undefined || path.endsWith('/properties') ? [] : [[path, value] as const];
  });
}

describe('the document of the API', () => {
  it('names only schemas that it has, and uses all of them', () => {
    const references = valuesOf('$ref').map(([, reference]) => String(reference));
    for (const reference of references) {
      const name = /^#\/components\/schemas\/(\w+)/.exec(reference)?.[1] ?? reference;
      expect(document.components.schemas, reference).toHaveProperty(name);
    }
    expect(references.length).toBeGreaterThan(100);
  });

  it('has no empty description, summary, title or example', () => {
    for (const field of ['description', 'summary', 'title', 'operationId']) {
      for (const [path, text] of valuesOf(field)) {
        if (typeof text === 'string') expect(text, `${field} of ${path}`).toMatch(/^\S(?:[\s\S]*\S)?$/);
      }
    }
  });

  it('allows no empty word where it lists the words', () => {
    for (const [path, words] of [...valuesOf('enum'), ...valuesOf('required')]) {
      if (!Array.isArray(words)) continue;
      expect(words.length, path).toBeGreaterThan(0);
      for (const word of words) expect(word, path).not.toBe('');
    }
    // No suffix is the only one that the model can take, and no thought is signed.
    const empty = valuesOf('const').filter(([, word]) => word === '');
    expect(empty.map(([path]) => path)).toEqual([
      expect.stringContaining('CompletionRequest/properties/suffix'),
      expect.stringContaining('properties/signature'),
    ]);
  });

  it('has a body, a way to fail and an id of the request for each operation', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const name = `${method} ${path}`;
        const statuses = Object.keys(operation.responses);
        expect(
          statuses.some((status) => status.startsWith('2')),
          name,
        ).toBe(true);
        for (const [status, response] of Object.entries(operation.responses)) {
          const content: unknown = Reflect.get(response, 'content');
          if (typeof content !== 'object' || content === null) continue;
          for (const [type, media] of Object.entries(content)) {
            expect(type, `${name} ${status}`).toMatch(/^[a-z]+\/[a-z*+-]+$/);
            expect(Object.keys(Object(media)), `${name} ${status} ${type}`).toContain('schema');
          }
          expect(Object.keys(content).length, `${name} ${status}`).toBeGreaterThan(0);
        }
      }
    }
  });

  it('has the headers of an answer, each with what it says', () => {
    const paths = ['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/completions'];
    for (const path of paths) {
      const { headers } = z
        .looseObject({ headers: z.record(z.string(), z.looseObject({ description: z.string() })) })
        .parse(document.paths[path]?.['post']?.responses['200']);
      expect(Object.keys(headers)).toEqual(
        expect.arrayContaining([
          'x-request-id',
          'x-thinking-min-tokens',
          'x-thinking-max-tokens',
          'x-thinking-waits',
          'x-thinking-set-by',
          'x-budgetforce-ignored',
          'x-thinking-shrunk-by',
        ]),
      );
    }
  });

  it.each(schemas)('%s has fields, unless any are allowed', (_, schema) => {
    for (const [path, node] of nodesOf(schema)) {
      // A bias of no token is the only one that the model can take.
      if (path.startsWith('#/properties/logit_bias/')) continue;
      if (Reflect.get(node, 'type') !== 'object' || path.endsWith('/properties')) continue;
      const fields = Object.keys(Reflect.get(node, 'properties') ?? {});
      const open = Reflect.get(node, 'additionalProperties') !== false;
      expect(fields.length > 0 || open, path).toBe(true);
    }
  });
});
