import type { StreamDecoder, Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import { UnknownControlTokenError } from '../../../lambda/tokenizer/unknown-control-token-error.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from '../../../lambda/upstream/segment-model.ts';

/** A vocabulary of ASCII text, as ids and back. */
export interface Vocabulary {
  readonly encode: (text: string) => readonly number[];
  readonly textOf: (id: number) => string;
  readonly controls: ReadonlyMap<string, number>;
  /** Most characters of a token. */
  readonly width: 1 | 2;
}

const names = ['<|im_start|>', '<|im_end|>', '<|endoftext|>'];

/** One id for each character. */
export const letters: Vocabulary = {
  encode: (text) => [...text].map((char) => char.charCodeAt(0)),
  textOf: (id) => (id < 256 ? String.fromCharCode(id) : ''),
  controls: new Map(names.map((name, index) => [name, 256 + index])),
  width: 1,
};

/** One id for two characters, and one for each single character. */
export const pairs: Vocabulary = {
  encode: (text) => (text.match(/[\s\S]{1,2}/g) ?? []).map(pairId),
  textOf: (id) =>
    id >= 90_000
      ? ''
      : id >= 10_000
        ? String.fromCharCode((id - 10_000) >> 8, (id - 10_000) & 255)
        : String.fromCharCode(id - 5_000),
  controls: new Map(names.map((name, index) => [name, 90_000 + index])),
  width: 2,
};

function pairId(text: string): number {
  const [first = 0, second] = [...text].map((char) => char.charCodeAt(0));
  return second === undefined ? 5_000 + first : 10_000 + (first << 8) + second;
}

export function tokenizerOf(vocabulary: Vocabulary): Tokenizer {
  return {
    encode: async (text) => vocabulary.encode(text),
    encodeRaw: async (text) => vocabulary.encode(text),
    controlId: async (token) => {
      const id = vocabulary.controls.get(token);
      if (id === undefined) throw new UnknownControlTokenError(token);
      return id;
    },
    streamDecoder: (): StreamDecoder => ({ push: (ids) => ids.map(vocabulary.textOf).join(''), end: () => '' }),
  };
}

/** Fault of one call: an error after some tokens. */
export interface CallFault {
  readonly after: number;
  readonly error: Error;
}

/**
 * A model whose next character, and whose end, follow from all text before it. So the text is the same in every vocabulary, and a text
 * that loses, doubles or swaps a character goes on differently.
 */
export class TextChain implements SegmentModel {
  readonly requests: SegmentRequest[] = [];
  /** All ids that the model sampled, over all calls. */
  readonly sampled: number[] = [];
  readonly #vocabulary: Vocabulary;
  readonly #faults: (CallFault | undefined)[];
  readonly #always: CallFault | undefined;

  /** @param faults of the next calls; `always`: the fault of every call after them */
  constructor(vocabulary: Vocabulary, faults: readonly (CallFault | undefined)[] = [], always?: CallFault) {
    this.#vocabulary = vocabulary;
    this.#faults = [...faults];
    this.#always = always;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    this.requests.push(request);
    const fault = this.#faults.length > 0 ? this.#faults.shift() : this.#always;
    let text = request.promptIds.map(this.#vocabulary.textOf).join('');
    for (let count = 0; ; count++) {
      signal.throwIfAborted();
      if (count === fault?.after) throw fault.error;
      const ends = count >= request.minTokens && endsAfter(text);
      const piece = ends ? '' : this.#piece(text, count + 1 >= request.minTokens);
      text += piece;
      const id = ends ? (request.stopTokenIds[0] ?? 0) : (this.#vocabulary.encode(piece)[0] ?? 0);
      this.sampled.push(id);
      const full = count + 1 === request.maxTokens;
      yield {
        tokenIds: [id],
        text: '',
        ...(ends ? { finishReason: 'stop', stopReason: id } : full ? { finishReason: 'length' } : {}),
      };
      if (ends || full) return;
    }
  }

  /** The next one or two characters: one if the text ends after it. */
  #piece(text: string, mayEnd: boolean): string {
    const first = nextAfter(text);
    if (this.#vocabulary.width === 1 || (mayEnd && endsAfter(text + first))) return first;
    return first + nextAfter(text + first);
  }
}

const ALPHABET = 'abcdefgh 12.';

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash = (hash ^ (hash >>> 15)) >>> 0;
  }
  return hash;
}

const nextAfter = (text: string) => ALPHABET[(hashOf(text) >>> 8) % ALPHABET.length] ?? 'a';
const endsAfter = (text: string) => hashOf(text) % 40 === 0;
