import type * as z from 'zod';

/** The OpenAPI description of one API: its operations by id, and the schemas that they refer to by name. */
export interface ApiDescription<OperationId extends string = string> {
  readonly operations: Readonly<Record<OperationId, Operation>>;
  /** Schemas of what clients send: the ones that parse it. By their names under `components.schemas`. */
  readonly requestSchemas?: NamedSchemas;
  /** Whether a member that the request's schemas do not name may be `null`, which asks for nothing. */
  readonly unknownNulls?: true;
  /** Schemas of what the API responds with. The tests validate real responses against them. */
  readonly responseSchemas?: NamedSchemas;
}

export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

/** An operation of OpenAPI 3.1, without its id, method and path: these come from the route. */
export interface Operation {
  readonly tags: readonly [Tag];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly OpenApiObject[];
  readonly parameters?: readonly OpenApiObject[];
  /** The schema that parses the query. Each of its fields becomes a parameter. */
  readonly query?: z.ZodObject;
  readonly requestBody?: OpenApiObject;
  readonly responses: Readonly<Record<string, OpenApiObject>>;
}

/** A part of the document, as written there. */
export type OpenApiObject = Readonly<Record<string, unknown>>;

/** The tags of the document, in its order, with their descriptions. */
export const tags = {
  answers: 'Requests to a model, in one of four dialects.',
  models: 'The served models, with context window, format, budgets and price.',
  feedback: 'What users say about stored answers. Paths under /v1/admin require an admin key.',
  documents: 'Files, and stores of documents that can be searched.',
  batches: 'Requests that run when copies are free.',
  usage: 'Recorded usage.',
  scaling: 'Load and copies. Paths under /v1/admin require an admin key.',
  keys: 'API keys with limits. All paths require an admin key.',
  service: 'Health, documentation and the playground. No key is required.',
} as const;
export type Tag = keyof typeof tags;

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: reference(name) } });
const header = (description: string) => ({ description, schema: { type: 'string' } });
const requestId = { 'x-request-id': header('Identifies the request in the log.') };

export function parameter(place: 'path' | 'query', name: string, schema: unknown, description?: string): OpenApiObject {
  const described = description === undefined ? {} : { description };
  return { name, in: place, required: place === 'path', schema, ...described };
}

/** The header with which a request chooses how fields without effect are treated. */
export const strictHeader: OpenApiObject = {
  name: 'x-budgetforce-strict',
  in: 'header',
  required: false,
  schema: { type: 'boolean', default: false },
  description: 'Whether fields without effect are errors. If false, they are reported in `budget_forcing.ignored`.',
};

/** The header with which a request refuses to be stored. */
export const storeHeader: OpenApiObject = {
  name: 'x-budgetforce-store',
  in: 'header',
  required: false,
  schema: { type: 'boolean', default: true },
  description:
    'If false, nothing of the request is stored. If true, it is stored only if the deployment’s `retention.feedbackDays` and the key’s `store` allow it.',
};

/** A required JSON body of the named schema. The document shows the example; the tests validate it against the schema. */
export function body(name: string, example: unknown): OpenApiObject {
  return { required: true, content: { 'application/json': { schema: reference(name), example } } };
}

/**
 * A successful JSON response of the named schema.
 *
 * @param links what a client can do with the response, see `follow`
 */
export function ok(name: string, status = '200', links: OpenApiObject = {}): Readonly<Record<string, OpenApiObject>> {
  const described = Object.keys(links).length === 0 ? {} : { links };
  return { [status]: { description: 'Success.', headers: requestId, content: json(name), ...described } };
}

/**
 * Links of a response to operations that take a value of it. The document leaves out links to operations that are not served.
 *
 * @param parameters OpenAPI's runtime expressions, such as `$response.body#/id`, by the names of the parameters
 */
export function follow(operationIds: readonly string[], parameters: Readonly<Record<string, string>>): OpenApiObject {
  return Object.fromEntries(operationIds.map((operationId) => [operationId, { operationId, parameters }]));
}

/**
 * A successful response of a model.
 *
 * @param whole name of the schema of a response that is not streamed
 * @param event name of the schema of the data of each event of a stream
 */
