import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CompletionsModel, httpRoute } from '../../../lambda/upstream/completions-model.ts';
import { networkCode } from '../../../lambda/upstream/network-code.ts';
import type { SegmentChunk } from '../../../lambda/upstream/segment-model.ts';

const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };
const OK = 'data: {"choices":[{"text":"ok","token_ids":[7],"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
const fetched = vi.fn<typeof fetch>();
beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal('fetch', fetched);
});
afterEach(() => void vi.unstubAllGlobals());

const answers = (...responses: readonly (Response | Error)[]) => {
  for (const response of responses) {
    if (response instanceof Error) fetched.mockRejectedValueOnce(response);
    else fetched.mockResolvedValueOnce(response);
  }
};
const withCode = (code: string) => Object.assign(new Error('socket'), { code });
const unreachable = new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') });

/** A source of keys that records which keys the server rejected. */
function keys(current: string, renewed = current) {
  const rejected: string[] = [];
  return {
    rejected,
    current: async () => current,
    renewed: async (key: string) => {
      rejected.push(key);
      return renewed;
    },
  };
}
const target = { baseUrl: 'http://server/v1', servedModelName: 'm' };

async function run(changes: Partial<ConstructorParameters<typeof CompletionsModel>[0]> = {}) {
  const chunks: SegmentChunk[] = [];
  const model = new CompletionsModel({ ...target, ...changes });
  for await (const chunk of model.run(request, { signal: new AbortController().signal })) chunks.push(chunk);
  return chunks;
}
const headersOf = (call: number) => new Headers(fetched.mock.calls[call]?.[1]?.headers);
const bodyOf = (text: string, end?: Error) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (end === undefined) controller.close();
      else setTimeout(() => controller.error(end), 5);
    },
  });

