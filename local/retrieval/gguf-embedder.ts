import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import type { Embedder } from '../../lambda/retrieval/passage-index.ts';

/**
 * Creates an embedder by a GGUF file, in this process. The same texts are embedded for passages and for queries: a model that wants prefixes
 * needs a server.
 *
 * @throws {Error} if the file is no model that llama.cpp can load
 */
export async function ggufEmbedder(path: string): Promise<Embedder> {
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, progressLogs: false });
  const model = await llama.loadModel({ modelPath: path }).catch((cause: unknown) => {
    throw new Error(`--embeddings ${path} cannot be loaded. Give a GGUF file of an embedding model.`, { cause });
  });
  const context = await model.createEmbeddingContext({ threads: 1 });
  const embed = async (text: string) => {
    // What is longer than the window is embedded by its beginning.
    const tokens = model.tokenize(text).slice(0, longestText(model.trainContextSize));
    return Float32Array.from((await context.getEmbeddingFor(tokens)).vector);
  };
  return {
    dimensions: (await embed('a')).length,
    async embed(texts) {
      const vectors: Float32Array[] = [];
      for (const text of texts) vectors.push(await embed(text));
      return vectors;
    },
  };
}

/** Tokens that a text may have beside those that mark its begin and its end. */
function longestText(window: number): number {
  return Math.max(1, window - 2);
}
