/** The routes, for the OpenAPI document. */

type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly Schema[];
  readonly parameters?: readonly Schema[];
  readonly requestBody?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const question = { role: 'user', content: 'What is 37 + 58 - 21 + 44?' } as const;

/** @param usageQuery the schema of each parameter of `GET /v1/usage`. */
export function operations(usageQuery: Readonly<Record<string, unknown>>): Paths {
  return {
    '/v1/chat/completions': {
      post: {
        operationId: 'createChatCompletion',
        tags: ['answers'],
        summary: 'Chat Completions',
        description:
          'OpenAI’s dialect. What cannot be served is refused by name, never ignored. With `stream: true` the answer is server-sent events.',
        requestBody: body('ChatCompletionRequest', {
          model: 'my-model',
          messages: [question],
          thinking: { min_tokens: 64, max_tokens: 512 },
        }),
        responses: { ...answered('ChatCompletion', 'ChatCompletionEvent'), ...refused('Error', 'run') },
      },
    },
    '/v1/responses': {
      post: {
        operationId: 'createResponse',
        tags: ['answers'],
        summary: 'Responses',
        description:
          'OpenAI’s dialect. Nothing is stored: `store: true` and `previous_response_id` are refused by name.',
        requestBody: body('ResponseRequest', {
          model: 'my-model',
          input: question.content,
          reasoning: { effort: 'low' },
        }),
        responses: { ...answered('Response', 'ResponseEvent'), ...refused('Error', 'run') },
      },
    },
    '/v1/messages': {
      post: {
        operationId: 'createMessage',
        tags: ['answers'],
        summary: 'Messages',
        description: 'Anthropic’s dialect, with its errors.',
        requestBody: body('MessageRequest', {
          model: 'my-model',
          max_tokens: 2_048,
          messages: [question],
          thinking: { type: 'enabled', budget_tokens: 1_024 },
        }),
        responses: { ...answered('Message', 'MessageEvent'), ...refused('MessagesError', 'run') },
      },
    },
    '/v1/messages/count_tokens': {
      post: {
        operationId: 'countTokens',
        tags: ['answers'],
        summary: 'Tokens of a conversation, without running it',
        requestBody: body('CountTokensRequest', { model: 'my-model', messages: [question] }),
        responses: { ...ok('TokenCount'), ...refused('MessagesError') },
      },
    },
    '/v1/models': {
      get: {
        operationId: 'listModels',
        tags: ['models'],
        summary: 'The models that this key may use',
        responses: { ...ok('ModelList'), ...refused('Error') },
      },
    },
    '/v1/models/{id}': {
      get: {
        operationId: 'getModel',
        tags: ['models'],
        summary: 'One model',
        parameters: [parameter('path', 'id', { type: 'string' }, 'The name that a client writes in `model`.')],
        responses: { ...ok('Model'), ...refused('Error') },
      },
    },
    '/v1/usage': {
      get: {
        operationId: 'getUsage',
        tags: ['usage'],
        summary: 'Requests, tokens and dollars by key, model and day',
        description: 'One’s own; with an admin key everybody’s.',
        parameters: Object.entries(usageQuery).map(([name, schema]) => parameter('query', name, schema)),
        responses: { ...ok('Usage'), ...refused('Error') },
      },
    },
    '/v1/admin/keys': {
      get: {
        operationId: 'listKeys',
        tags: ['keys'],
        summary: 'All keys, the newest first',
        responses: { ...ok('KeyList'), ...refused('Error') },
      },
      post: {
        operationId: 'createKey',
        tags: ['keys'],
        summary: 'A new key',
        requestBody: body('NewKey', { name: 'batch jobs', limits: { requests_per_minute: 60 }, expires_in_days: 90 }),
        responses: { ...ok('KeyWithValue', '201'), ...refused('Error') },
      },
    },
    '/v1/admin/keys/{id}': {
      patch: {
        operationId: 'setKeyLimits',
        tags: ['keys'],
        summary: 'Other limits for a key',
        parameters: [keyId],
        requestBody: body('KeyChange', { limits: { tokens_per_day: 1_000_000 } }),
        responses: { ...ok('KeyChanged'), ...refused('Error') },
      },
      delete: {
        operationId: 'revokeKey',
        tags: ['keys'],
        summary: 'Revoke a key, all its values',
        parameters: [keyId],
        responses: { ...ok('KeyRevoked'), ...refused('Error') },
      },
    },
    '/v1/admin/keys/{id}/rotate': {
      post: {
        operationId: 'rotateKey',
        tags: ['keys'],
        summary: 'A new value for a key',
        parameters: [keyId],
        requestBody: body('KeyRotation', { grace_seconds: 3_600 }),
        responses: { ...ok('KeyWithValue'), ...refused('Error') },
      },
    },
    '/v1/load': {
      get: {
        operationId: 'getLoad',
        tags: ['scaling'],
        summary: 'How loaded the copies of a model are',
        parameters: [modelQuery],
        responses: { ...ok('Load'), ...refused('Error') },
      },
    },
    '/v1/admin/scaling': {
      get: {
        operationId: 'getScaling',
        tags: ['scaling'],
        summary: 'Copies, load, policy, the last decisions and why',
        parameters: [modelQuery],
        responses: { ...ok('Scaling'), ...refused('Error') },
      },
      patch: {
        operationId: 'setScaling',
        tags: ['scaling'],
        summary: 'Other bounds or settings of the policies',
        parameters: [modelQuery],
        requestBody: body('ScalingChange', { min_copies: 1, policy: { shrink_from: 0.6 } }),
        responses: { ...ok('Scaling'), ...refused('Error') },
      },
    },
    ...scalingActions(),
    '/v1/admin/scaling/schedules/{name}': {
      put: {
        operationId: 'putScalingSchedule',
        tags: ['scaling'],
        summary: 'Other bounds from a time on',
        parameters: [scheduleName, modelQuery],
        requestBody: body('ScalingSchedule', {
          schedule: 'cron(0 7 ? * MON-FRI *)',
          timezone: 'Europe/Berlin',
          min_copies: 1,
          max_copies: 4,
        }),
        responses: { ...ok('Scaling'), ...refused('Error') },
      },
      delete: {
        operationId: 'deleteScalingSchedule',
        tags: ['scaling'],
        summary: 'No schedule of this name any more',
        parameters: [scheduleName, modelQuery],
        responses: { ...ok('Scaling'), ...refused('Error') },
      },
    },
    '/healthz': {
      get: {
        operationId: 'getHealth',
        tags: ['service'],
        summary: 'Whether it runs',
        security: [{}],
        responses: { ...ok('Health'), ...failed },
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'getDocument',
        tags: ['service'],
        summary: 'This document',
        security: [{}],
        responses: {
          '200': { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
          ...failed,
        },
      },
    },
    '/docs': { get: page('getReference', 'This document, for people') },
    '/': { get: page('getPlayground', 'The playground') },
  };
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: ref(name) } });

