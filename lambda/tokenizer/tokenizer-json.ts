import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as z from 'zod';
import { controlStringCutter } from './cut-control-strings.ts';
import { leastTokens } from './least-tokens.ts';
import type { EncodeOptions, ShownControls, StreamDecoder, Tokenizer } from './tokenizer.ts';
import { TooManyTokensError } from './too-many-tokens-error.ts';
import { UnencodableTextError } from './unencodable-text-error.ts';
import { UnknownControlTokenError } from './unknown-control-token-error.ts';
import { tokenBytes, tokenWriting, vocabularyDecoder, withoutLast } from './vocabulary-decoder.ts';

const addedTokenSchema = z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().optional() });
type AddedToken = z.infer<typeof addedTokenSchema>;

const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema),
  model: z.looseObject({ type: z.string().optional() }),
  decoder: z.unknown(),
});

/** Time after which the encoding of a long text lets other work run, in milliseconds. */
const SLICE_MS = 10;

/** Maximum length of a text that is encoded in one call, in characters. */
const MAX_PIECE_LENGTH = 20_000;

/**
 * Tokenizes in the function, with the model's own Hugging Face tokenizer.json. The file is read once, on first use, or ahead of it
 * by `load()`. Every added token of the file counts as a control token.
 */
export class TokenizerJson implements Tokenizer {
  readonly #read: () => Promise<string>;
  #loaded: Promise<Loaded> | undefined;
  #now: Loaded | undefined;

  constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  /** Creates a tokenizer of a file, which is read on first use. */
  static fromFile(path: string): TokenizerJson {
    return new TokenizerJson(() => readFile(path, 'utf8'));
  }

  /**
   * Reads the file now.
   *
   * @throws {Error} if the file is missing or is no tokenizer.json. The next call retries.
   */
  async load(): Promise<void> {
    await this.#ready();
  }

  async encode(
    text: string,
    { signal, maxTokens = Number.POSITIVE_INFINITY }: EncodeOptions = {},
  ): Promise<readonly number[]> {
    const { tokenizer, cut, controlIds } = await this.#ready();
    if (leastTokens([text], maxTokens) > maxTokens) throw new TooManyTokensError();
    const ids: number[] = [];
    let since = performance.now();
    // Lone surrogates become U+FFFD, as in every UTF-8 encoder.
    for (const piece of cut(text.toWellFormed())) {
      for (const part of splitLong(piece)) {
        for (const id of encodePart(part, tokenizer, controlIds)) ids.push(id);
        if (ids.length > maxTokens) throw new TooManyTokensError();
        if (performance.now() - since < SLICE_MS) continue;
        // Lets other requests go on, and notices that the client left.
        await setImmediate();
        signal?.throwIfAborted();
        since = performance.now();
      }
    }
    return ids;
  }

  async encodeRaw(
    text: string,
    { signal, maxTokens = Number.POSITIVE_INFINITY }: EncodeOptions = {},
  ): Promise<readonly number[]> {
    const { controls } = await this.#ready();
    const ids: number[] = [];
    for (const piece of splitAtControls(text.toWellFormed(), controls)) {
      const control = controls.get(piece);
      const left = { ...(signal === undefined ? {} : { signal }), maxTokens: maxTokens - ids.length };
      if (control === undefined) for (const id of await this.encode(piece, left)) ids.push(id);
      else ids.push(control);
      if (ids.length > maxTokens) throw new TooManyTokensError();
    }
    return ids;
  }

  checkTexts(texts: readonly string[], maxTokens: number): void {
    if (leastTokens(texts, maxTokens) > maxTokens) throw new TooManyTokensError();
  }

  async counter(): Promise<(text: string) => number> {
    const { tokenizer, cut, controlIds } = await this.#ready();
    return (text) => {
      let count = 0;
      for (const piece of cut(text.toWellFormed())) {
        for (const part of splitLong(piece)) count += encodePart(part, tokenizer, controlIds).length;
      }
      return count;
    };
  }

