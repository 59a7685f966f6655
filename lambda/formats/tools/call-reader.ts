import { CALL_CLOSE, CALL_OPEN } from './hermes.ts';
import type { ToolCall, ToolUse } from './tool.ts';

/** The part of an answer that is certain: text, and whole tool calls. */
export interface ReadAnswer {
  readonly content: string;
  readonly calls: readonly ToolCall[];
}

/**
 * Parses tool calls out of a streamed answer. Text before and between calls is passed on as soon as it cannot be the beginning of
 * a call; a call is passed on whole. A block that is no valid call (no JSON, an unknown function) stays text, so nothing is lost.
 */
export class CallReader {
  readonly #use: ToolUse;
  #held = '';
  /** Whether a call was just read: a newline directly after it is not text. */
  #afterCall = false;

  constructor(use: ToolUse) {
    this.#use = use;
  }

  /** Takes the next text and returns what is certain now. */
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
      const call = this.#parseCall(whole.slice(CALL_OPEN.length, -CALL_CLOSE.length));
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

  /** Returns the held text at the end of the answer: a call whose closing tag is missing, or text. */
  end(): ReadAnswer {
    const held = this.#held;
    this.#held = '';
    const call =
      this.#use.choice === 'required'
        ? this.#parseCall(held)
        : held.startsWith(CALL_OPEN)
          ? this.#parseCall(held.slice(CALL_OPEN.length))
          : undefined;
    return call === undefined ? { content: held, calls: [] } : { content: '', calls: [call] };
  }

  #parseCall(text: string): ToolCall | undefined {
    const parsed = parseObject(text);
    const name = parsed?.['name'];
    if (typeof name !== 'string' || !this.#use.tools.some((tool) => tool.name === name)) return undefined;
    const given = parsed?.['arguments'] ?? {};
    // Some models write the arguments as a string of JSON.
    const values = typeof given === 'string' ? parseObject(given) : given;
    return values === undefined ? undefined : { name, arguments: JSON.stringify(values) };
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** Number of characters at the end of the text that may belong to a call: an open call, or a prefix of its opening tag. */
function uncertain(text: string): number {
  const open = text.indexOf(CALL_OPEN);
  if (open >= 0) return text.length - open;
  for (let length = Math.min(CALL_OPEN.length - 1, text.length); length > 0; length--) {
    if (CALL_OPEN.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
