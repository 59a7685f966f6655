import { CALL_CLOSE, CALL_OPEN } from './hermes.ts';
import type { ToolCall, ToolUse } from './tool.ts';

/** What of an answer is certain: text for the reader, and whole calls. */
export interface ReadAnswer {
  readonly content: string;
  readonly calls: readonly ToolCall[];
}

/**
 * Finds the calls of tools in an answer while it comes. Text before and between calls goes through as soon as it cannot be the beginning
 * of a call; a call is given whole. What looks like a call and is none (no JSON, another function) stays text: nothing is lost.
 */
export class CallReader {
  readonly #use: ToolUse;
  #held = '';
  /** Right behind a call: its newline is not text. */
  #afterCall = false;

  constructor(use: ToolUse) {
    this.#use = use;
  }

  push(text: string): ReadAnswer {
    this.#held += text;
    if (this.#use.choice === 'required') return { content: '', calls: [] };
    let content = '';
    const calls: ToolCall[] = [];
    for (;;) {
      if (this.#afterCall && this.#held !== '') {
        this.#held = this.#held.replace(/^\n/, '');
        this.#afterCall = false;
      }
      const open = this.#held.indexOf(CALL_OPEN);
      const close = open < 0 ? -1 : this.#held.indexOf(CALL_CLOSE, open);
      if (open < 0 || close < 0) break;
      const whole = this.#held.slice(open, close + CALL_CLOSE.length);
      const call = this.#callOf(whole.slice(CALL_OPEN.length, -CALL_CLOSE.length));
      content += this.#held.slice(0, open);
      if (call === undefined) content += whole;
      else calls.push(call);
      this.#held = this.#held.slice(close + CALL_CLOSE.length);
      this.#afterCall = call !== undefined;
    }
    const certain = this.#held.slice(0, this.#held.length - uncertain(this.#held));
    this.#held = this.#held.slice(certain.length);
    return { content: content + certain, calls };
  }

  /** What is still held when the answer is over. */
  end(): ReadAnswer {
    const held = this.#held;
    this.#held = '';
    const call =
      this.#use.choice === 'required'
        ? this.#callOf(held)
        : held.startsWith(CALL_OPEN)
          ? this.#callOf(held.slice(CALL_OPEN.length))
          : undefined;
    return call === undefined ? { content: held, calls: [] } : { content: '', calls: [call] };
  }

  #callOf(text: string): ToolCall | undefined {
    const parsed = objectOf(text);
    const name = parsed?.['name'];
    if (typeof name !== 'string' || !this.#use.tools.some((tool) => tool.name === name)) return undefined;
    const given = parsed?.['arguments'] ?? {};
    // Some models write the arguments as a string of JSON.
    const values = typeof given === 'string' ? objectOf(given) : given;
    return values === undefined ? undefined : { name, arguments: JSON.stringify(values) };
  }
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** How much of the text's end may belong to a call: an open one, newlines before it, or the start of its tag. */
function uncertain(text: string): number {
  const open = text.indexOf(CALL_OPEN);
  if (open >= 0) return text.length - open;
  for (let length = Math.min(CALL_OPEN.length - 1, text.length); length > 0; length--) {
    if (CALL_OPEN.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
