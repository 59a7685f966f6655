import type { FormatIds, OutputPrefix, Tool, ToolGrammar, Turn } from '../forcing/format.ts';
import { encodeTurns, resolveFormat, withSystem } from '../formats/encode-format.ts';
import { encodePrefix } from '../formats/encode-prefix.ts';
import { formats } from '../formats/index.ts';
import type { FallbackGap, Price } from '../settings/fallback-settings.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { EncodeOptions, ShownControls, StreamDecoder, Tokenizer } from '../tokenizer/tokenizer.ts';
import type { CircuitBreaker } from '../upstream/circuit-breaker.ts';
import type { SegmentModel } from '../upstream/segment-model.ts';

/** Maximum number of texts whose ids are cached. Clients choose `wait_text`, so the cache must be bounded. */
const MAX_CACHED_TEXTS = 64;

/** A model that the API serves: its settings, its tokenizer and the upstream that runs its segments. */
export class ServedModel {
  readonly settings: ModelSettings;
  readonly segments: SegmentModel;
  readonly tokenizer: Tokenizer;
  /** What to do if the upstream fails. If omitted, calls are only retried. */
  failover?: FailoverSettings;
  readonly #texts = new Map<string, readonly number[]>();
  readonly #formatIds = new Map<boolean, Promise<FormatIds>>();

  constructor(settings: ModelSettings, segments: SegmentModel, tokenizer: Tokenizer) {
    this.settings = settings;
    this.segments = segments;
    this.tokenizer = tokenizer;
  }

  /** How the model's family calls tools; `undefined` if it was not trained to. */
  get tools(): ToolGrammar | undefined {
    return formats[this.settings.format].tools;
  }

  /** Returns the format in this model's ids (see `resolveFormat`). The result is cached for each `bare`; a failure is not. */
  format({ bare }: { readonly bare: boolean }): Promise<FormatIds> {
    const known = this.#formatIds.get(bare);
    if (known !== undefined) return known;
    const ids = resolveFormat(formats[this.settings.format], this.tokenizer, { bare }).catch((error: unknown) => {
      this.#formatIds.delete(bare);
      throw error;
    });
    this.#formatIds.set(bare, ids);
    return ids;
  }

  /** Encodes a conversation and its tools up to the assistant's turn, before the thinking is opened. */
  promptIds(
    turns: readonly Turn[],
    options: EncodeOptions & { readonly tools?: readonly Tool[] } = {},
  ): Promise<number[]> {
    return encodeTurns(formats[this.settings.format], turns, this.tokenizer, this.settings.systemPrompt, options);
  }

  /** The conversation as the model sees it: with its default system message, if it has none. */
  withSystem(turns: readonly Turn[]): readonly Turn[] {
    const { systemPrompt, format } = this.settings;
    return withSystem(turns, systemPrompt ?? formats[format].defaultSystem);
  }

  /** Encodes a raw prompt, whose control strings are control tokens. */
  async rawIds(text: string, options: EncodeOptions = {}): Promise<readonly number[]> {
    return await this.tokenizer.encodeRaw(text, options);
  }

  /** Encodes the beginning of an output that a generation continues (see `encodePrefix`). */
  prefixIds(prefix: OutputPrefix, options: EncodeOptions = {}): Promise<number[]> {
    return encodePrefix(formats[this.settings.format], prefix, this.tokenizer, options);
  }

  /**
   * Returns a factory of decoders of this model's ids, or `undefined` if only its server can decode.
   *
   * @param options.controls which control tokens have text. @default 'none'
   */
  newDecoder(options: { readonly controls?: ShownControls } = {}): (() => StreamDecoder) | undefined {
    const { tokenizer } = this;
    if (tokenizer.streamDecoder(options) === undefined) return undefined;
    return () => {
      const decoder = tokenizer.streamDecoder(options);
      if (decoder === undefined) throw new Error('The tokenizer returned a decoder before, but not now.');
      return decoder;
    };
  }

  /** Encodes a short text and caches the result. */
  async textIds(text: string): Promise<readonly number[]> {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const ids = await this.tokenizer.encode(text);
    if (this.#texts.size < MAX_CACHED_TEXTS) this.#texts.set(text, ids);
    return ids;
  }
}

/** An upstream on which the requests of a model go on. */
export interface Fallback {
  /** Id of a model, or the name of an upstream that serves none. */
  readonly name: string;
  /** The model as this upstream serves it: with its own format, tokenizer and window. */
  readonly model: ServedModel;
  readonly breaker: CircuitBreaker;
  /** What requests may ask for that this upstream cannot do. */
  readonly cannot: readonly FallbackGap[];
  /** If omitted, the price of the model that was asked for. */
  readonly price?: Price | undefined;
}

/** What a model does if its upstream fails. */
export interface FailoverSettings {
  /** The breaker of the model's own upstream. */
  readonly breaker: CircuitBreaker;
  readonly fallbacks: readonly Fallback[];
  /** See `ModelSettings`. */
  readonly hedgeAfterMs?: number | undefined;
}
