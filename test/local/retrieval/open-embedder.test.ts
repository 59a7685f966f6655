import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { openEmbedder } from '../../../local/retrieval/open-embedder.ts';

async function serve(dimensions: number): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.url === '/v1/models') {
      response.end(JSON.stringify({ data: [{ id: 'words' }] }));
      return;
    }
    const { input, model } = z
      .object({ input: z.array(z.string()), model: z.literal('words') })
      .parse(await json(request));
    const data = input.map((text, index) => ({
      index,
      embedding: new Array(dimensions).fill(text.length + model.length),
    }));
    response.end(JSON.stringify({ data }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

describe('an embedding model', () => {
  it('of a server is its first one, whose dimensions it tells', async () => {
    const embedder = await openEmbedder(`${await serve(3)}/`);
    expect(embedder.dimensions).toBe(3);
    expect(await embedder.embed(['ab', 'abc'], 'query')).toEqual([Float32Array.of(7, 7, 7), Float32Array.of(8, 8, 8)]);
  });

  it('of a GGUF file gives the same vector for the same text, and another for another', {
    timeout: 60_000,
  }, async () => {
    const embedder = await openEmbedder('local/model/budgetforce-tiny.gguf');
    const [a, b, c] = await embedder.embed(['34 + 27', '34 + 27', '5 - 2'], 'passage');
    expect(a).toHaveLength(embedder.dimensions);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    const [long] = await embedder.embed(['34 + 27 '.repeat(2_000)], 'passage');
    expect(long).toHaveLength(embedder.dimensions);
  });

  it('that cannot be reached or loaded is an error that says what to give', async () => {
    await expect(openEmbedder('http://127.0.0.1:9/v1')).rejects.toThrow('Give a URL that ends in /v1, or a GGUF file.');
    await expect(openEmbedder('package.json')).rejects.toThrow('--embeddings package.json cannot be loaded.');
  });
});
