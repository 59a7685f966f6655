import type { Clock } from '../clock.ts';
import { invalidRequest, toApiError } from '../errors/api-error.ts';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { PromptPart, Turn } from '../forcing/format.ts';
import type { WaitText } from '../forcing/plan.ts';
import { lastUserIndex } from '../formats/turn-parts.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { FoundPassage } from '../retrieval/passage.ts';
import { BLOCK_HEAD, BLOCK_IN_THOUGHT, BLOCK_TAIL, passageText } from '../retrieval/passage-block.ts';
import type { Retriever } from '../retrieval/retriever.ts';
import { TooManyTokensError } from '../tokenizer/too-many-tokens-error.ts';
import { UnencodableTextError } from '../tokenizer/unencodable-text-error.ts';
import type { LookUp, PlacedPassage, RetrievalAccount, RetrievalOptions } from './retrieval.ts';

/** Maximum length of a query that is taken from the conversation, in characters. Of a longer message, its beginning is looked up. */
const MAX_QUERY = 4_096;

/** A block of passages in the ids of a model. */
export interface PassageBlock {
  /** Its parts, each encoded on its own. Empty if the block has no passage. */
  readonly parts: readonly EncodedText[];
  readonly account: RetrievalAccount;
}

type EncodedText = Required<Extract<PromptPart, { readonly text: string }>>;

export interface LookupOptions {
  readonly retriever: Retriever;
  readonly options: RetrievalOptions;
  readonly caller: Pick<Caller, 'id'>;
  readonly turns: readonly Turn[];
  /** Returns the time on a clock, in milliseconds. */
  readonly now: () => number;
}

/** The search of a request: done at most once, for all its samples, models and upstreams. */
export class Lookup {
  readonly #options: LookupOptions;
  #found: Promise<readonly FoundPassage[]> | undefined;
  #checked: Promise<void> | undefined;
  #from: number | undefined;
  #endedAt: number | undefined;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Number of searches so far: 0 or 1. */
  get searches(): number {
    return this.#found === undefined ? 0 : 1;
  }

  get when(): RetrievalOptions['when'] {
    return this.#options.options.when;
  }

  /** Duration of the search so far, in milliseconds. */
  get searchMs(): number {
    return this.#from === undefined ? 0 : Math.round((this.#endedAt ?? this.#options.now()) - this.#from);
  }

  /** The text that is looked up. */
  get query(): string {
    const { options, turns } = this.#options;
    return options.query ?? lastUserText(turns).trim().slice(0, MAX_QUERY).toWellFormed();
  }

  /**
   * Checks the stores without a search, if the retriever can: a request whose model turns out to be sure must not hide an unknown store.
   *
   * @throws {ApiError} 400 if there is nothing to look up; 404 if a store is not the key's
   */
  async check(): Promise<void> {
    this.#refuseEmpty();
    const { retriever, options, caller } = this.#options;
    this.#checked ??= retriever.checkStores?.({ key: caller.id, stores: options.stores }) ?? Promise.resolve();
    await this.#checked;
  }

  /**
   * Returns the block of the passages that were found, in the ids of a model: whole passages by score, until the next one would exceed
   * the maximum. A passage that the tokenizer cannot encode is left out.
   *
   * @throws {ApiError} 400 if there is nothing to look up; 404 if a store is not the key's
   * @param context.before texts in front of the block, which count in it. @default - none
   * @throws the error of the search
   */
  async blockFor(
    model: ServedModel,
    { signal, before = [] }: { readonly signal: AbortSignal; readonly before?: readonly string[] },
  ): Promise<PassageBlock> {
    const { options } = this.#options;
    this.#found ??= this.#search();
    const passages = await this.#found;
    signal.throwIfAborted();
    const account = { when: options.when, query: this.query, searchMs: this.searchMs } as const;
    const frame = await Promise.all([BLOCK_TAIL, ...before, BLOCK_HEAD].map((text) => encoded(text, model)));
    const [tail, ...head] = frame;
    const { placed, texts } = await place(passages, model, options.maxTokens - lengthOf(frame), signal);
    if (texts.length === 0 || tail === undefined) {
      return { parts: [], account: { ...account, tokens: 0, passages: [], leftOut: passages.length } };
    }
    const parts = [...head, ...texts, tail];
    const leftOut = passages.length - placed.length;
    return { parts, account: { ...account, tokens: lengthOf(parts), passages: placed, leftOut } };
  }

  /** The same block as it is appended to a thought. `undefined` if it has no passage. */
  async thoughtFor(
    model: ServedModel,
    context: { readonly signal: AbortSignal },
  ): Promise<{ readonly text: WaitText | undefined; readonly account: RetrievalAccount }> {
    const { parts, account } = await this.blockFor(model, { ...context, before: [BLOCK_IN_THOUGHT] });
    if (parts.length === 0) return { text: undefined, account };
    return { text: { ids: parts.flatMap(({ ids }) => ids), text: parts.map(({ text }) => text).join('') }, account };
  }

