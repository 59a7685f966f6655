import type { ForcingReport } from '../../forcing/report.ts';
import type { AnswerPiece } from '../../generation/answer-reader.ts';
import type { BudgetReport } from '../budget-report.ts';

/** Anthropic's content blocks. The signature of thinking is empty: it is never verified here. */
export type AnswerBlock =
  | { readonly type: 'thinking'; thinking: string; readonly signature: '' }
  | { readonly type: 'text'; text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown };

export interface MessageIdentity {
  /** `msg_…` */
  readonly id: string;
  readonly model: string;
}

export interface MessageUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** Collects pieces of the answer into blocks, and returns the events for each piece. */
export class MessageBlocks {
  readonly blocks: AnswerBlock[] = [];
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  add(piece: AnswerPiece): readonly BlockEvent[] {
    const open = this.blocks.at(-1);
    if (piece.kind === 'thinking' && open?.type === 'thinking') {
      open.thinking += piece.text;
      return [this.#delta(deltaOf(piece), piece.forced)];
    }
    if (piece.kind === 'text' && open?.type === 'text') {
      open.text += piece.text;
      return [this.#delta(deltaOf(piece), piece.forced)];
    }
    return [...this.close(), ...this.#begin(piece)];
  }

  /** Ends the open block. */
  close(): readonly BlockEvent[] {
    return this.blocks.length === 0 ? [] : [{ type: 'content_block_stop', index: this.blocks.length - 1 }];
  }

  #begin(piece: AnswerPiece): readonly BlockEvent[] {
    const index = this.blocks.length;
    if (piece.kind === 'call') {
      const id = `toolu_${this.#newId()}`;
      const { name } = piece.call;
      this.blocks.push({ type: 'tool_use', id, name, input: JSON.parse(piece.call.arguments) });
      const partial = { type: 'input_json_delta', partial_json: piece.call.arguments };
      return [
        { type: 'content_block_start', index, content_block: { type: 'tool_use', id, name, input: {} } },
        { type: 'content_block_delta', index, delta: partial },
      ];
    }
    const thinks = piece.kind === 'thinking';
    this.blocks.push(
      thinks ? { type: 'thinking', thinking: piece.text, signature: '' } : { type: 'text', text: piece.text },
    );
    const empty = thinks ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' };
    return [{ type: 'content_block_start', index, content_block: empty }, this.#delta(deltaOf(piece), piece.forced)];
  }

  #delta(delta: Readonly<Record<string, unknown>>, forced: boolean): BlockEvent {
    const index = this.blocks.length - 1;
    return { type: 'content_block_delta', index, delta: forced ? { ...delta, forced } : delta };
  }
}

export type BlockEvent =
  | { readonly type: 'content_block_start'; readonly index: number; readonly content_block: unknown }
  | { readonly type: 'content_block_delta'; readonly index: number; readonly delta: unknown }
  | { readonly type: 'content_block_stop'; readonly index: number };

function deltaOf(piece: Extract<AnswerPiece, { text: string }>): Readonly<Record<string, unknown>> {
  return piece.kind === 'thinking'
    ? { type: 'thinking_delta', thinking: piece.text }
    : { type: 'text_delta', text: piece.text };
}

/** Anthropic's reason for the end of the answer. */
export function stopOf(report: ForcingReport, blocks: readonly AnswerBlock[]) {
  if (blocks.some((block) => block.type === 'tool_use')) return { stop_reason: 'tool_use', stop_sequence: null };
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
    usage: usageOf(usage),
    ...(report === undefined ? {} : { budget_forcing: report }),
  };
}

export function usageOf({ promptTokens, cachedTokens, outputTokens }: MessageUsage) {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: outputTokens,
  };
}
