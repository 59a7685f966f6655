import type { ForcingReport } from '../../forcing/report.ts';
import type { AnswerPiece } from '../../generation/answer-reader.ts';
import type { PlacedPassage } from '../../generation/retrieval.ts';
import { RawJson } from '../../http/raw-json.ts';
import type { BudgetReport } from '../budget-report.ts';
import { type Citation, CitationReader, SentenceReader } from '../citations.ts';

/** Anthropic's content blocks. The signature of thinking is empty: it is never verified here. */
export type AnswerBlock =
  | { readonly type: 'thinking'; thinking: string; readonly signature: '' }
  | { readonly type: 'text'; text: string; citations: readonly SearchResultCitation[] | null }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: RawJson;
      readonly caller: typeof CALLER;
    };

/** The model itself calls tools: there is no code of its own that could. */
const CALLER = { type: 'direct' } as const;

type SearchResultCitation = ReturnType<typeof toCitation>;

export interface MessageIdentity {
  /** `msg_…` */
  readonly id: string;
  readonly model: string;
}

export interface MessageUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Those of the output that are thinking. */
  readonly thinkingTokens: number;
}

/** Collects pieces of the answer into blocks, and returns the events for each piece. */
export class MessageBlocks {
  readonly blocks: AnswerBlock[] = [];
  /** Text of the open call's input. */
  #input = '';
  #cutCall = false;
  readonly #newId: () => string;
  /** Set while texts may cite passages. */
  #cited: { readonly citations: CitationReader; readonly sentences: SentenceReader } | undefined;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /**
   * Lets the answer cite passages. A sentence that does is a block of its own, as in Anthropic's answers, so text is passed on by the
   * sentence.
   */
  cite(passages: readonly PlacedPassage[]): void {
    this.#cited =
      passages.length === 0 ? undefined : { citations: new CitationReader(passages), sentences: new SentenceReader() };
  }

  /** Whether the answer ends with calls for the client to run, all of them complete. */
  get calls(): boolean {
    return !this.#cutCall && this.blocks.some((block) => block.type === 'tool_use');
  }