  async controlId(token: string): Promise<number> {
    const id = (await this.#ready()).controls.get(token);
    if (id === undefined) throw new UnknownControlTokenError(token);
    return id;
  }

  streamDecoder({ controls = 'none' }: { readonly controls?: ShownControls } = {}): StreamDecoder | undefined {
    const loaded = this.#now;
    if (loaded?.bytesOf === undefined) return undefined;
    const { bytesOf, controlTexts, controlIds } = loaded;
    if (controls === 'none') return vocabularyDecoder(bytesOf);
    const shown = vocabularyDecoder((id) => controlTexts.get(id) ?? bytesOf(id));
    return controls === 'all' ? shown : withoutLast(shown, controlIds);
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
    const visible = new Map(
      json.added_tokens.filter(isVisible).map(({ id, content }) => [id, Buffer.from(content, 'utf8')]),
    );
    const writing = tokenWriting(json.decoder);
    const cache = new Map<number, Uint8Array>();
    const bytesOf = (id: number) => {
      if (controlIds.has(id) || writing === undefined) return visible.get(id);
      const cached = cache.get(id);
      if (cached !== undefined) return cached;
      const bytes = tokenBytes(tokenizer.id_to_token(id) ?? '', writing);
      cache.set(id, bytes);
      return bytes;
    };
    this.#now = {
      tokenizer,
      controls,
      controlIds,
      controlTexts: new Map(json.added_tokens.map(({ id, content }) => [id, Buffer.from(content, 'utf8')])),
      cut: controlStringCutter([...controls.keys()]),
      bytesOf: writing === undefined ? undefined : bytesOf,
    };
    return this.#now;
  }
}

/** Whether an added token is part of an answer's text: `<tool_call>` is, special tokens and the delimiters of thinking are not. */
function isVisible({ content, special }: AddedToken): boolean {
  return special === false && !/^<\/?think>$/.test(content);
}

interface Loaded {
  readonly tokenizer: HuggingFaceTokenizer;
  readonly controls: ReadonlyMap<string, number>;
  readonly controlIds: ReadonlySet<number>;
  readonly controlTexts: ReadonlyMap<number, Uint8Array>;
  readonly cut: (text: string) => readonly string[];
  readonly bytesOf: ((id: number) => Uint8Array | undefined) | undefined;
}

/** Splits a text into control strings and the text between them. Of several that begin at one place, the longest counts. */
function splitAtControls(text: string, controls: ReadonlyMap<string, number>): readonly string[] {
  const patterns = [...controls.keys()]
    .filter((control) => control !== '')
    .toSorted((a, b) => b.length - a.length)
    .map((control) => control.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  if (patterns.length === 0) return [text];
  return text.split(new RegExp(`(${patterns.join('|')})`, 'u')).filter((piece) => piece !== '');
}

/** Encodes ordinary text. If a normalizer turns a part of it into a control string, encodes each character by itself. */
function encodePart(text: string, tokenizer: HuggingFaceTokenizer, controlIds: ReadonlySet<number>): readonly number[] {
  const encode = (part: string): readonly number[] => tokenizer.encode(part, { add_special_tokens: false }).ids;
  const ids = encode(text);
  if (!ids.some((id) => controlIds.has(id))) return ids;
  const finer = [...text].flatMap(encode);
  if (!finer.some((id) => controlIds.has(id))) return finer;
  throw new UnencodableTextError(
    'The text contains a character that is a control token of the model by itself. Leave the character out.',
  );
}

/** Splits a long text before a space and a word: a place at which byte-level tokenizers begin a new token in any case. */
function* splitLong(text: string): Generator<string> {
  let from = 0;
  while (text.length - from > MAX_PIECE_LENGTH) {
    let end = from + MAX_PIECE_LENGTH;
    while (end > from && !/^\S \S/.test(text.slice(end - 1, end + 2))) end--;
    if (end === from) {
      // There is no such place, so cut anywhere but inside a character.
      end += MAX_PIECE_LENGTH;
      if (/[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end--;
    }
    yield text.slice(from, end);
    from = end;
  }
  if (from < text.length) yield text.slice(from);
}
