import type * as z from 'zod';

/** What the OpenAPI document says of one API: each operation by its id, and the schemas that they name. */
export interface ApiDescription<OperationId extends string = string> {
  readonly operations: Readonly<Record<OperationId, Operation>>;
  /** What a client may send: the very schemas that parse it. By their names under `components.schemas`. */
  readonly requestSchemas?: NamedSchemas;
  /** What the API responds with. The tests validate every real response against these. */
  readonly responseSchemas?: NamedSchemas;
}

export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

/** An operation of OpenAPI 3.1. Its id, method and path come from the route. */
export interface Operation {
  readonly tags: readonly [Tag];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly OpenApiObject[];
  readonly parameters?: readonly OpenApiObject[];
  /** The schema that parses the query: each of its fields becomes a parameter. */
  readonly query?: z.ZodObject;
  readonly requestBody?: OpenApiObject;
  readonly responses: Readonly<Record<string, OpenApiObject>>;
}

/** A part of the document as it is written there. */
export type OpenApiObject = Readonly<Record<string, unknown>>;

/** The chapters of the document, in its order. */
export const tags = {
  answers: 'Ask a model, in one of three dialects.',
  models: 'What is served, with its window, format, budgets and price.',
  usage: 'What was used.',
  scaling: 'Load and copies. What is under /v1/admin takes an admin key.',
  keys: 'Keys with limits of their own. These take an admin key.',
  service: 'About the service itself.',
} as const;
export type Tag = keyof typeof tags;

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: reference(name) } });
const header = (description: string) => ({ description, schema: { type: 'string' } });
const requestId = { 'x-request-id': header('The log has the request under it.') };

export function parameter(place: 'path' | 'query', name: string, schema: unknown, description?: string): OpenApiObject {
  const described = description === undefined ? {} : { description };
  return { name, in: place, required: place === 'path', schema, ...described };
}

/** A JSON body of the named schema. `example`: shown in the document, and held against the schema by the tests. */
export function body(name: string, example: unknown): OpenApiObject {
  return { required: true, content: { 'application/json': { schema: reference(name), example } } };
}

/** A successful response of the named schema. */
export function ok(name: string, status = '200'): Readonly<Record<string, OpenApiObject>> {
  return { [status]: { description: 'Done.', headers: requestId, content: json(name) } };
}

/** The answer of a model: whole, or as events. Each is the name of a schema. */
export function answered(whole: string, event: string): Readonly<Record<string, OpenApiObject>> {
  return {
    '200': {
      description: 'The answer; with `stream: true` as events.',
      headers: {
        ...requestId,
        'x-thinking-min-tokens': header('Thinking tokens at least: the limit in force.'),
        'x-thinking-max-tokens': header('Thinking tokens at most: the limit in force.'),
        'x-thinking-waits': header('Waits at most: the limit in force.'),
        'x-thinking-set-by': header('Who set each limit: a field of the request, `default`, or what made it shrink.'),
        'x-thinking-wanted-tokens': header('Thinking tokens that were asked for at most, where the load is looked at.'),
        'x-thinking-granted-tokens': header('Thinking tokens that the load granted.'),
        'x-expected-wait-seconds': header(
          'Until the request gets a place, or the first copy is there, where it waits.',
        ),
        'x-thinking-shrunk-by': header('What made the maximum lower than what was asked for, where it is.'),
        'x-ratelimit-remaining-requests': header(
          'What is left of the key’s requests a minute, where it has that limit.',
        ),
        'x-ratelimit-remaining-tokens': header('What is left of the key’s tokens a day, where it has that limit.'),
      },
      content: { ...json(whole), 'text/event-stream': { schema: reference(event) } },
    },
  };
}

/**
 * What a route refuses, in the named shape of an error.
 *
 * @param runs whether the route runs a model, which may fail or have no copy.
 */
export function refused(error: string, runs?: 'run'): Readonly<Record<string, OpenApiObject>> {
  const answer = (description: string, headers: OpenApiObject = {}) => ({
    description,
    headers: { ...requestId, ...headers },
    content: json(error),
  });
  const retry = { 'retry-after': header('Seconds.') };
  return {
    '400': answer('A field is wrong: the message names it, and says what to write instead.'),
    '401': answer('The key is missing or wrong.'),
    '403': answer('The key may not do this.'),
    '404': answer('There is no such thing here.'),
    '429': answer('A limit of the key is used up.', retry),
    '4XX': answer('The body is too large (413) or of another type than JSON (415).'),
    ...(runs === undefined
      ? {}
      : {
          '502': answer('The model failed.'),
          '503': answer('The model has no copy running yet.', retry),
        }),
  };
}

/** The failure of a route that takes no input and needs no key. */
export const failed: Readonly<Record<string, OpenApiObject>> = {
  '4XX': { description: 'The request is wrong.', content: json('Error') },
};
