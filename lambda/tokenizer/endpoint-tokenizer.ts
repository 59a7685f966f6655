import * as z from 'zod';
import { controlStringCutter } from './cut-control-strings.ts';
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';
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

  /** @throws {RangeError} if the text contains more than 255 control strings. */
  async encode(text: string): Promise<readonly number[]> {
    const pieces = this.#cut(text.toWellFormed());
    if (pieces.length > MAX_PIECES) {
      throw new RangeError(
        `The text contains ${pieces.length - 1} control strings, but at most ${MAX_PIECES - 1} are allowed. Remove some of them.`,
      );
    }
    const ids: number[] = [];
    for (const piece of pieces) for (const id of await this.#tokenize(piece)) ids.push(id);
    return ids;
  }

  async encodeRaw(text: string): Promise<readonly number[]> {
    return await this.#tokenize(text.toWellFormed());
  }

  async controlId(token: string): Promise<number> {
    const [id, ...more] = await this.#tokenize(token);
    if (id === undefined || more.length > 0) throw new UnknownControlTokenError(token);
    return id;
  }

  streamDecoder(): StreamDecoder | undefined {
    return undefined;
  }

  async #tokenize(prompt: string): Promise<readonly number[]> {
    const cached = this.#cache.get(prompt);
    if (cached !== undefined) return cached;
    const body = { model: this.#servedModelName, prompt, add_special_tokens: false };
    const { tokens } = responseSchema.parse(await this.#route('/tokenize', body));
    if (prompt.length <= MAX_CACHED_LENGTH && this.#cache.size < MAX_CACHED_PIECES) this.#cache.set(prompt, tokens);
    return tokens;
  }
}
