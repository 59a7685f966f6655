import { describe, expect, it } from 'vitest';
import { dialects } from '../../../lambda/apis/registry.ts';
import { ApiError, invalidRequest } from '../../../lambda/errors/api-error.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { scriptedApp } from '../scripted-world.ts';

const routes = dialects.flatMap((dialect) =>
  Object.entries(dialect.routes).map(([operationId, { method, path }]) => ({ operationId, method, path, dialect })),
);

describe.each(routes)('$method $path of the registry', ({ operationId, method, path, dialect }) => {
  const send = async (key: string) => {
    const { app } = scriptedApp([], { keyHashes: async () => [hashKey('good')], newId: () => '7' });
    return await app.request(path, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      ...(method === 'GET' ? {} : { body: '{"model": 7}' }),
    });
  };

  it('responds with the errors of its dialect, before its handler and within', async () => {
    const refused = await send('bad');
    expect(refused.status).toBe(401);
    const unauthorized = new ApiError(401, 'This API key is not valid.', { code: 'invalid_api_key' });
    expect(await refused.json()).toEqual(dialect.errorBody(unauthorized, 'req_7'));
    const within = await send('good');
    const error = path.includes(':')
      ? new ApiError(404, 'This deployment keeps no responses. Set retention.responsesDays in its config.', {
          code: 'responses_off',
        })
      : invalidRequest('model', 'model must be a string; received 7.');
    expect(within.status).toBe(error.status);
    expect(await within.json()).toEqual(dialect.errorBody(error, 'req_7'));
  });

  it('has its operation in the served document', async () => {
    const document = await (await scriptedApp([]).app.request('/openapi.json')).json();
    expect(document).toMatchObject({
      paths: { [path.replace(':id', '{id}')]: { [method.toLowerCase()]: { operationId, tags: ['answers'] } } },
    });
  });
});
