/** What a `TextGate` watches for. */
export interface TextGateOptions {
  /** Literal texts of the end tokens: never shown. Empty where the text is made from ids, which leaves them out. */
  readonly endTexts: readonly string[];
  /** The caller's stop texts: nothing is shown from the first one on. */
  readonly stopTexts: readonly string[];
  /** Whether newlines at the end are the template's and not shown. Those at the start never are. */
  readonly trimEnd: boolean;
}

/**
 * Lets text through as it becomes certain. Held back until what follows decides: the start of a delimiter or a stop text (it
 * may become one), the first half of a surrogate pair (half a character), and newlines at the edges of a part.
 */
export class TextGate {
  readonly #options: TextGateOptions;
  #held = '';
  #started = false;
  #stopText: string | undefined;

  constructor(options: TextGateOptions) {
    this.#options = options;
  }

  /** Whether a stop text came: all after it is swallowed. */
  get stopped(): boolean {
    return this.#stopText !== undefined;
  }

  /** The stop text that came. */
  get stopText(): string | undefined {
    return this.#stopText;
  }

  /** Takes the next text and gives what is certain now. */
  push(text: string): string {
    if (this.stopped) return '';
    this.#held += text;
    if (!this.#started) this.#held = this.#held.replace(/^\n+/, '');
    const stop = firstOf(this.#options.stopTexts, this.#held);
    if (stop !== undefined) {
      this.#stopText = stop.text;
      const certain = this.#held.slice(0, stop.at);
      this.#held = '';
      return certain;
    }
    const certain = this.#held.slice(0, this.#held.length - this.#uncertain());
    this.#held = this.#held.slice(certain.length);
    this.#started ||= certain !== '';
    return certain;
  }

  /** Gives what is still held where the part goes on with forced text: only half a character is dropped. */
  flush(): string {
    const rest = endsInHalfCharacter(this.#held) ? this.#held.slice(0, -1) : this.#held;
    this.#held = '';
    this.#started ||= rest !== '';
    return rest;
  }

  /** Gives what is still held at the end of the part. `endText`: the literal text of the end token, where it may be there. */
  end(endText?: string): string {
    this.drop(endText);
    const rest = this.flush();
    return this.#options.trimEnd ? rest.replace(/\n+$/, '') : rest;
  }

  /** Takes the literal text of an end token off what is held. */
  drop(endText: string | undefined): void {
    if (endText !== undefined && this.#held.endsWith(endText)) this.#held = this.#held.slice(0, -endText.length);
  }

  /** How much of the tail of what is held is not certain. */
  #uncertain(): number {
    const held = this.#held;
    let keep = endsInHalfCharacter(held) ? 1 : 0;
    for (const watched of [...this.#options.endTexts, ...this.#options.stopTexts]) {
      for (let length = Math.min(watched.length, held.length); length > keep; length--) {
        if (held.endsWith(watched.slice(0, length))) keep = length;
      }
    }
    if (this.#options.trimEnd) {
      while (keep < held.length && held[held.length - keep - 1] === '\n') keep++;
    }
    return keep;
  }
}

function firstOf(texts: readonly string[], held: string): { readonly text: string; readonly at: number } | undefined {
  return texts
    .map((text) => ({ text, at: held.indexOf(text) }))
    .filter(({ at }) => at >= 0)
    .toSorted((a, b) => a.at - b.at)[0];
}

function endsInHalfCharacter(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