  add(piece: AnswerPiece): readonly BlockEvent[] {
    if (this.#cited === undefined) return this.#add(piece);
    if (piece.kind !== 'text' || piece.forced) return [...this.#flush(), ...this.#add(piece)];
    return this.#cited.sentences.push(piece.text).flatMap((sentence) => this.#addSentence(sentence));
  }

  /** Adds the sentence that is not complete. */
  #flush(): readonly BlockEvent[] {
    const rest = this.#cited?.sentences.end() ?? '';
    return rest === '' ? [] : this.#addSentence(rest);
  }

  #addSentence(text: string): readonly BlockEvent[] {
    const found = this.#cited?.citations.push(text) ?? [];
    const [first, ...others] = found.map(toCitation);
    const open = this.blocks.at(-1);
    const piece = { kind: 'text', text, forced: false } as const;
    if (first === undefined) {
      const continues = open?.type === 'text' && open.citations === null;
      return continues ? this.#add(piece) : [...this.#closeOpen(), ...this.#begin(piece)];
    }
    const citations = [first, ...others];
    const begun = [...this.#closeOpen(), ...this.#begin(piece, [])];
    this.blocks.splice(-1, 1, { type: 'text', text, citations });
    return [...begun, ...citations.map((citation) => this.#delta({ type: 'citations_delta', citation }, false))];
  }

  #add(piece: AnswerPiece): readonly BlockEvent[] {
    const open = this.blocks.at(-1);
    if (piece.kind === 'arguments') {
      this.#input += piece.text;
      return [this.#delta({ type: 'input_json_delta', partial_json: piece.text }, false)];
    }
    if (piece.kind === 'call-end') {
      if (open?.type === 'tool_use') this.blocks.splice(-1, 1, { ...open, input: inputOf(this.#input) });
      this.#cutCall ||= !piece.complete;
      return [];
    }
    if (piece.kind === 'thinking' && open?.type === 'thinking') {
      open.thinking += piece.text;
      return [this.#delta(deltaOf(piece), piece.forced)];
    }
    if (piece.kind === 'text' && open?.type === 'text' && open.citations === null) {
      open.text += piece.text;
      return [this.#delta(deltaOf(piece), piece.forced)];
    }
    return [...this.#closeOpen(), ...this.#begin(piece)];
  }

  /** Ends the open block. */
  close(): readonly BlockEvent[] {
    return [...this.#flush(), ...this.#closeOpen()];
  }

  #closeOpen(): readonly BlockEvent[] {
    return this.blocks.length === 0 ? [] : [{ type: 'content_block_stop', index: this.blocks.length - 1 }];
  }

  /** @param citations those of a text that cites passages, which its first event has empty. `null`: the text has none */
  #begin(
    piece: Exclude<AnswerPiece, { kind: 'arguments' | 'call-end' }>,
    citations: readonly SearchResultCitation[] | null = null,
  ): readonly BlockEvent[] {
    const index = this.blocks.length;
    if (piece.kind === 'call') {
      const id = `toolu_${this.#newId()}`;
      const { name } = piece;
      this.#input = '';
      const block = { type: 'tool_use', id, name, caller: CALLER } as const;
      this.blocks.push({ ...block, input: new RawJson('{}') });
      return [{ type: 'content_block_start', index, content_block: { ...block, input: {} } }];
    }
    const thinks = piece.kind === 'thinking';
    this.blocks.push(
      thinks
        ? { type: 'thinking', thinking: piece.text, signature: '' }
        : { type: 'text', text: piece.text, citations },
    );
    const empty = thinks ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '', citations };
    return [{ type: 'content_block_start', index, content_block: empty }, this.#delta(deltaOf(piece), piece.forced)];
  }

  #delta(delta: Readonly<Record<string, unknown>>, forced: boolean): BlockEvent {
    const index = this.blocks.length - 1;
    return { type: 'content_block_delta', index, delta: forced ? { ...delta, forced } : delta };
  }
}

/**
 * Anthropic's citation of a search result: the passage as a whole.
 *
 * Source: https://platform.claude.com/docs/en/build-with-claude/search-results
 */
function toCitation({ passage, number }: Citation) {
  return {
    type: 'search_result_location' as const,
    cited_text: passage.text,
    title: passage.filename,
    source: passage.fileId,
    search_result_index: number - 1,
    start_block_index: 0,
    end_block_index: 1,
  };
}

export type BlockEvent =
  | { readonly type: 'content_block_start'; readonly index: number; readonly content_block: unknown }
  | { readonly type: 'content_block_delta'; readonly index: number; readonly delta: unknown }
  | { readonly type: 'content_block_stop'; readonly index: number };

function deltaOf(piece: Extract<AnswerPiece, { forced: boolean }>): Readonly<Record<string, unknown>> {
  return piece.kind === 'thinking'
    ? { type: 'thinking_delta', thinking: piece.text }
    : { type: 'text_delta', text: piece.text };
}

/**
 * The input of a call: the model's own text. A text that is no JSON, because the call was cut, is wrapped so that it is not taken for
 * the arguments.
 *
 * Source: "Handling invalid JSON" in https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
 */
function inputOf(text: string): RawJson {
  try {
    JSON.parse(text);
    return new RawJson(text);
  } catch {
    return new RawJson(JSON.stringify({ INVALID_JSON: text }));
  }
}

/** Anthropic's reason for the end of the answer. */
export function stopOf(report: ForcingReport, blocks: MessageBlocks) {
  if (blocks.calls) return { stop_reason: 'tool_use', stop_sequence: null };
  if (report.stopText !== undefined) return { stop_reason: 'stop_sequence', stop_sequence: report.stopText };
  return { stop_reason: report.finishReason === 'length' ? 'max_tokens' : 'end_turn', stop_sequence: null };
}

/** A message object: without blocks at the start of a stream, with all blocks in a response that is not streamed. */
export function messageOf(
  { id, model }: MessageIdentity,
  blocks: readonly AnswerBlock[],
  stop: { readonly stop_reason: string | null; readonly stop_sequence: string | null },
  usage: MessageUsage,
  report?: BudgetReport,
) {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: blocks,
    ...stop,
    // Details of a refusal, and the container of tools that run at a server: there are none.
    stop_details: null,
    container: null,
    usage: usageOf(usage),
    ...(report === undefined ? {} : { budget_forcing: report }),
  };
}

/** Anthropic's usage. What has no meaning here is `null`, as its members are required. */
export function usageOf({ promptTokens, cachedTokens, outputTokens, thinkingTokens }: MessageUsage) {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    cache_creation: null,
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: thinkingTokens },
    server_tool_use: null,
    service_tier: null,
    inference_geo: null,
  };
}
