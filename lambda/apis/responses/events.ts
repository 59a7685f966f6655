import type { AnswerPiece } from '../../generation/answer-reader.ts';

type Status = 'in_progress' | 'completed' | 'incomplete';

/** An item of the output, which grows while it is generated. */
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
  text: string;
  status: Status;
}

/** An event of the stream, without its sequence number. */
export interface ResponseEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Collects pieces of the answer into output items, and returns the events for each piece. */
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
    if (piece.kind === 'call') return this.#beginCall(piece.name);
    if (piece.kind === 'arguments') {
      if (open?.kind !== 'call') throw new Error('Arguments came before their call.');
      open.text += piece.text;
      return [{ type: 'response.function_call_arguments.delta', ...this.#place(open), delta: piece.text }];
    }
    if (piece.kind === 'call-end') return this.close(piece.complete ? 'completed' : 'incomplete');
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

  #beginCall(name: string): readonly ResponseEvent[] {
    const closed = this.close();
    const id = `fc_${this.#newId()}`;
    const item: CallItem = { kind: 'call', id, callId: `call_${this.#newId()}`, name, text: '', status: 'in_progress' };
    this.#items.push(item);
    const { output_index } = this.#place(item);
    return [...closed, { type: 'response.output_item.added', output_index, item: toItem(item) }];
  }

  /** Ends the open item. */
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

  #delta(item: TextItem, piece: Extract<AnswerPiece, { forced: boolean }>): ResponseEvent {
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
