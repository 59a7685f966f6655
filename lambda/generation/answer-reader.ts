import { CallReader, type ReadAnswer } from '../formats/tools/call-reader.ts';
import type { ToolCall, ToolUse } from '../formats/tools/tool.ts';
import type { GenerationEvent } from './generation.ts';

/** What a client gets to see of an answer, in the order in which it comes. */
export type AnswerPiece =
  | { readonly kind: 'thinking'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'text'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'call'; readonly call: ToolCall };

/** Turns the events of one sample into what its client sees: thoughts where it wants them, text, and calls of its tools. */
export class AnswerReader {
  readonly #hidesThinking: boolean;
  readonly #calls: CallReader | undefined;

  constructor(options: { readonly excludeThinking: boolean; readonly tools: ToolUse | undefined }) {
    this.#hidesThinking = options.excludeThinking;
    this.#calls = options.tools === undefined ? undefined : new CallReader(options.tools);
  }

  take(event: GenerationEvent): readonly AnswerPiece[] {
    if (event.kind === 'done') return this.#calls === undefined ? [] : piecesOf(this.#calls.end(), false);
    if (event.kind !== 'text' || event.text === '') return [];
    const { text, forced } = event;
    if (event.part === 'thinking') return this.#hidesThinking ? [] : [{ kind: 'thinking', text, forced }];
    return this.#calls === undefined ? [{ kind: 'text', text, forced }] : piecesOf(this.#calls.push(text), forced);
  }
}

function piecesOf({ content, calls }: ReadAnswer, forced: boolean): readonly AnswerPiece[] {
  const text: readonly AnswerPiece[] = content === '' ? [] : [{ kind: 'text', text: content, forced }];
  return [...text, ...calls.map((call): AnswerPiece => ({ kind: 'call', call }))];
}