describe('a call of a model server', () => {
  it.each(['http://server/v1', 'http://server/v1/', 'http://server/v1///'])(
    'to the base URL %s is a POST of /v1/completions, and of routes beside /v1',
    async (baseUrl) => {
      answers(new Response(OK), Response.json({ tokens: [1] }));
      expect((await run({ baseUrl })).map(({ text }) => text)).toEqual(['ok']);
      expect(await httpRoute({ ...target, baseUrl })('/tokenize', { prompt: 'x' })).toEqual({ tokens: [1] });
      expect(fetched.mock.calls.map(([url]) => url)).toEqual([
        'http://server/v1/completions',
        'http://server/tokenize',
      ]);
      expect(fetched.mock.calls[1]?.[1]).toMatchObject({ method: 'POST', body: '{"prompt":"x"}', redirect: 'manual' });
      expect(headersOf(0).get('content-type')).toBe('application/json');
    },
  );

  it('keeps slashes and /v1 in the middle of the base URL', async () => {
    answers(Response.json({}));
    await httpRoute({ ...target, baseUrl: 'http://server//v1/models/v1' })('/tokenize', {});
    expect(fetched.mock.calls[0]?.[0]).toBe('http://server//v1/models/tokenize');
  });

  it('has a bearer key if the target has one', async () => {
    answers(new Response(OK), new Response(OK));
    await run();
    await run({ key: keys('secret') });
    expect(headersOf(0).has('authorization')).toBe(false);
    expect(headersOf(1).get('authorization')).toBe('Bearer secret');
  });

  it('is repeated once with a newer key if the server rejects the key', async () => {
    answers(new Response('', { status: 401 }), new Response(OK));
    const source = keys('old', 'new');
    await run({ key: source });
    expect(source.rejected).toEqual(['old']);
    expect([headersOf(0).get('authorization'), headersOf(1).get('authorization')]).toEqual([
      'Bearer old',
      'Bearer new',
    ]);
  });

  it('is not repeated if no newer key is known, without a key, or for another status', async () => {
    answers(new Response('', { status: 401 }), new Response('', { status: 401 }), new Response('', { status: 500 }));
    const source = keys('old');
    await expect(run({ key: source })).rejects.toMatchObject({ code: 'model_misconfigured' });
    await expect(run()).rejects.toMatchObject({ code: 'model_misconfigured' });
    const other = keys('old', 'new');
    await expect(run({ key: other })).rejects.toMatchObject({ code: 'model_failed' });
    expect(source.rejected).toEqual(['old']);
    expect(other.rejected).toEqual([]);
    expect(fetched).toHaveBeenCalledTimes(3);
  });

  it.each([300, 302, 308, 399])(
    'that is redirected with status %d fails: prompts go to no other host',
    async (status) => {
      answers(new Response('', { status }));
      await expect(run()).rejects.toMatchObject({
        code: 'model_misconfigured',
        message: `The model server redirects (status ${status}), but prompts go only to the address in the settings. Write the address that it redirects to as baseUrl.`,
      });
    },
  );

  it('with status 400 is no redirect', async () => {
    answers(new Response('{"message":"too long"}', { status: 400 }));
    await expect(run()).rejects.toMatchObject({
      code: 'model_rejected_request',
      message: 'The model server rejected the request (status 400): too long',
    });
  });

  it.each([
    [{ 'retry-after': '7' }, 7],
    [{ 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, undefined],
    [{}, undefined],
  ])('that is throttled with the headers %j may be retried after %s s', async (headers, seconds) => {
    answers(new Response('', { status: 429, headers }));
    await expect(run()).rejects.toMatchObject({ code: 'rate_limit_exceeded', retryAfterSeconds: seconds });
  });

  it('that does not reach the server says why', async () => {
    answers(unreachable, new TypeError('bad port'), unreachable, new TypeError('bad port'));
    const message = 'The model server cannot be reached (ECONNREFUSED).';
    await expect(run()).rejects.toMatchObject({ code: 'model_unavailable', message, cause: unreachable });
    await expect(run()).rejects.toMatchObject({ message: 'The model server cannot be reached (bad port).' });
    const route = httpRoute(target);
    await expect(route('/tokenize', {})).rejects.toMatchObject({ code: 'model_unavailable', message });
    await expect(route('/tokenize', {})).rejects.toMatchObject({
      message: 'The model server cannot be reached (unknown error).',
    });
  });

  it('that breaks after its first chunk is a broken stream, and one before it an unreachable server', async () => {
    const first = 'data: {"choices":[{"text":"a","token_ids":[1]}]}\n\n';
    answers(new Response(bodyOf(first, withCode('ECONNRESET'))), new Response(bodyOf(':\n\n', withCode('ECONNRESET'))));
    await expect(run()).rejects.toMatchObject({
      code: 'model_stream_broken',
      message: 'The stream of the model server broke (ECONNRESET).',
    });
    await expect(run()).rejects.toMatchObject({ code: 'model_unavailable' });
  });

  it('without a body in the response has failed', async () => {
    answers(new Response(null));
    await expect(run()).rejects.toMatchObject({
      code: 'model_failed',
      message: 'The model server sent a response without a body.',
    });
  });

  it('of a route keeps the error of the server, and ends with the reason of its signal', async () => {
    answers(new Response('', { status: 503 }));
    const route = httpRoute(target);
    await expect(route('/tokenize', {})).rejects.toMatchObject({ code: 'model_unavailable' });
    await expect(route('/tokenize', {}, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
    expect(fetched).toHaveBeenCalledTimes(1);
    answers(Response.json({}));
    const { signal } = new AbortController();
    await route('/tokenize', {}, signal);
    expect(fetched.mock.calls[1]?.[1]?.signal).toBe(signal);
  });
});

describe('the code of a failed connection', () => {
  const nested = (depth: number): Error =>
    depth === 0 ? withCode('EPIPE') : new Error('outer', { cause: nested(depth - 1) });

  it.each([
    [withCode('ECONNRESET'), 'ECONNRESET'],
    [withCode('UND_ERR_HEADERS_TIMEOUT'), 'UND_ERR_HEADERS_TIMEOUT'],
    [nested(3), 'EPIPE'],
    [nested(4), undefined],
    [withCode('ERR_INVALID_URL'), undefined],
    [withCode('NOT_EPIPE'), undefined],
    [withCode('EPIPE-2'), undefined],
    [withCode('E'), undefined],
    [Object.assign(new Error('x'), { code: 5 }), undefined],
    ['ECONNRESET', undefined],
    [undefined, undefined],
  ])('of %s is %s', (error, code) => {
    expect(networkCode(error)).toBe(code);
  });
});
