import type { Engine } from '../local/engine/engine.ts';

/** Text whose tokens the engine writes: words, digits, a newline, and characters of two to four bytes. */
const VOCABULARY = 'So 12 + 30 = 42.\nWait, the café has 7 🤔 apples; née Größe 漢字, then minus 5 is right.';

/** Of so many tokens, one ends the segment. */
const TOKENS_PER_END = 50;

/**
 * An engine whose next token is a hash of all ids before it, with the tokenizer of another engine. Whoever loses, doubles or swaps a
 * token gets another text from there on, and whoever continues from the right ids gets the same. A model does not have that property:
 * how much of a prompt is in the cache changes the rounding of its numbers, and so now and then a token.
 */
export function chainedEngine(base: Engine): Engine {
  const vocabulary = [...new Set(base.tokenize(VOCABULARY, false))];
  return {
    contextTokens: base.contextTokens,
    endIds: base.endIds,
    vocabularySize: base.vocabularySize,
    async *generate({ promptIds, maxTokens, minTokens, stopTokenIds }, signal) {
      yield { kind: 'prompt', evaluated: promptIds.length, cached: 0 };
      let hash = promptIds.reduce(mix, 0x811c9dc5);
      for (let count = 0; count < maxTokens; count++) {
        await new Promise(setImmediate);
        signal.throwIfAborted();
        const end = hash % TOKENS_PER_END === 0 ? stopTokenIds[0] : undefined;
        if (end !== undefined && count >= minTokens) return yield { kind: 'token', id: end };
        const id = vocabulary[(hash >>> 8) % vocabulary.length] ?? 0;
        hash = mix(hash, id);
        yield { kind: 'token', id };
      }
    },
    promptLogprobs: (ids, top, signal) => base.promptLogprobs(ids, top, signal),
    tokenize: (text, controls) => base.tokenize(text, controls),
    detokenize: (ids) => base.detokenize(ids),
    stats: () => base.stats(),
    close: () => base.close(),
  };
}

/** FNV-1a on whole ids, with its high bits mixed into the low ones. */
function mix(hash: number, id: number): number {
  const product = Math.imul(hash ^ id, 0x01000193);
  return (product ^ (product >>> 15)) >>> 0;
}
