/** Receives the places of keys and values, as indexes into the whole text. `depth` is the number of containers around them. */
export interface JsonListener {
  key(depth: number, from: number, to: number): void;
  begin(depth: number, at: number): void;
  end(depth: number, to: number): void;
}

type Expects = 'value' | 'first item' | 'first key' | 'key' | 'colon' | 'comma' | 'nothing';
type Inside = 'string' | 'escape' | 'unicode' | 'number' | 'word' | undefined;
type NumberPart = '-' | '0' | 'int' | '.' | 'fraction' | 'e' | 'sign' | 'exponent';

/** What may follow in a number, by what was read. */
const NUMBER: Readonly<Record<NumberPart, readonly (readonly [RegExp, NumberPart])[]>> = {
  '-': [
    [/0/, '0'],
    [/[1-9]/, 'int'],
  ],
  '0': [
    [/\./, '.'],
    [/[eE]/, 'e'],
  ],
  int: [
    [/\d/, 'int'],
    [/\./, '.'],
    [/[eE]/, 'e'],
  ],
  '.': [[/\d/, 'fraction']],
  fraction: [
    [/\d/, 'fraction'],
    [/[eE]/, 'e'],
  ],
  e: [
    [/[-+]/, 'sign'],
    [/\d/, 'exponent'],
  ],
  sign: [[/\d/, 'exponent']],
  exponent: [[/\d/, 'exponent']],
};
const COMPLETE_NUMBERS: ReadonlySet<NumberPart> = new Set(['0', 'int', 'fraction', 'exponent']);

/**
 * Reads JSON that arrives in pieces, and says where its keys and values are. It parses nothing, so numbers keep their digits and a
 * reader can use the text of a value before the value is complete. A number at the top level has no end.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc8259
 */
export class JsonScanner {
  readonly #listener: JsonListener;
  readonly #containers: ('{' | '[')[] = [];
  #expects: Expects = 'value';
  #inside: Inside;
  /** Whether the open string is a key. */
  #isKey = false;
  #from = 0;
  #at = 0;
  #number: NumberPart = '-';
  /** Rest of the open word, or hexadecimal digits left of an escape. */
  #wordLeft = '';
  #digitsLeft = 0;

  constructor(listener: JsonListener) {
    this.#listener = listener;
  }

  /** Takes the next text. Returns how many of its characters continue valid JSON; after fewer than all, do not call it again. */
  push(text: string): number {
    const plain = /[^"\\\p{Cc}]+/uy;
    for (let index = 0; index < text.length; ) {
      if (this.#inside === 'string') {
        plain.lastIndex = index;
        const skipped = plain.exec(text)?.[0].length ?? 0;
        index += skipped;
        this.#at += skipped;
        if (index === text.length) break;
      }
      if (!this.#take(text.charAt(index))) return index;
      index++;
      this.#at++;
    }
    return text.length;
  }

  #take(char: string): boolean {
    switch (this.#inside) {
      case 'string':
        return this.#takeInString(char);
      case 'escape':
        this.#inside = char === 'u' ? 'unicode' : 'string';
        this.#digitsLeft = 4;
        return '"\\/bfnrtu'.includes(char);
      case 'unicode':
        if (--this.#digitsLeft === 0) this.#inside = 'string';
        return /[0-9a-fA-F]/.test(char);
      case 'word':
        if (!this.#wordLeft.startsWith(char)) return false;
        this.#wordLeft = this.#wordLeft.slice(1);
        if (this.#wordLeft === '') this.#ended(this.#at + 1);
        return true;
      case 'number': {
        const next = NUMBER[this.#number].find(([pattern]) => pattern.test(char));
        if (next !== undefined) {
          this.#number = next[1];
          return true;
        }
        if (!COMPLETE_NUMBERS.has(this.#number)) return false;
        this.#ended(this.#at);
        return this.#takeBetween(char);
      }
      case undefined:
        return this.#takeBetween(char);
    }
  }

  #takeInString(char: string): boolean {
    if (char === '\\') this.#inside = 'escape';
    else if (char !== '"') return char >= ' ';
    else if (!this.#isKey) this.#ended(this.#at + 1);
    else {
      this.#inside = undefined;
      this.#expects = 'colon';
      this.#listener.key(this.#containers.length, this.#from, this.#at + 1);
    }
    return true;
  }

  #takeBetween(char: string): boolean {
    if (' \n\r\t'.includes(char)) return true;
    switch (this.#expects) {
      case 'value':
        return this.#begun(char);
      case 'first item':
        return char === ']' ? this.#close('[') : this.#begun(char);
      case 'first key':
      case 'key':
        if (char === '}' && this.#expects === 'first key') return this.#close('{');
        this.#inside = 'string';
        this.#isKey = true;
        this.#from = this.#at;
        return char === '"';
      case 'colon':
        this.#expects = 'value';
        return char === ':';
      case 'comma':
        if (char === '}') return this.#close('{');
        if (char === ']') return this.#close('[');
        this.#expects = this.#containers.at(-1) === '{' ? 'key' : 'value';
        return char === ',';
      case 'nothing':
        return false;
    }
  }

  #begun(char: string): boolean {
    if (!/["{[\-0-9tfn]/.test(char)) return false;
    this.#listener.begin(this.#containers.length, this.#at);
    if (char === '{' || char === '[') {
      this.#containers.push(char);
      this.#expects = char === '{' ? 'first key' : 'first item';
    } else if (char === '"') {
      this.#inside = 'string';
      this.#isKey = false;
    } else if (/[tfn]/.test(char)) {
      this.#inside = 'word';
      this.#wordLeft = char === 't' ? 'rue' : char === 'f' ? 'alse' : 'ull';
    } else {
      this.#inside = 'number';
      this.#number = char === '-' ? '-' : char === '0' ? '0' : 'int';
    }
    return true;
  }

  #close(opened: '{' | '['): boolean {
    if (this.#containers.pop() !== opened) return false;
    this.#ended(this.#at + 1);
    return true;
  }

  #ended(to: number): void {
    this.#inside = undefined;
    this.#expects = this.#containers.length === 0 ? 'nothing' : 'comma';
    this.#listener.end(this.#containers.length, to);
  }
}
