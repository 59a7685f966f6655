import * as z from 'zod';
import { controlStringCutter } from './cut-control-strings.ts';
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';
import { UnknownControlTokenError } from './unknown-control-token-error.ts';

/** Calls the model server's `/tokenize`. */
export type TokenizeRoute = (route: '/tokenize', body: unknown, signal?: AbortSignal) => Promise<unknown>;

const answerSchema = z.object({ tokens: z.array(z.int()) });

/** Control strings of the families that we know, and the shapes that all others have had so far. */
const KNOWN_CONTROLS = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>'];
const CONTROL_SHAPE = /<[|｜][^|｜<>]{1,64}[|｜]>|\[\/?[A-Z_]{3,32}\]|<\/?s>/u;

/** More control strings than this in one text, and each would be a call. */
const MAX_PIECES = 256;
const PIECES_KEPT = 1_024;

/**
 * Tokenizes by the model's server, for servers whose tokenizer.json is not at hand. The server parses every control string that it sees
 * whole, so each piece of a cut text goes there by itself. It cannot decode: the server's own text is used.
 */
export class EndpointTokenizer implements Tokenizer {
  readonly #route: TokenizeRoute;
  readonly #servedModelName: string | undefined;
  readonly #cut = controlStringCutter(KNOWN_CONTROLS, CONTROL_SHAPE);
  readonly #known = new Map<string, readonly number[]>();

  constructor(route: TokenizeRoute, servedModelName?: string) {
    this.#route = route;
    this.#servedModelName = servedModelName;
  }

  async encode(text: string): Promise<readonly number[]> {
    const pieces = this.#cut(text.toWellFormed());
    if (pieces.length > MAX_PIECES) {
      throw new RangeError(
        `The text holds ${pieces.length - 1} control strings; at most ${MAX_PIECES - 1} can be taken.`,
      );
    }
    const ids: number[] = [];
    for (const piece of pieces) for (const id of await this.#tokenize(piece)) ids.push(id);
    return ids;
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
    const known = this.#known.get(prompt);
    if (known !== undefined) return known;
    const body = { model: this.#servedModelName, prompt, add_special_tokens: false };
    const { tokens } = answerSchema.parse(await this.#route('/tokenize', body));
    // Short pieces are fixed strings and the halves of control strings; long ones are what somebody wrote.
    if (prompt.length <= 64 && this.#known.size < PIECES_KEPT) this.#known.set(prompt, tokens);
    return tokens;
  }
}
