import type { ForcingReport } from '../../forcing/report.ts';
import type { AnswerPiece } from '../../generation/answer-reader.ts';
import type { ChatUsage } from '../../generation/usage.ts';
import type { BudgetReport } from '../budget-report.ts';
import type { ResponsesRequest } from './request.ts';

type Status = 'in_progress' | 'completed' | 'incomplete';

/** An item of the output, growing while it is under way. */
type Item = TextItem | CallItem;

interface TextItem {
  readonly kind: 'reasoning' | 'message';
  readonly id: string;
  text: string;
  status: Status;
}

interface CallItem {
  readonly kind: 'call';
  readonly id: string;
  readonly callId: string;
  readonly name: string;
  readonly text: string;
  status: Status;
}

/** An event of the stream, without its number. */
export interface ResponseEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Collects pieces into items of the output, and tells which events show each piece. */
export class ResponseItems {
  readonly #items: Item[] = [];
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  get output(): readonly unknown[] {
    return this.#items.map(toItem);
  }

  add(piece: AnswerPiece): readonly ResponseEvent[] {
    const open = this.#items.at(-1);
    if (piece.kind === 'call') {
      const { name, arguments: text } = piece.call;
      const item: CallItem = {
        kind: 'call',
        id: `fc_${this.#newId()}`,
        callId: `call_${this.#newId()}`,
        name,
        text,
        status: 'in_progress',
      };
      const closed = this.close();
      this.#items.push(item);
      const place = this.#place(item);
      return [
        ...closed,
        {
          type: 'response.output_item.added',
          output_index: place.output_index,
          item: { ...toItem(item), arguments: '' },
        },
        { type: 'response.function_call_arguments.delta', ...place, delta: text },
      ];
    }
    const kind = piece.kind === 'thinking' ? 'reasoning' : 'message';
    if (open?.kind === kind && open.status === 'in_progress') {
      open.text += piece.text;
      return [this.#delta(open, piece)];
    }
    const closed = this.close();
    const id = `${kind === 'reasoning' ? 'rs' : 'msg'}_${this.#newId()}`;
    const item: TextItem = { kind, id, text: '', status: 'in_progress' };
    this.#items.push(item);
    const place = this.#place(item);
    const begun: readonly ResponseEvent[] = [
      { type: 'response.output_item.added', output_index: place.output_index, item: { ...toItem(item), content: [] } },
      { type: 'response.content_part.added', ...place, content_index: 0, part: toPart(item) },
    ];
    item.text = piece.text;
    return [...closed, ...begun, this.#delta(item, piece)];
  }

  /** Ends the item that is open. */
  close(status: Status = 'completed'): readonly ResponseEvent[] {
    const item = this.#items.at(-1);
    if (item === undefined || item.status !== 'in_progress') return [];
    item.status = status;
    const place = this.#place(item);
    const done: ResponseEvent = {
      type: 'response.output_item.done',
      output_index: place.output_index,
      item: toItem(item),
    };
    if (item.kind === 'call') {
      const { name, text } = item;
      return [{ type: 'response.function_call_arguments.done', ...place, name, arguments: text }, done];
    }
    const type = item.kind === 'reasoning' ? 'response.reasoning_text.done' : 'response.output_text.done';
    return [
      { type, ...place, content_index: 0, text: item.text, ...(item.kind === 'message' ? { logprobs: [] } : {}) },
      { type: 'response.content_part.done', ...place, content_index: 0, part: toPart(item) },
      done,
    ];
  }

  #delta(item: TextItem, piece: Extract<AnswerPiece, { text: string }>): ResponseEvent {
    return {
      type: item.kind === 'reasoning' ? 'response.reasoning_text.delta' : 'response.output_text.delta',
      ...this.#place(item),
      content_index: 0,
      delta: piece.text,
      ...(item.kind === 'message' ? { logprobs: [] } : {}),
      ...(piece.forced ? { forced: true } : {}),
    };
  }

  #place(item: Item) {
    return { item_id: item.id, output_index: this.#items.indexOf(item) };
  }
}

function toPart(item: TextItem) {
  return item.kind === 'reasoning'
    ? { type: 'reasoning_text', text: item.text }
    : { type: 'output_text', text: item.text, annotations: [], logprobs: [] };
}

function toItem(item: Item): Readonly<Record<string, unknown>> {
  const { id, status } = item;
  if (item.kind === 'call') {
    return { id, type: 'function_call', status, call_id: item.callId, name: item.name, arguments: item.text };
  }
  if (item.kind === 'reasoning') return { id, type: 'reasoning', status, summary: [], content: [toPart(item)] };
  return { id, type: 'message', status, role: 'assistant', content: [toPart(item)] };
}

export interface ResponseIdentity {
  /** `resp_…` */
  readonly id: string;
  /** Unix time. Seconds. */
  readonly created: number;
  readonly request: ResponsesRequest;
}

/** How a response stands: under way, or ended with its account. */
export type ResponseState =
  | { readonly status: 'in_progress' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }
  | {
      readonly status: 'ended';
      readonly report: ForcingReport;
      readonly budgetReport: BudgetReport;
      readonly usage: ChatUsage;
    };

/** The response object: what was asked for, and what came of it so far. */
export function responseOf(
  { id, created, request }: ResponseIdentity,
  output: readonly unknown[],
  state: ResponseState,
) {
  const cut = state.status === 'ended' && state.report.finishReason === 'length';
  return {
    id,
    object: 'response',
    created_at: created,
    status: state.status === 'ended' ? (cut ? 'incomplete' : 'completed') : state.status,
    error: state.status === 'failed' ? { code: state.code, message: state.message } : null,
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: request.temperature ?? null,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    tools: request.tools ?? [],
    top_p: request.top_p ?? null,
    truncation: 'disabled',
    usage: state.status === 'ended' ? usageOf(state.usage) : null,
    user: request.user ?? null,
    ...(state.status === 'ended' ? { budget_forcing: state.budgetReport } : {}),
  };
}

function usageOf(usage: ChatUsage) {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: usage.prompt_tokens_details,
    output_tokens: usage.completion_tokens,
    output_tokens_details: usage.completion_tokens_details,
    total_tokens: usage.total_tokens,
  };
}
