import { CallReader, type ReadAnswer } from '../formats/tools/call-reader.ts';
import type { ToolCall, ToolUse } from '../formats/tools/tool.ts';
import type { GenerationEvent } from './generation.ts';

/** A piece of a sample as its client sees it: thinking, text of the answer, or a whole tool call. */
export type AnswerPiece =
  | { readonly kind: 'thinking'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'text'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'call'; readonly call: ToolCall };

/**
 * Turns the events of one sample into the pieces that its client sees. Thinking is left out if the client excludes it; tool
 * calls are parsed out of the answer's text if the request has tools.
 */
export class AnswerReader {
  readonly #excludeThinking: boolean;
  readonly #calls: CallReader | undefined;

  constructor(options: { readonly excludeThinking: boolean; readonly tools: ToolUse | undefined }) {
    this.#excludeThinking = options.excludeThinking;
    this.#calls = options.tools === undefined ? undefined : new CallReader(options.tools);
  }

  /** Takes the next event and returns the pieces that it completes. */
  take(event: GenerationEvent): readonly AnswerPiece[] {
    if (event.kind === 'done') return this.#calls === undefined ? [] : toPieces(this.#calls.end(), false);
    if (event.kind !== 'text' || event.text === '') return [];
    const { text, forced } = event;
    if (event.part === 'thinking') return this.#excludeThinking ? [] : [{ kind: 'thinking', text, forced }];
    return this.#calls === undefined ? [{ kind: 'text', text, forced }] : toPieces(this.#calls.push(text), forced);
  }
}

function toPieces({ content, calls }: ReadAnswer, forced: boolean): readonly AnswerPiece[] {
  const text: readonly AnswerPiece[] = content === '' ? [] : [{ kind: 'text', text: content, forced }];
  return [...text, ...calls.map((call): AnswerPiece => ({ kind: 'call', call }))];
}
