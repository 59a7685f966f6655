import type { StreamDecoder } from './tokenizer.ts';

/** Returns the bytes of one token, which need not be whole characters, or `undefined` if it has no text (a control token). */
export type BytesOf = (id: number) => Uint8Array | undefined;

/** Creates a decoder that joins the bytes of each id. The text depends on the ids alone, not on how they are cut into pieces. */
export function vocabularyDecoder(bytesOf: BytesOf): StreamDecoder {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push(ids) {
      let text = '';
      for (const id of ids) {
        const bytes = bytesOf(id);
        if (bytes !== undefined) text += utf8.decode(bytes, { stream: true });
      }
      return text;
    },
    end() {
      // Only the beginning of a character can be left; resetting the decoder drops it.
      utf8.decode();
      return '';
    },
  };
}

/** A decoder that holds back these ids until others follow, so that they have no text at the end of an output. */
export function withoutLast(decoder: StreamDecoder, held: ReadonlySet<number>): StreamDecoder {
  let waiting: readonly number[] = [];
  return {
    push(ids) {
      const all = [...waiting, ...ids];
      const end = all.findLastIndex((id) => !held.has(id)) + 1;
      waiting = all.slice(end);
      return decoder.push(all.slice(0, end));
    },
    end: () => decoder.end(),
  };
}

/** How the vocabulary of a tokenizer.json represents bytes, from its `decoder`; `undefined` if in neither supported way. */
export function tokenWriting(decoder: unknown): 'byte-level' | 'sentencepiece' | undefined {
  const types = JSON.stringify(decoder ?? null);
  if (types.includes('"ByteLevel"')) return 'byte-level';
  if (types.includes('"ByteFallback"')) return 'sentencepiece';
  return undefined;
}

/**
 * Returns the bytes of a token of the vocabulary.
 *
 * Source: `bytes_to_unicode` of openai/gpt-2's encoder.py; byte fallback of google/sentencepiece.
 */
export function tokenBytes(token: string, writing: 'byte-level' | 'sentencepiece'): Uint8Array {
  if (writing === 'byte-level') {
    const bytes = [...token].map((character) => byteOfCharacter.get(character));
    return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : Buffer.from(token, 'utf8');
  }
  const fallback = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return fallback === undefined
    ? Buffer.from(token.replaceAll('\u2581', ' '), 'utf8')
    : Uint8Array.of(Number.parseInt(fallback, 16));
}

/** The byte of each character of GPT-2's alphabet: printable bytes map to themselves, the others to U+0100 and up, in order. */
const byteOfCharacter = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  byteOfCharacter.set(String.fromCodePoint(printable ? byte : next++), byte);
}