export function answered(whole: string, event: string): Readonly<Record<string, OpenApiObject>> {
  return {
    '200': {
      description: 'The answer. With `stream: true`, server-sent events.',
      headers: {
        ...requestId,
        'x-thinking-min-tokens': header('Minimum of thinking tokens in force.'),
        'x-thinking-max-tokens': header('Maximum of thinking tokens in force.'),
        'x-thinking-waits': header('Maximum of waits in force.'),
        'x-thinking-set-by': header(
          'The source of each limit: a field of the request, `default`, or the reason why it shrank.',
        ),
        'x-thinking-wanted-tokens': header('Requested maximum of thinking tokens. Set if the model scales by load.'),
        'x-thinking-granted-tokens': header(
          'Maximum of thinking tokens granted at admission. Set if the model scales by load.',
        ),
        'x-expected-wait-seconds': header(
          'Expected wait for capacity or for the first copy, in seconds. Set if the request waits.',
        ),
        'x-budgetforce-store': header(
          '`true` if the request and its answer are stored. Set if the deployment and the key allow it.',
        ),
        'x-retrieval-tokens': header(
          'Tokens of the passages in the prompt. Set if documents were looked up before the thinking.',
        ),
        'x-retrieval-passages': header('Number of passages in the prompt. Set with `x-retrieval-tokens`.'),
        'x-retrieval-left-out': header('Passages that were found and not placed. Set with `x-retrieval-tokens`.'),
        'x-retrieval-search-ms': header('Duration of the search, in milliseconds. Set with `x-retrieval-tokens`.'),
        'x-model-fallbacks': header('Upstreams on which the request may go on. Set if the model has fallbacks.'),
        'x-budgetforce-ignored': header('Fields of the request that had no effect, sorted. Set if there is one.'),
        'x-thinking-shrunk-by': header('Why limits are lower than requested. Set if one is.'),
        'x-ratelimit-remaining-requests': header(
          'Remaining requests of the key in this minute. Set if the key has this limit.',
        ),
        'x-ratelimit-remaining-tokens': header(
          'Remaining tokens of the key on this day. Set if the key has this limit.',
        ),
      },
      content: { ...json(whole), 'text/event-stream': { schema: reference(event) } },
      links: {
        giveFeedback: {
          operationId: 'giveFeedback',
          requestBody: { id: '$response.body#/id', metric: 'thumbs', value: true },
        },
        deleteStored: { operationId: 'deleteStored', parameters: { id: '$response.body#/id' } },
      },
    },
  };
}

/** The header with which a client prefers to come back for its answer. Source: RFC 7240 */
export const preferHeader: OpenApiObject = {
  name: 'prefer',
  in: 'header',
  required: false,
  schema: { type: 'string', example: 'respond-async' },
  description:
    'With `respond-async`, the request runs in the background, and the answer is 202 with its URL. It is stored, which `retention.responsesDays` and the key’s `store` must allow.',
};

/**
 * The answer 202 of a request that runs in the background.
 *
 * @param pending name of the schema of its body
 * @param retrieve operation that gets the answer
 */
export function accepted(pending: string, retrieve: string): Readonly<Record<string, OpenApiObject>> {
  return {
    '202': {
      description: 'The request runs in the background.',
      headers: {
        ...requestId,
        location: header('Where the answer will be.'),
        'retry-after': header('Time until it is worth asking again, in seconds.'),
      },
      content: json(pending),
      links: { [retrieve]: { operationId: retrieve, parameters: { id: '$response.body#/id' } } },
    },
  };
}

/**
 * The error responses of a route.
 *
 * @param error name of the schema of an error
 * @param runs given if the route runs a model, which may fail or have no copy
 */
export function refused(error: string, runs?: 'run'): Readonly<Record<string, OpenApiObject>> {
  const answer = (description: string, headers: OpenApiObject = {}) => ({
    description,
    headers: { ...requestId, ...headers },
    content: json(error),
  });
  const retry = { 'retry-after': header('In seconds.') };
  return {
    '400': answer('Invalid request. The message names the field and the allowed values.'),
    '401': answer('The API key is missing or not valid.'),
    '403': answer('The API key does not permit this.'),
    '404': answer('Not found.'),
    '429': answer('A limit of the API key is reached.', retry),
    '4XX': answer('The body is too large (413) or is not JSON (415).'),
    ...(runs === undefined
      ? {}
      : {
          '502': answer('The model failed.'),
          '504': answer('The time limit of the request passed before the model gave a token.'),
        }),
    '503': answer('The table is unavailable, the server is stopping, or no copy of the model is running yet.', retry),
  };
}

/** The error response of a route without input and without authentication. */
export const failed: Readonly<Record<string, OpenApiObject>> = {
  '4XX': { description: 'Invalid request.', content: json('Error') },
};
