import * as z from 'zod';
import type { Embedder } from '../passage-index.ts';

export interface OpenAiEmbedderOptions {
  /** Base URL of the API, up to and with `/v1`. */
  readonly url: string;
  readonly model: string;
  readonly dimensions: number;
  readonly key?: string | undefined;
  /** Put before a text, as many models were trained. @default '' */
  readonly prefixes?: { readonly query: string; readonly passage: string } | undefined;
}

/** Texts of one request. vLLM and llama.cpp take any number, OpenAI 2,048. */
const BATCH = 64;
const TIMEOUT_MS = 60_000;

const answer = z.object({ data: z.array(z.object({ index: z.number().int(), embedding: z.array(z.number()) })) });

/** Creates an embedder by any server with OpenAI's `/embeddings`. */
export function createOpenAiEmbedder({ url, model, dimensions, key, prefixes }: OpenAiEmbedderOptions): Embedder {
  const embedBatch = async (input: readonly string[]): Promise<readonly Float32Array[]> => {
    const response = await fetch(`${url.replace(/\/$/, '')}/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ model, input, encoding_format: 'float' }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      const text = (await response.text()).slice(0, 300);
      throw new Error(`The embedding server ${url} answered ${response.status}: ${text}`);
    }
    const { data } = answer.parse(await response.json());
    const vectors = new Map(data.map(({ index, embedding }) => [index, embedding]));
    return input.map((_, index) => {
      const vector = vectors.get(index);
      if (vector?.length !== dimensions) {
        throw new Error(
          `The embedding server ${url} returned ${vector === undefined ? 'no vector' : `${vector.length} dimensions`} for a text, instead of ${dimensions} dimensions.`,
        );
      }
      return Float32Array.from(vector);
    });
  };
  return {
    dimensions,
    async embed(texts, kind) {
      const prefix = prefixes?.[kind] ?? '';
      const result: Float32Array[] = [];
      for (let start = 0; start < texts.length; start += BATCH) {
        const batch = texts.slice(start, start + BATCH).map((text) => prefix + text);
        for (const vector of await embedBatch(batch)) result.push(vector);
      }
      return result;
    },
  };
}
