import { CallText } from './call-text.ts';
import { CALL_CLOSE, CALL_OPEN } from './hermes.ts';
import type { ToolUse } from './tool.ts';

/** A part of an answer that is certain: text, the beginning of a call, more of its arguments, or its end. */
export type ReadPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'arguments'; readonly text: string }
  /** `complete`: whether the arguments are the whole of a valid call. */
  | { readonly kind: 'call-end'; readonly complete: boolean };

export interface CallReaderOptions {
  /** Whether calls are passed on whole. If not, their arguments are passed on as they arrive. @default false */
  readonly whole?: boolean;
}

/**
 * Parses tool calls out of a streamed answer. Text before and between calls is passed on as soon as it cannot be the beginning of a
 * call. The arguments of a call are the model's own text, byte for byte. A block that is no valid call (no JSON, an unknown function)
 * stays text, so nothing is lost; if its arguments were passed on already, the rest of the block follows as arguments, and the call
 * ends incomplete.
 */
export class CallReader {
  readonly #use: ToolUse;
  readonly #whole: boolean;
  #text = '';
  /** First half of a surrogate pair. */
  #half = '';
  /** Whether a call was just read: a newline directly after it is not text. */
  #afterCall = false;
  #call: CallText | undefined;
  /** Number of characters of the call's arguments that were passed on. `undefined` before the call begins. */
  #passed: number | undefined;

  constructor(use: ToolUse, { whole = false }: CallReaderOptions = {}) {
    this.#use = use;
    this.#whole = whole;
    if (use.choice === 'required') this.#call = this.#newCall();
  }

  /** Takes the next text and returns what is certain now. */
  push(text: string): readonly ReadPiece[] {
    const given = this.#half + text;
    this.#half = /[\ud800-\udbff]$/.test(given) ? given.slice(-1) : '';
    this.#text += given.slice(0, given.length - this.#half.length);
    const pieces: ReadPiece[] = [];
    while (this.#read(pieces)) {}
    return withoutEmpty(pieces);
  }

  /**
   * Returns what is held at the end of the answer.
   *
   * @param cut whether the answer was cut: then a call that has begun is incomplete, and is no text.
   */
  end(cut: boolean): readonly ReadPiece[] {
    this.#text += this.#half;
    this.#half = '';
    const call = this.#call;
    if (call === undefined) return withoutEmpty([{ kind: 'text', text: this.#text }]);
    call.push(this.#text);
    const pieces: ReadPiece[] = [];
    if (call.state === 'whole') this.#finish(call, pieces);
    else if (call.state === 'open' && cut) {
      if (call.name !== undefined) this.#begin(call.name, pieces);
      if (this.#passed !== undefined) pieces.push(...this.#more(call), { kind: 'call-end', complete: false });
    } else {
      if (call.firm && call.name !== undefined && !this.#whole) this.#begin(call.name, pieces);
      if (this.#passed !== undefined) pieces.push(...this.#more(call));
      this.#giveUp(call, call.text.length, pieces);
    }
    this.#text = '';
    this.#call = undefined;
    return withoutEmpty(pieces);
  }

  /** Reads on in the text. Returns whether there may be more to read. */
  #read(pieces: ReadPiece[]): boolean {
    const call = this.#call;
    if (call === undefined) return this.#readText(pieces);
    call.push(this.#text);
    this.#text = '';
    if (call.firm && call.name !== undefined && !this.#whole) this.#begin(call.name, pieces);
    if (this.#passed !== undefined) pieces.push(...this.#more(call));
    if (call.state === 'malformed') {
      const from = this.#passed === undefined ? 0 : call.validLength;
      const close = this.#use.choice === 'required' ? -1 : call.text.indexOf(CALL_CLOSE, from);
      if (close < 0) return false;
      this.#text = call.text.slice(close + CALL_CLOSE.length);
      this.#giveUp(call, close, pieces);
      return true;
    }
    if (call.after === undefined) return false;
    this.#text = call.after;
    this.#finish(call, pieces);
    this.#afterCall = true;
    return true;
  }

  #readText(pieces: ReadPiece[]): boolean {
    if (this.#afterCall && this.#text !== '') {
      this.#text = this.#text.replace(/^\n/, '');
      this.#afterCall = false;
    }
    const open = this.#text.indexOf(CALL_OPEN);
    const certain = open < 0 ? this.#text.length - uncertain(this.#text) : open;
    pieces.push({ kind: 'text', text: this.#text.slice(0, certain) });
    this.#text = this.#text.slice(open < 0 ? certain : open + CALL_OPEN.length);
    if (open >= 0) this.#call = this.#newCall();
    return open >= 0;
  }

  #newCall(): CallText {
    return new CallText((name) => this.#use.tools.some((tool) => tool.name === name));
  }

  #begin(name: string, pieces: ReadPiece[]): void {
    if (this.#passed !== undefined) return;
    this.#passed = 0;
    pieces.push({ kind: 'call', name });
  }

  #more(call: CallText): readonly ReadPiece[] {
    const text = call.arguments.slice(this.#passed);
    this.#passed = call.arguments.length;
    return [{ kind: 'arguments', text }];
  }

  #finish(call: CallText, pieces: ReadPiece[]): void {
    if (call.name !== undefined) this.#begin(call.name, pieces);
    pieces.push(...this.#more(call), { kind: 'call-end', complete: true });
    this.#call = undefined;
    this.#passed = undefined;
  }

  /** Passes a malformed block on, up to `to`: as text, or if its call has begun, as the rest of the arguments. */
  #giveUp(call: CallText, to: number, pieces: ReadPiece[]): void {
    if (this.#passed === undefined) {
      const open = this.#use.choice === 'required' ? '' : CALL_OPEN;
      const close = call.text.startsWith(CALL_CLOSE, to) ? CALL_CLOSE : '';
      pieces.push({ kind: 'text', text: open + call.text.slice(0, to) + close });
    } else {
      const complete = call.hasAllArguments;
      const rest = complete ? '' : call.text.slice(call.argumentsFrom + this.#passed, to).trimEnd();
      pieces.push({ kind: 'arguments', text: rest }, { kind: 'call-end', complete });
    }
    this.#call = undefined;
    this.#passed = undefined;
  }
}

function withoutEmpty(pieces: readonly ReadPiece[]): readonly ReadPiece[] {
  return pieces.filter((piece) => (piece.kind !== 'text' && piece.kind !== 'arguments') || piece.text !== '');
}

/** Number of characters at the end of the text that may be a prefix of a call's opening tag. */
function uncertain(text: string): number {
  for (let length = Math.min(CALL_OPEN.length - 1, text.length); length > 0; length--) {
    if (CALL_OPEN.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
