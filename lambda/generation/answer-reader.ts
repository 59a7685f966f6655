import { CallReader, type ReadPiece } from '../formats/tools/call-reader.ts';
import { TagReader } from '../formats/tools/tag-reader.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import type { GenerationEvent } from './generation.ts';

/** A piece of a sample as its client sees it: thinking, text of the answer, or a part of a tool call. */
export type AnswerPiece =
  | { readonly kind: 'thinking'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'text'; readonly text: string; readonly forced: boolean }
  | Exclude<ReadPiece, { readonly kind: 'text' }>;

export interface AnswerReaderOptions {
  readonly excludeThinking: boolean;
  readonly tools: ToolUse | undefined;
  /** Whether the client gets its answer as a whole. If not, arguments of calls are passed on as they arrive. */
  readonly whole: boolean;
}

/**
 * Turns the events of one sample into the pieces that its client sees. Thinking is left out if the client excludes it; tool
 * calls are parsed out of the answer's text if the request has tools.
 */
export class AnswerReader {
  readonly #excludeThinking: boolean;
  readonly #calls: CallReader | TagReader | undefined;

  constructor({ excludeThinking, tools, whole }: AnswerReaderOptions) {
    this.#excludeThinking = excludeThinking;
    this.#calls = tools === undefined ? undefined : readerOf(tools, whole);
  }

  /** Takes the next event and returns the pieces that it completes. */
  take(event: GenerationEvent): readonly AnswerPiece[] {
    if (event.kind === 'done') {
      const cut = event.report.finishReason === 'length';
      return this.#calls === undefined ? [] : this.#calls.end(cut).map((piece) => toPiece(piece, false));
    }
    if (event.kind !== 'text' || event.text === '') return [];
    const { text, forced } = event;
    if (event.part === 'thinking') return this.#excludeThinking ? [] : [{ kind: 'thinking', text, forced }];
    if (this.#calls === undefined) return [{ kind: 'text', text, forced }];
    return this.#calls.push(text).map((piece) => toPiece(piece, forced));
  }
}

/** A required call is constrained to JSON, whatever the family's own tags are. */
function readerOf(use: ToolUse, whole: boolean): CallReader | TagReader {
  const { grammar = 'hermes', choice, tools } = use;
  return grammar === 'hermes' || choice === 'required'
    ? new CallReader(use, { whole })
    : new TagReader(grammar, tools, whole);
}

function toPiece(piece: ReadPiece, forced: boolean): AnswerPiece {
  return piece.kind === 'text' ? { ...piece, forced } : piece;
}
