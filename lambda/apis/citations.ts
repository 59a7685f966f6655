import type { PlacedPassage } from '../generation/retrieval.ts';

/** A mark such as `[2]` in an answer, and the passage that has this number. */
export interface Citation {
  readonly passage: PlacedPassage;
  /** 1 for the first passage. */
  readonly number: number;
  /** Place of the mark in the text, with its brackets, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

/** A mark of one or more numbers, or the border of a block of code, inside of which brackets are no marks. */
const MARKS = /```|\[(\d[\d, ]{0,38})\]/g;
/** Maximum length of a mark, in characters. */
const MAX_MARK = 41;

/**
 * Finds the passages that an answer cites: the numbers in brackets that the model wrote, and that a passage has. Nothing is guessed: a text
 * without such marks has no citations. Pieces may have any size.
 */
export class CitationReader {
  readonly #passages: readonly PlacedPassage[];
  /** The end of the text so far, which may be the beginning of a mark. */
  #held = '';
  #heldAt = 0;
  #inCode = false;

  constructor(passages: readonly PlacedPassage[]) {
    this.#passages = passages;
  }

  /** Takes the next piece of the text. Returns the citations whose marks it completes. */
  push(piece: string): readonly Citation[] {
    if (this.#passages.length === 0) return [];
    const text = this.#held + piece;
    const at = this.#heldAt;
    const citations: Citation[] = [];
    let read = 0;
    for (const { 0: mark, 1: numbers, index } of text.matchAll(MARKS)) {
      read = index + mark.length;
      if (numbers === undefined) this.#inCode = !this.#inCode;
      else if (!this.#inCode) citations.push(...this.#cited(numbers, at + index, at + read));
    }
    const rest = text.slice(read);
    const open = Math.max(rest.lastIndexOf('['), rest.endsWith('`') ? rest.length - trailingTicks(rest) : -1);
    const keep = open >= 0 && rest.length - open <= MAX_MARK ? open : rest.length;
    this.#held = rest.slice(keep);
    this.#heldAt = at + read + keep;
    return citations;
  }

  #cited(numbers: string, start: number, end: number): readonly Citation[] {
    const cited = new Set(numbers.split(',').map((number) => Number(number.trim() === '' ? Number.NaN : number)));
    return [...cited].flatMap((number) => {
      const passage = this.#passages[number - 1];
      return passage === undefined ? [] : { passage, number, start, end };
    });
  }
}

function trailingTicks(text: string): number {
  return text.endsWith('``') ? 2 : 1;
}

/** Ends of sentences. Those of scripts without spaces need none behind them. */
const ENDS = new Set('.!?…。！？\n');
const ENDS_WITHOUT_SPACE = new Set('。！？');
const CLOSERS = new Set('"\')]”’»*_');

/**
 * Cuts a text into sentences and lines, each with the spaces behind it. A mark behind the end of a sentence (`17. [1]`) belongs to the
 * sentence. The sentences together are the text.
 */
export class SentenceReader {
  #text = '';
  #ended = false;
  #gap = false;
  #inMark = false;

  /** Takes the next piece. Returns the sentences that are certainly complete. */
  push(piece: string): readonly string[] {
    const complete: string[] = [];
    for (const character of piece) {
      if (this.#begins(character)) {
        complete.push(this.#text);
        this.#text = '';
        this.#ended = false;
        this.#gap = false;
      }
      this.#text += character;
      this.#see(character);
    }
    return complete;
  }

  /** Returns the rest. */
  end(): string {
    const rest = this.#text;
    this.#text = '';
    this.#ended = false;
    this.#gap = false;
    this.#inMark = false;
    return rest;
  }

  /** Whether a character begins the next sentence. */
  #begins(character: string): boolean {
    if (!this.#gap || this.#inMark || character === '[' || isSpace(character)) return false;
    // A closing quotation mark follows its sentence at once, an opening one has a space before it.
    return !CLOSERS.has(character) || isSpace(this.#text.at(-1) ?? '');
  }

  #see(character: string): void {
    if (this.#inMark) {
      if (character === ']') this.#inMark = false;
      else if (!/[\d, ]/.test(character)) this.#leave();
    } else if (ENDS.has(character)) {
      this.#ended = true;
      this.#gap = ENDS_WITHOUT_SPACE.has(character) || character === '\n';
    } else if (this.#ended && isSpace(character)) {
      this.#gap = true;
    } else if (this.#ended && character === '[') {
      this.#inMark = true;
    } else if (!CLOSERS.has(character)) {
      this.#leave();
    }
  }

  #leave(): void {
    this.#inMark = false;
    this.#ended = false;
    this.#gap = false;
  }
}

function isSpace(character: string): boolean {
  return character.trim() === '';
}
