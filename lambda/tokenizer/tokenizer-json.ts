import { readFile } from 'node:fs/promises';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as z from 'zod';
import { controlStringCutter } from './cut-control-strings.ts';
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';
import { UnknownControlTokenError } from './unknown-control-token-error.ts';
import { tokenBytes, tokenWriting, vocabularyDecoder } from './vocabulary-decoder.ts';

const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() })),
  model: z.looseObject({ type: z.string().optional() }),
  decoder: z.unknown(),
});

/** The longest text that is encoded at once, between two looks at other work. Characters. */
const LONGEST_PIECE = 20_000;

/**
 * A tokenizer in the function, from the model's own Hugging Face tokenizer.json. It is read and built on first use, once
 * (`load()` does it ahead of time). Every added token of the file counts as a control token.
 */
export class TokenizerJson implements Tokenizer {
  readonly #read: () => Promise<string>;
  #loaded: Promise<Loaded> | undefined;
  #now: Loaded | undefined;

  constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  static fromFile(path: string): TokenizerJson {
    return new TokenizerJson(() => readFile(path, 'utf8'));
  }

  /** @throws {Error} where the file is missing or is no tokenizer.json. The next call tries again. */
  async load(): Promise<void> {
    await this.#ready();
  }

  async encode(text: string): Promise<readonly number[]> {
    const { tokenizer, cut, controlIds } = await this.#ready();
    const ids: number[] = [];
    // Lone surrogates are no text: they become U+FFFD, as in every UTF-8 encoder.
    for (const piece of cut(text.toWellFormed())) {
      for (const part of partsOf(piece)) {
        for (const id of encodePart(part, tokenizer, controlIds)) ids.push(id);
      }
    }
    return ids;
  }

  async controlId(token: string): Promise<number> {
    const id = (await this.#ready()).controls.get(token);
    if (id === undefined) throw new UnknownControlTokenError(token);
    return id;
  }

  streamDecoder(): StreamDecoder | undefined {
    const bytesOf = this.#now?.bytesOf;
    return bytesOf === undefined ? undefined : vocabularyDecoder(bytesOf);
  }

  #ready(): Promise<Loaded> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #load(): Promise<Loaded> {
    const json = tokenizerJsonSchema.parse(JSON.parse(await this.#read()));
    const tokenizer = new HuggingFaceTokenizer(json, {});
    const controls = new Map(json.added_tokens.map((token) => [token.content, token.id]));
    const controlIds = new Set(controls.values());
    const shown = new Map(
      json.added_tokens.filter(isShown).map(({ id, content }) => [id, Buffer.from(content, 'utf8')]),
    );
    const writing = tokenWriting(json.decoder);
    const known = new Map<number, Uint8Array>();
    const bytesOf = (id: number) => {
      if (controlIds.has(id) || writing === undefined) return shown.get(id);
      const before = known.get(id);
      if (before !== undefined) return before;
      const bytes = tokenBytes(tokenizer.id_to_token(id) ?? '', writing);
      known.set(id, bytes);
      return bytes;
    };
    this.#now = {
      tokenizer,
      controls,
      controlIds,
      cut: controlStringCutter([...controls.keys()]),
      bytesOf: writing === undefined ? undefined : bytesOf,
    };
    return this.#now;
  }
}

/** Tokens such as `<tool_call>` are text to who reads an answer; special ones and the delimiters of thinking are not. */
function isShown({ content, special }: { readonly content: string; readonly special?: boolean | undefined }): boolean {
  return special === false && !/^<\/?think>$/.test(content);
}

interface Loaded {
  readonly tokenizer: HuggingFaceTokenizer;
  readonly controls: ReadonlyMap<string, number>;
  readonly controlIds: ReadonlySet<number>;
  readonly cut: (text: string) => readonly string[];
  readonly bytesOf: ((id: number) => Uint8Array | undefined) | undefined;
}

/** Ordinary ids only, come what may: a normalizer could make a control string of what was none. */
function encodePart(text: string, tokenizer: HuggingFaceTokenizer, controlIds: ReadonlySet<number>): readonly number[] {
  const encode = (part: string): readonly number[] => tokenizer.encode(part, { add_special_tokens: false }).ids;
  const ids = encode(text);
  if (!ids.some((id) => controlIds.has(id))) return ids;
  const finer = [...text].flatMap(encode);
  if (!finer.some((id) => controlIds.has(id))) return finer;
  throw new Error('A single character of this text is a control token of the model. Leave it out.');
}

/** A long text in parts that end before a space and a word, where byte-level tokenizers begin a new token anyway. */
function* partsOf(text: string): Generator<string> {
  let from = 0;
  while (text.length - from > LONGEST_PIECE) {
    let end = from + LONGEST_PIECE;
    while (end > from && !/^\S \S/.test(text.slice(end - 1, end + 2))) end--;
    if (end === from) {
      // Not one space in all of it: cut anywhere, but in no character.
      end += LONGEST_PIECE;
      if (/[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end--;
    }
    yield text.slice(from, end);
    from = end;
  }
  if (from < text.length) yield text.slice(from);
}
