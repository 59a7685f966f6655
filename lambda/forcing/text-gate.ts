/** Options of a `TextGate`. */
export interface TextGateOptions {
  /** Literal texts of the end tokens; never shown. Empty if the text is made from ids, which leaves them out. */
  readonly endTexts: readonly string[];
  /** The request's stop texts: nothing is shown from the first match on. */
  readonly stopTexts: readonly string[];
  /** Whether to drop trailing newlines, which are the template's. */
  readonly trimEnd: boolean;
  /** Whether text of the part was shown before. If not, leading newlines are dropped. @default false */
  readonly continues?: boolean;
}

/**
 * Passes text on as it becomes certain. It holds back what later text may change: a prefix of a delimiter or of a stop text,
 * the first half of a surrogate pair, and newlines at the edges of a part.
 */
export class TextGate {
  readonly #options: TextGateOptions;
  /** Length of the longest delimiter or stop text. */
  readonly #longest: number;
  #held = '';
  /** Number of newlines before `#held`. A run of newlines may grow to any length, and must not be read again for each token. */
  #newlines = 0;
  #started: boolean;
  #stopText: string | undefined;

  constructor(options: TextGateOptions) {
    this.#options = options;
    this.#longest = Math.max(0, ...[...options.endTexts, ...options.stopTexts].map((text) => text.length));
    this.#started = options.continues === true;
  }

  /** The stop text that matched, if one did. All later text is dropped. */
  get stopText(): string | undefined {
    return this.#stopText;
  }

  /** Takes the next text and returns what is certain now. */
  push(text: string): string {
    if (this.#stopText !== undefined) return '';
    this.#held += text;
    if (!this.#started) this.#held = this.#held.slice(leadingNewlines(this.#held));
    const stop = firstMatch(this.#options.stopTexts, this.#held);
    if (stop !== undefined) {
      this.#stopText = stop.text;
      this.#held = this.#held.slice(0, stop.at);
      return this.#takeHeld();
    }
    const certain = this.#held.slice(0, this.#held.length - this.#uncertain());
    this.#held = this.#held.slice(certain.length);
    const shown = certain === '' ? '' : '\n'.repeat(this.#newlines) + certain;
    if (certain !== '') this.#newlines = 0;
    this.#countNewlines();
    this.#started ||= shown !== '';
    return shown;
  }

  /** Returns the held text before forced text continues the part. Half a character is dropped. */
  flush(): string {
    if (endsInHalfCharacter(this.#held)) this.#held = this.#held.slice(0, -1);
    const rest = this.#takeHeld();
    this.#started ||= rest !== '';
    return rest;
  }

  /** Returns the held text at the end of the part, without `endText`, the literal text of the end token. */
  end(endText?: string): string {
    this.drop(endText);
    const rest = this.flush();
    if (!this.#options.trimEnd) return rest;
    let end = rest.length;
    while (rest[end - 1] === '\n') end--;
    return rest.slice(0, end);
  }

  /** Removes the literal text of an end token from the held text. */
  drop(endText: string | undefined): void {
    if (endText === undefined) return;
    if (endText.length > this.#held.length) this.#held = this.#takeHeld();
    if (this.#held.endsWith(endText)) this.#held = this.#held.slice(0, -endText.length);
  }

  /** Takes all held text. */
  #takeHeld(): string {
    const held = '\n'.repeat(this.#newlines) + this.#held;
    this.#held = '';
    this.#newlines = 0;
    return held;
  }

  /** Counts the newlines at the start of the held text, except those that a delimiter could begin with. */
  #countNewlines(): void {
    if (!this.#options.trimEnd) return;
    const counted = Math.max(0, leadingNewlines(this.#held) - this.#longest);
    this.#newlines += counted;
    this.#held = this.#held.slice(counted);
  }

  /** Number of characters at the end of the held text that are not certain. */
  #uncertain(): number {
    const held = this.#held;
    let keep = endsInHalfCharacter(held) ? 1 : 0;
    for (const delimiter of [...this.#options.endTexts, ...this.#options.stopTexts]) {
      for (let length = Math.min(delimiter.length, held.length); length > keep; length--) {
        if (held.endsWith(delimiter.slice(0, length))) keep = length;
      }
    }
    if (this.#options.trimEnd) {
      while (keep < held.length && held[held.length - keep - 1] === '\n') keep++;
    }
    return keep;
  }
}

function leadingNewlines(text: string): number {
  let count = 0;
  while (text[count] === '\n') count++;
  return count;
}

function firstMatch(
  texts: readonly string[],
  held: string,
): { readonly text: string; readonly at: number } | undefined {
  return texts
    .map((text) => ({ text, at: held.indexOf(text) }))
    .filter(({ at }) => at >= 0)
    .toSorted((a, b) => a.at - b.at)[0];
}

function endsInHalfCharacter(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