const header = (description: string) => ({ description, schema: { type: 'string' } });

const parameter = (place: 'path' | 'query', name: string, schema: unknown, description?: string): Schema => ({
  name,
  in: place,
  required: place === 'path',
  schema,
  ...(description === undefined ? {} : { description }),
});

const modelQuery = parameter('query', 'model', {
  type: 'string',
  description: 'A model that scales by load. Default: the first.',
});
const scheduleName = parameter('path', 'name', { type: 'string', pattern: '^[\\w.-]{1,64}$' });

function scalingActions(): Paths {
  return Object.fromEntries(
    Object.entries({
      wake: 'Start the first copy now',
      pause: 'No copy at all, until it is resumed',
      resume: 'As before the pause',
    }).map(([action, summary]) => [
      `/v1/admin/scaling/${action}`,
      {
        post: {
          operationId: `${action}Scaling`,
          tags: ['scaling'],
          summary,
          parameters: [modelQuery],
          responses: { ...ok('Scaling'), ...refused('Error') },
        },
      },
    ]),
  );
}

const keyId = parameter('path', 'id', { type: 'string' }, '`key_…`');

const body = (name: string, example: unknown): Schema => ({
  required: true,
  content: { 'application/json': { schema: ref(name), example } },
});

const requestId = { 'x-request-id': header('The log has the request under it.') };

const ok = (name: string, status = '200') => ({
  [status]: { description: 'Done.', headers: requestId, content: json(name) },
});

const answered = (whole: string, event: string) => ({
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
      'x-expected-wait-seconds': header('Until the request gets a place, or the first copy is there, where it waits.'),
      'x-thinking-shrunk-by': header('What made the maximum lower than what was asked for, where it is.'),
      'x-ratelimit-remaining-requests': header('What is left of the key’s requests a minute, where it has that limit.'),
      'x-ratelimit-remaining-tokens': header('What is left of the key’s tokens a day, where it has that limit.'),
    },
    content: { ...json(whole), 'text/event-stream': { schema: ref(event) } },
  },
});

const failed = { '4XX': { description: 'The request is wrong.', content: json('Error') } };

/** What a route refuses; one that runs a model may also find no copy of it. */
function refused(error: 'Error' | 'MessagesError', runs?: 'run') {
  const answer = (description: string, headers: Schema = {}) => ({
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

function page(operationId: string, summary: string): Operation {
  const content = { 'text/html': { schema: { type: 'string' } } };
  return {
    operationId,
    tags: ['service'],
    summary,
    security: [{}],
    responses: { '200': { description: 'A page that loads nothing from another host.', content }, ...failed },
  };
}