  #refuseEmpty(): void {
    if (this.query !== '') return;
    throw invalidRequest(
      'retrieval.query',
      'There is nothing to look up: the last message of the user has no text. Give retrieval.query.',
    );
  }

  async #search(): Promise<readonly FoundPassage[]> {
    const { retriever, options, caller, now } = this.#options;
    const { query: text } = this;
    this.#refuseEmpty();
    this.#from = now();
    const { stores, maxResults, scoreThreshold, filter, hybrid } = options;
    try {
      const found = await retriever.search({
        ...{ key: caller.id, stores, text, maxResults, scoreThreshold },
        ...(filter === undefined ? {} : { filter }),
        ...(hybrid === undefined ? {} : { hybrid }),
      });
      return found.slice(0, maxResults);
    } finally {
      this.#endedAt = now();
    }
  }
}

/** The text of the last message of the user. Empty if there is none. */
function lastUserText(turns: readonly Turn[]): string {
  const content = turns[lastUserIndex(turns)]?.content ?? [];
  return content.map((part) => ('text' in part ? part.text : '')).join('');
}

/** The passages that have at most `maxTokens` together, in their order. */
async function place(
  passages: readonly FoundPassage[],
  model: ServedModel,
  maxTokens: number,
  signal: AbortSignal,
): Promise<{ readonly placed: readonly PlacedPassage[]; readonly texts: readonly EncodedText[] }> {
  const placed: PlacedPassage[] = [];
  const texts: EncodedText[] = [];
  let left = maxTokens;
  for (const passage of passages) {
    if (left <= 0) break;
    const text = passageText(passage, placed.length + 1);
    try {
      const ids = await model.tokenizer.encode(text, { signal, maxTokens: left });
      left -= ids.length;
      // A tokenizer may leave the maximum to its caller.
      if (left < 0) break;
      texts.push({ text, ids });
      const { id, fileId, storeId, filename, titlePath, attributes, score } = passage;
      const { length: tokens } = ids;
      placed.push({ id, fileId, storeId, filename, titlePath, text: passage.text, attributes, score, tokens });
    } catch (error) {
      if (error instanceof TooManyTokensError) break;
      if (!(error instanceof UnencodableTextError)) throw error;
    }
  }
  return { placed, texts };
}

async function encoded(text: string, model: ServedModel): Promise<EncodedText> {
  return { text, ids: await model.textIds(text) };
}

function lengthOf(parts: readonly EncodedText[]): number {
  return parts.reduce((sum, { ids }) => sum + ids.length, 0);
}

/**
 * Puts a block of passages in a conversation: at the beginning of the last message of the user, so that everything before stays in the
 * prefix cache, and no family needs another role. docs/decisions/0032-passages-as-marked-data.md says why.
 */
export function withPassages(turns: readonly Turn[], { parts }: PassageBlock): readonly Turn[] {
  if (parts.length === 0) return turns;
  const at = lastUserIndex(turns);
  if (at < 0) return [...turns, { role: 'user', content: parts }];
  return turns.map((turn, index) => (index === at ? { ...turn, content: [...parts, ...turn.content] } : turn));
}

/** The search of a request. `undefined` if it wants none, or the deployment has no store of documents. */
export function lookupOf(
  { retrieval, turns }: { readonly retrieval?: RetrievalOptions | undefined; readonly turns: readonly Turn[] },
  { retriever, clock }: { readonly retriever?: Retriever; readonly clock: Clock },
  caller: Pick<Caller, 'id'>,
): Lookup | undefined {
  if (retrieval === undefined || retriever === undefined) return undefined;
  return new Lookup({ retriever, options: retrieval, caller, turns, now: () => clock.now() });
}

/**
 * The search of a request for the thought of a model. `undefined` if the request looks nothing up while the model thinks. A failure is
 * logged, without what was looked up, and the model goes on without passages: its thought is worth more than the search.
 */
export function passagesFor(
  model: ServedModel,
  { lookup, requestId }: { readonly lookup?: Lookup | undefined; readonly requestId: string },
  log: Log,
): LookUp | undefined {
  if (lookup?.when !== 'unsure') return undefined;
  const { query, when } = lookup;
  return {
    query,
    find: async (signal) => {
      try {
        return await lookup.thoughtFor(model, { signal });
      } catch (error) {
        signal.throwIfAborted();
        log('error', 'search failed', { request_id: requestId, model: model.settings.id, ...loggableError(error) });
        const failure = toApiError(error).code ?? 'server_error';
        return {
          text: undefined,
          account: { when, query, tokens: 0, searchMs: lookup.searchMs, passages: [], leftOut: 0, failure },
        };
      }
    },
  };
}
