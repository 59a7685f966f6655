import type { AnswerPiece } from '../../generation/answer-reader.ts';
import type { RetrievalAccount } from '../../generation/retrieval.ts';
import type { AnswerLookup } from '../answer-frames.ts';
import { type Citation, CitationReader } from '../citations.ts';

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** An item of the output, which grows while it is generated. */
type Item = TextItem | CallItem | SearchItem;

interface TextItem {
  readonly kind: 'reasoning' | 'message';
  readonly id: string;
  text: string;
  /** Passages that the text cites so far. */
  readonly citations: Citation[];
  readonly reader: CitationReader;
  status: Status;
}

interface SearchItem {
  readonly kind: 'search';
  readonly id: string;
  readonly query: string;
  /** `undefined` while the search runs. */
  account: RetrievalAccount | undefined;
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
  readonly #cites: boolean;
  readonly #showsResults: boolean;
  #passages: RetrievalAccount['passages'] = [];

  /**
   * @param options.cites whether numbers in brackets cite passages
   * @param options.showsResults whether the item of a search has the passages
   */
  constructor(newId: () => string, { cites = false, showsResults = false } = {}) {
    this.#newId = newId;
    this.#cites = cites;
    this.#showsResults = showsResults;
  }

  get output(): readonly unknown[] {
    return this.#items.map((item) => this.#toItem(item));
  }

  /** Adds a search, when it begins and when it ended. A request has one, whatever the number of models that read its passages. */
  lookup({ query, account }: AnswerLookup): readonly ResponseEvent[] {
    if (account !== undefined) this.#passages = account.passages;
    const known = this.#items.find((item) => item.kind === 'search');
    const events = known === undefined ? this.#beginSearch(query) : [];
    const item = known ?? this.#items.at(-1);
    if (account === undefined || item?.kind !== 'search' || item.status !== 'in_progress') return events;
    item.account = account;
    item.status = account.failure === undefined ? 'completed' : 'failed';
    const place = this.#place(item);
    return [
      ...events,
      ...(item.status === 'failed' ? [] : [{ type: 'response.file_search_call.completed', ...place }]),
      { type: 'response.output_item.done', output_index: place.output_index, item: this.#toItem(item) },
    ];
  }

  #beginSearch(query: string): readonly ResponseEvent[] {
    const closed = this.close();
    const id = `fs_${this.#newId()}`;
    const item: SearchItem = { kind: 'search', id, query, account: undefined, status: 'in_progress' };
    this.#items.push(item);
    const place = this.#place(item);
    return [
      ...closed,
      { type: 'response.output_item.added', output_index: place.output_index, item: this.#toItem(item) },
      { type: 'response.file_search_call.in_progress', ...place },
      { type: 'response.file_search_call.searching', ...place },
    ];
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
      return this.#append(open, piece);
    }
    const closed = this.close();
    const id = `${kind === 'reasoning' ? 'rs' : 'msg'}_${this.#newId()}`;
    const reader = new CitationReader(this.#cites && kind === 'message' ? this.#passages : []);
    const item: TextItem = { kind, id, text: '', citations: [], reader, status: 'in_progress' };
    this.#items.push(item);
    const place = this.#place(item);
    const begun: readonly ResponseEvent[] = [
      {
        type: 'response.output_item.added',
        output_index: place.output_index,
        item: { ...this.#toItem(item), content: [] },
      },
      { type: 'response.content_part.added', ...place, content_index: 0, part: toPart(item) },
    ];
    return [...closed, ...begun, ...this.#append(item, piece)];
  }

  /** Adds text, and an annotation for each citation whose mark it completes. */
  #append(item: TextItem, piece: Extract<AnswerPiece, { forced: boolean }>): readonly ResponseEvent[] {
    item.text += piece.text;
    const cited = item.reader.push(piece.text).map((citation) => ({
      type: 'response.output_text.annotation.added',
      ...this.#place(item),
      content_index: 0,
      annotation_index: item.citations.push(citation) - 1,
      annotation: toAnnotation(citation),
    }));
    return [this.#delta(item, piece), ...cited];
  }

  #beginCall(name: string): readonly ResponseEvent[] {
    const closed = this.close();
    const id = `fc_${this.#newId()}`;
    const item: CallItem = { kind: 'call', id, callId: `call_${this.#newId()}`, name, text: '', status: 'in_progress' };
    this.#items.push(item);
    const { output_index } = this.#place(item);
    return [...closed, { type: 'response.output_item.added', output_index, item: this.#toItem(item) }];
  }

  /** Ends the open item. */
  close(status: Status = 'completed'): readonly ResponseEvent[] {
    const item = this.#items.at(-1);
    if (item === undefined || item.status !== 'in_progress') return [];
    // A search that was cut.
    item.status = item.kind === 'search' ? 'incomplete' : status;
    const place = this.#place(item);
    const done: ResponseEvent = {
      type: 'response.output_item.done',
      output_index: place.output_index,
      item: this.#toItem(item),
    };
    if (item.kind === 'search') return [done];
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

  #toItem(item: Item) {
    return toItem(item, this.#showsResults);
  }

  #place(item: Item) {
    return { item_id: item.id, output_index: this.#items.indexOf(item) };
  }
}

function toPart(item: TextItem) {
  return item.kind === 'reasoning'
    ? { type: 'reasoning_text', text: item.text }
    : { type: 'output_text', text: item.text, annotations: item.citations.map(toAnnotation), logprobs: [] };
}

/** OpenAI's citation of a file. `index`: place of the mark in the text, in UTF-16 code units. */
function toAnnotation({ passage, start }: Citation) {
  return { type: 'file_citation', index: start, file_id: passage.fileId, filename: passage.filename };
}

function toResult({ fileId, filename, score, text, attributes }: RetrievalAccount['passages'][number]) {
  return { file_id: fileId, filename, score, text, attributes };
}

function toItem(item: Item, showsResults: boolean): Readonly<Record<string, unknown>> {
  const { id, status } = item;
  if (item.kind === 'search') {
    const results = showsResults && item.account !== undefined ? item.account.passages.map(toResult) : null;
    return { id, type: 'file_search_call', status, queries: [item.query], results };
  }
  if (item.kind === 'call') {
    return { id, type: 'function_call', status, call_id: item.callId, name: item.name, arguments: item.text };
  }
  if (item.kind === 'reasoning') return { id, type: 'reasoning', status, summary: [], content: [toPart(item)] };
  return { id, type: 'message', status, role: 'assistant', content: [toPart(item)] };
}
