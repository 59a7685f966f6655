import * as z from 'zod';
import { controlStringCutter } from './cut-control-strings.ts';
import { leastTokens } from './least-tokens.ts';
import type { EncodeOptions, StreamDecoder, Tokenizer } from './tokenizer.ts';
import { TooManyTokensError } from './too-many-tokens-error.ts';
import { UnencodableTextError } from './unencodable-text-error.ts';
import { UnknownControlTokenError } from './unknown-control-token-error.ts';

/** Calls the model server's `/tokenize` and returns the parsed JSON of its response. */
export type TokenizeRoute = (route: '/tokenize', body: unknown, signal?: AbortSignal) => Promise<unknown>;

const responseSchema = z.object({ tokens: z.array(z.int()) });

/** Control strings of the supported families that do not have the usual shape. */
const KNOWN_CONTROLS = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>'];
/** The shapes of all other published control strings: `<|name|>`, `<｜name｜>`, `[NAME]`, `<s>`. */
const CONTROL_SHAPE = /<[|｜][^|｜<>]{1,64}[|｜]>|\[\/?[A-Z_]{3,32}\]|<\/?s>/u;

/** Maximum number of pieces of one text: each is a call of the server. */
const MAX_PIECES = 256;
/** Maximum number of calls of the server for the texts of one request. Each waits for the one before. */
const MAX_CALLS = 1_024;
/** Maximum number of cached pieces. */
const MAX_CACHED_PIECES = 1_024;
/** Maximum length of a cached piece, in characters. Fixed strings and halves of control strings are short; other pieces rarely recur. */
const MAX_CACHED_LENGTH = 64;

/**
 * Tokenizes with the model server's `/tokenize`, for models whose tokenizer.json is not available. The server turns every whole control
 * string into a control token, so a text is cut inside them and each piece is sent in a call of its own. It cannot decode, so the
 * server's text of a completion is used.
 */
export class EndpointTokenizer implements Tokenizer {
  readonly #route: TokenizeRoute;
  readonly #servedModelName: string | undefined;
  readonly #cut = controlStringCutter(KNOWN_CONTROLS, CONTROL_SHAPE);
  readonly #cache = new Map<string, readonly number[]>();

  constructor(route: TokenizeRoute, servedModelName?: string) {
    this.#route = route;
    this.#servedModelName = servedModelName;
  }

  async encode(text: string, options: EncodeOptions = {}): Promise<readonly number[]> {
    const ids: number[] = [];
    for (const piece of this.#pieces(text)) {
      for (const id of await this.#tokenize(piece, options)) ids.push(id);
      if (ids.length > (options.maxTokens ?? Number.POSITIVE_INFINITY)) throw new TooManyTokensError();
    }
    return ids;
  }

  async encodeRaw(text: string, options: EncodeOptions = {}): Promise<readonly number[]> {
    const { maxTokens = Number.POSITIVE_INFINITY } = options;
    if (leastTokens([text], maxTokens) > maxTokens) throw new TooManyTokensError();
    const ids = await this.#tokenize(text.toWellFormed(), options);
    if (ids.length > maxTokens) throw new TooManyTokensError();
    return ids;
  }

  checkTexts(texts: readonly string[], maxTokens: number): void {
    if (leastTokens(texts, maxTokens) > maxTokens) throw new TooManyTokensError();
    const calls = new Set(texts.flatMap((text) => this.#pieces(text))).size;
    if (calls > MAX_CALLS) {
      throw new UnencodableTextError(
        `The conversation needs ${calls} calls of the model server's tokenizer, but at most ${MAX_CALLS} are made for a request. Send fewer messages and control strings, or give the deployment the model's tokenizer.json.`,
      );
    }
  }

  /** The text in pieces that hold no whole control string. */
  #pieces(text: string): readonly string[] {
    const pieces = this.#cut(text.toWellFormed());
    if (pieces.length <= MAX_PIECES) return pieces;
    throw new UnencodableTextError(
      `The text contains ${pieces.length - 1} control strings, but at most ${MAX_PIECES - 1} are allowed. Remove some of them.`,
    );
  }

  async controlId(token: string): Promise<number> {
    const [id, ...more] = await this.#tokenize(token);
    if (id === undefined || more.length > 0) throw new UnknownControlTokenError(token);
    return id;
  }

  streamDecoder(): StreamDecoder | undefined {
    return undefined;
  }

  async #tokenize(prompt: string, { signal }: EncodeOptions = {}): Promise<readonly number[]> {
    const cached = this.#cache.get(prompt);
    if (cached !== undefined) return cached;
    signal?.throwIfAborted();
    const body = { model: this.#servedModelName, prompt, add_special_tokens: false };
    const { tokens } = responseSchema.parse(await this.#route('/tokenize', body, signal));
    if (prompt.length <= MAX_CACHED_LENGTH && this.#cache.size < MAX_CACHED_PIECES) this.#cache.set(prompt, tokens);
    return tokens;
  }
}
