import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { BedrockRuntimeClient } from '@aws-sdk/client-bedrock-runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { inParallel } from '../../../lambda/in-parallel.ts';
import { createOpenAiEmbedder } from '../../../lambda/retrieval/embed/openai-embedder.ts';
import { createTitanEmbedder } from '../../../lambda/retrieval/embed/titan-embedder.ts';

type Answer = (path: string, body: Record<string, unknown>, headers: IncomingHttpHeaders) => readonly [number, object];

let close = () => {};
afterEach(() => close());

interface Request extends AsyncIterable<unknown> {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}
interface Response {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(text: string): unknown;
}

/** Serves JSON answers. Bedrock's client speaks HTTP/2. */
async function serve(answer: Answer, http2 = false): Promise<string> {
  const listener = async (request: Request, response: Response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const [status, json] = answer(request.url ?? '', JSON.parse(body), request.headers);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(json));
  };
  const server = http2 ? createHttp2Server(listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  close = () => server.close();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('createTitanEmbedder', () => {
  const titan = async (answer: Answer) =>
    createTitanEmbedder(
      256,
      new BedrockRuntimeClient({
        region: 'us-east-1',
        endpoint: await serve(answer, true),
        credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
      }),
    );
  const vectorOf = (value: number) => Array.from({ length: 256 }, () => value);

  it('asks for each text with the dimensions, and keeps the order', async () => {
    const asked: unknown[] = [];
    const embedder = await titan((path, body) => {
      asked.push([path, body]);
      return [200, { embedding: vectorOf(Number(body['inputText'])), inputTextTokenCount: 1 }];
    });
    const texts = Array.from({ length: 30 }, (_, index) => String(index));
    const vectors = await embedder.embed(texts, 'passage');
    expect(vectors.map((vector) => vector[0])).toEqual(texts.map(Number));
    expect(asked[0]).toEqual([
      '/model/amazon.titan-embed-text-v2%3A0/invoke',
      { inputText: '0', dimensions: 256, normalize: true },
    ]);
  });

  it('cuts texts that Titan would refuse, and never sends an empty one', async () => {
    const lengths: number[] = [];
    const embedder = await titan((_, body) => {
      lengths.push(String(body['inputText']).length);
      return [200, { embedding: vectorOf(1) }];
    });
    await embedder.embed(['', 'x'.repeat(100_000)], 'query');
    expect(lengths.sort((a, b) => a - b)).toEqual([1, 20_000]);
  });

  it('refuses vectors of another length', async () => {
    const embedder = await titan(() => [200, { embedding: [1, 2] }]);
    await expect(embedder.embed(['a'], 'query')).rejects.toThrow('returned 2 dimensions instead of 256');
  });
});

describe('createOpenAiEmbedder', () => {
  const options = {
    model: 'embed',
    dimensions: 2,
    key: 'secret',
    prefixes: { query: 'query: ', passage: 'passage: ' },
  };

  it('sends texts in batches with their prefix, and follows the index of each answer', async () => {
    const batches: number[] = [];
    const url = await serve((path, { input, model }, { authorization }) => {
      expect([path, model, authorization]).toEqual(['/v1/embeddings', 'embed', 'Bearer secret']);
      const texts = input as string[];
      batches.push(texts.length);
      const data = texts.map((text, index) => ({ index, embedding: [Number(text.replace('passage: ', '')), 0] }));
      return [200, { data: data.reverse() }];
    });
    const texts = Array.from({ length: 150 }, (_, index) => String(index));
    const vectors = await createOpenAiEmbedder({ ...options, url: `${url}/v1/` }).embed(texts, 'passage');
    expect(vectors.map(([first]) => first)).toEqual(texts.map(Number));
    expect(batches).toEqual([64, 64, 22]);
  });

  it.each([
    ['an error of the server', () => [500, { error: 'out of memory' }] as const, /answered 500: .*out of memory/],
    ['a missing vector', () => [200, { data: [] }] as const, /returned no vector for a text, instead of 2 dimensions/],
    ['another length', () => [200, { data: [{ index: 0, embedding: [1] }] }] as const, /returned 1 dimensions/],
  ])('says what is wrong with %s', async (_, answer, sentence) => {
    const url = await serve(answer);
    await expect(createOpenAiEmbedder({ ...options, url }).embed(['a'], 'query')).rejects.toThrow(sentence);
  });
});

describe('inParallel', () => {
  it('begins nothing after an error', async () => {
    const begun: number[] = [];
    const run = inParallel([0, 1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (item === 1) throw new Error('one');
      return item;
    });
    await expect(run).rejects.toThrow('one');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(begun.length).toBeLessThan(5);
  });
});
