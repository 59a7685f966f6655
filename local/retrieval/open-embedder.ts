import * as z from 'zod';
import { createOpenAiEmbedder } from '../../lambda/retrieval/embed/openai-embedder.ts';
import type { Embedder } from '../../lambda/retrieval/passage-index.ts';

const PROBE_MS = 30_000;
const answerSchema = z.object({ data: z.array(z.object({ embedding: z.array(z.number()).min(1) })).min(1) });
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });

/**
 * Opens an embedding model.
 *
 * @param place a GGUF file, or the base URL of a server with OpenAI's `/embeddings`, whose first model is taken
 * @throws {Error} if it cannot be loaded or reached
 */
export async function openEmbedder(place: string): Promise<Embedder> {
  if (!/^https?:\/\//.test(place)) return await (await import('./gguf-embedder.ts')).ggufEmbedder(place);
  const url = place.endsWith('/') ? place.slice(0, -1) : place;
  const model = modelsSchema.parse(await ask(`${url}/models`)).data[0]?.id ?? '';
  const probe = answerSchema.parse(await ask(`${url}/embeddings`, { model, input: ['a'], encoding_format: 'float' }));
  return createOpenAiEmbedder({ url, model, dimensions: probe.data[0]?.embedding.length ?? 0 });
}

async function ask(url: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(PROBE_MS),
    ...(body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`--embeddings: ${url} cannot be reached. Give a URL that ends in /v1, or a GGUF file.`, { cause });
  });
  if (!response.ok)
    throw new Error(`--embeddings: ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return await response.json();
}
