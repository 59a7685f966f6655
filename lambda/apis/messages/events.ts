import type { ForcingReport } from '../../forcing/report.ts';
import type { AnswerPiece } from '../../generation/answer-reader.ts';
import { RawJson } from '../../http/raw-json.ts';
import type { BudgetReport } from '../budget-report.ts';

/** Anthropic's content blocks. The signature of thinking is empty: it is never verified here. */
export type AnswerBlock =
  | { readonly type: 'thinking'; thinking: string; readonly signature: '' }
  | { readonly type: 'text'; text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: RawJson };

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
  /** Text of the open call's input. */
  #input = '';
  #cutCall = false;
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Whether the answer ends with calls for the client to run, all of them complete. */
  get calls(): boolean {
    return !this.#cutCall && this.blocks.some((block) => block.type === 'tool_use');
  }

  add(piece: AnswerPiece): readonly BlockEvent[] {
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

  #begin(piece: Exclude<AnswerPiece, { kind: 'arguments' | 'call-end' }>): readonly BlockEvent[] {
    const index = this.blocks.length;
    if (piece.kind === 'call') {
      const id = `toolu_${this.#newId()}`;
      const { name } = piece;
      this.#input = '';
      this.blocks.push({ type: 'tool_use', id, name, input: new RawJson('{}') });
      return [{ type: 'content_block_start', index, content_block: { type: 'tool_use', id, name, input: {} } }];
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
