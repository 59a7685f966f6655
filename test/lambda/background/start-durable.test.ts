import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DurableStart } from '../../../lambda/background/start-durable.ts';

const arn = 'arn:aws:lambda:us-east-2:111122223333:function:background:live';
const close: (() => void)[] = [];
afterEach(() => {
  for (const each of close.splice(0)) each();
});

/** Plays Lambda with one answer, and keeps the requests. */
async function playedLambda(status: number) {
  const requests: { readonly message: IncomingMessage; readonly body: string }[] = [];
  const server = createServer(async (message, response) => {
    let body = '';
    for await (const chunk of message) body += chunk;
    requests.push({ message, body });
    const error = { Type: 'Service', Message: 'Lambda failed.' };
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status >= 500 ? { 'x-amzn-errortype': 'ServiceException' } : {}),
    });
    response.end(status >= 500 ? JSON.stringify(error) : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  close.push(() => {
    process.env = before;
    server.closeAllConnections();
    server.close();
  });
  return requests;
}

describe('The start of a durable execution', () => {
  it('is an asynchronous event with the pointer alone, under the id of the response', async () => {
    const requests = await playedLambda(202);
    await new DurableStart(arn).start({ key: 'key_1', id: 'resp_1' });
    const [request] = requests;
    expect(decodeURIComponent(request?.message.url ?? '')).toBe(`/2015-03-31/functions/${arn}/invocations`);
    expect(request?.message.headers).toMatchObject({
      'x-amz-invocation-type': 'Event',
      'x-amz-durable-execution-name': 'resp_1',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({ key: 'key_1', id: 'resp_1' });
  });

  it('that Lambda does not take is a 503, after three attempts', async () => {
    const requests = await playedLambda(500);
    await expect(new DurableStart(arn).start({ key: 'key_1', id: 'resp_1' })).rejects.toMatchObject({
      status: 503,
      code: 'background_unavailable',
    });
    expect(requests).toHaveLength(3);
  });
});
