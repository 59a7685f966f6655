import { CALL_CLOSE } from './hermes.ts';
import { type JsonListener, JsonScanner } from './json-scanner.ts';

/** How the text of a call stands: it can continue, it is a whole call (perhaps without its closing tag), or it never becomes one. */
export type CallState = 'open' | 'whole' | 'malformed';

/**
 * The text of one call while it arrives: JSON with a `name` and `arguments`. The arguments are the model's own text, byte for byte.
 */
export class CallText implements JsonListener {
  readonly #isTool: (name: string) => boolean;
  readonly #scanner = new JsonScanner(this);
  #text = '';
  /** Length of the text that is JSON. The rest is the closing tag, or does not belong to a call. */
  #valid = 0;
  #key: string | undefined;
  #name: string | undefined;
  #valueFrom = 0;
  #from: number | undefined;
  #to: number | undefined;
  /** Arguments that are not a part of the text. */
  #decoded: string | undefined;
  #firm = false;
  #whole = false;
  #malformed = false;

  constructor(isTool: (name: string) => boolean) {
    this.#isTool = isTool;
  }

  get text(): string {
    return this.#text;
  }

  get name(): string | undefined {
    return this.#name;
  }

  get state(): CallState {
    if (this.#malformed) return 'malformed';
    if (!this.#whole) return this.#valid < this.#text.length ? 'malformed' : 'open';
    const rest = this.#text.slice(this.#valid);
    return rest.startsWith(CALL_CLOSE) || CALL_CLOSE.startsWith(rest) ? 'whole' : 'malformed';
  }

  /** The text after the closing tag, once the tag is complete. */
  get after(): string | undefined {
    const rest = this.#text.slice(this.#valid);
    return this.#whole && rest.startsWith(CALL_CLOSE) ? rest.slice(CALL_CLOSE.length) : undefined;
  }

  /** Whether the arguments can be passed on while they arrive: they are an object or array whose first value has begun. */
  get firm(): boolean {
    return this.#firm && this.#name !== undefined;
  }

  /** The arguments so far. */
  get arguments(): string {
    if (this.#decoded !== undefined) return this.#decoded;
    if (this.#from === undefined) return this.#whole ? '{}' : '';
    // A string of JSON is decoded when it is complete.
    if (this.#to === undefined && this.#text.charAt(this.#from) === '"') return '';
    return this.#text.slice(this.#from, this.#to ?? this.#valid);
  }

  /** Where the text of the arguments begins. */
  get argumentsFrom(): number {
    return this.#from ?? this.#valid;
  }

  /** Number of characters that are valid JSON. */
  get validLength(): number {
    return this.#valid;
  }

  /** Whether the arguments are complete, even if the text around them is malformed. */
  get hasAllArguments(): boolean {
    return this.#firm && this.#to !== undefined;
  }

  push(text: string): void {
    const accepts = !this.#malformed && this.#valid === this.#text.length;
    this.#text += text;
    if (accepts) this.#valid += this.#scanner.push(text);
  }

  key(depth: number, from: number, to: number): void {
    if (depth === 1) this.#key = String(JSON.parse(this.#text.slice(from, to)));
  }

  begin(depth: number, at: number): void {
    if (depth === 0) this.#malformed = this.#text.charAt(at) !== '{';
    if (depth === 1) this.#valueFrom = at;
    if (depth === 1 && this.#key === 'arguments') this.#from ??= at;
    if (depth > 1 && this.#from !== undefined && this.#to === undefined) this.#firm = true;
  }

  end(depth: number, to: number): void {
    if (depth === 0) {
      this.#whole = true;
      this.#malformed ||= this.#name === undefined;
    }
    if (depth !== 1) return;
    if (this.#key === 'name' && this.#name === undefined) this.#takeName(this.#text.slice(this.#valueFrom, to));
    if (this.#key === 'arguments' && this.#to === undefined) this.#takeArguments(to);
  }

  #takeName(text: string): void {
    const name: unknown = JSON.parse(text);
    if (typeof name === 'string' && this.#isTool(name)) this.#name = name;
    else this.#malformed = true;
  }

  #takeArguments(to: number): void {
    this.#to = to;
    const text = this.#text.slice(this.#from, to);
    if (text === 'null') this.#decoded = '{}';
    // Some models write the arguments as a string of JSON.
    if (text.startsWith('"')) {
      const decoded = String(JSON.parse(text));
      if (isObject(decoded)) this.#decoded = decoded;
      else this.#malformed = true;
    }
    this.#firm = !this.#malformed;
  }
}

function isObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}
