import type { Engine, EngineRequest } from '../../local/engine/engine.ts';
import { decode, END_OF_TEXT, IM_END, IM_START } from '../lambda/forcing/tiny-vocabulary.ts';
import { tokensOf } from '../lambda/scripted-world.ts';

const texts = new Map([
  [IM_START, '<|im_start|>'],
  [IM_END, '<|im_end|>'],
  [END_OF_TEXT, '<|endoftext|>'],
]);

/** An engine that generates the same tokens in every call, then `a` without end. Control tokens are those of the tiny vocabulary. */
export function scriptedEngine(says: readonly number[]): Engine & { readonly requests: EngineRequest[] } {
  const requests: EngineRequest[] = [];
  let active = 0;
  let generated = 0;
  return {
    requests,
    contextTokens: 1_000,
    vocabularySize: 2 ** 20,
    endIds: new Set([END_OF_TEXT]),
    async *generate(request, signal) {
      requests.push(request);
      active++;
      try {
        yield { kind: 'prompt', evaluated: request.promptIds.length, cached: 0 };
        for (let count = 0; count < request.maxTokens; count++) {
          await new Promise(setImmediate);
          signal.throwIfAborted();
          generated++;
          const id = says[count] ?? 97;
          const ends = request.stopTokenIds.includes(id) || id === END_OF_TEXT;
          yield { kind: 'token', id: ends && count < request.minTokens ? 98 : id };
          if (ends && count >= request.minTokens) return;
        }
      } finally {
        active--;
      }
    },
    promptLogprobs: async (ids) => ids.slice(1).map((id) => ({ own: -1, top: [{ id, logprob: -1 }] })),
    tokenize: (text) => tokensOf(text),
    // Byte by byte, so that incomplete characters occur.
    detokenize: (ids) =>
      ids.some((id) => texts.has(id))
        ? ids.map((id) => texts.get(id) ?? decode([id])).join('')
        : Buffer.from(ids.flatMap(bytesOf)).toString('utf8'),
    stats: () => ({ active, queued: 0, promptTokensEvaluated: 0, promptTokensCached: 0, generatedTokens: generated }),
    close: async () => {},
  };
}

function bytesOf(id: number): number[] {
  return id < 256 ? [id] : [...Buffer.from('Wait')];
}
