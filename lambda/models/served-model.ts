import type { FormatIds, Turn } from '../forcing/format.ts';
import { encodeTurns, resolveFormat } from '../formats/encode-format.ts';
import { formats } from '../formats/index.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { StreamDecoder, Tokenizer } from '../tokenizer/tokenizer.ts';
import type { SegmentModel } from '../upstream/segment-model.ts';

/** The most texts whose ids are kept: `wait_text` comes from outside. */
const TEXTS_KEPT = 64;

/** A model as the routes see it: its settings, its tokenizer, and how to run a segment on it. */
export class ServedModel {
  readonly settings: ModelSettings;
  readonly segments: SegmentModel;
  readonly tokenizer: Tokenizer;
  readonly #texts = new Map<string, readonly number[]>();
  readonly #formatIds = new Map<boolean, Promise<FormatIds>>();

  constructor(settings: ModelSettings, segments: SegmentModel, tokenizer: Tokenizer) {
    this.settings = settings;
    this.segments = segments;
    this.tokenizer = tokenizer;
  }

  /** How this model's family calls tools. */
  get tools(): 'hermes' | undefined {
    return formats[this.settings.format].tools;
  }

  /** The format in this model's ids. Resolved once for each `bare`; a failure is not kept. */
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

  /** The ids of a conversation, the thinking not yet opened. */
  promptIds(turns: readonly Turn[]): Promise<number[]> {
    return encodeTurns(formats[this.settings.format], turns, this.tokenizer, this.settings.systemPrompt);
  }

  /** Makes decoders of this model's ids, or `undefined` where only its server can decode. */
  newDecoder(): (() => StreamDecoder) | undefined {
    const { tokenizer } = this;
    if (tokenizer.streamDecoder() === undefined) return undefined;
    return () => {
      const decoder = tokenizer.streamDecoder();
      if (decoder === undefined) throw new Error('The tokenizer stopped decoding.');
      return decoder;
    };
  }

  /** The ids of a short text, kept for the next time. */
  async textIds(text: string): Promise<readonly number[]> {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const ids = await this.tokenizer.encode(text);
    if (this.#texts.size < TEXTS_KEPT) this.#texts.set(text, ids);
    return ids;
  }
}
