import { BedrockRuntimeClient, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime';
import * as z from 'zod';
import { inParallel } from '../../in-parallel.ts';
import type { titanDimensions } from '../../settings/retrieval-settings.ts';
import type { Embedder } from '../passage-index.ts';
import { TITAN_MODEL } from './titan-model.ts';

/** Most characters of a text. Titan takes 50,000, and 8,192 tokens; what is longer is cut. */
const MAX_CHARACTERS = 20_000;
const CONCURRENCY = 8;

const answer = z.object({ embedding: z.array(z.number()) });

/** Creates an embedder by Titan Text Embeddings V2 on Amazon Bedrock. */
export function createTitanEmbedder(
  dimensions: (typeof titanDimensions)[number],
  client = new BedrockRuntimeClient({ maxAttempts: 5 }),
): Embedder {
  return {
    dimensions,
    embed: async (texts) =>
      await inParallel(texts, CONCURRENCY, async (text) => {
        const { body } = await client.send(
          new InvokeModelCommand({
            modelId: TITAN_MODEL,
            contentType: 'application/json',
            accept: 'application/json',
            body: JSON.stringify({ inputText: cut(text), dimensions, normalize: true }),
          }),
        );
        const { embedding } = answer.parse(JSON.parse(body.transformToString()));
        if (embedding.length !== dimensions) {
          throw new Error(`${TITAN_MODEL} returned ${embedding.length} dimensions instead of ${dimensions}.`);
        }
        return Float32Array.from(embedding);
      }),
  };
}

/** Titan refuses an empty text. */
function cut(text: string): string {
  return text === '' ? ' ' : text.slice(0, MAX_CHARACTERS).toWellFormed();
}
