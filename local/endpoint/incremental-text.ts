/** Decodes ids to text, in complete characters. */
export interface IncrementalText {
  /** Adds an id and returns the text that it completes. */
  push(id: number): string;
  /** Returns the remaining text. An incomplete character is dropped. */
  end(): string;
}

/** A character has at most four bytes, so at most four tokens. After that, a replacement character is part of the text. */
const LONGEST_CHARACTER = 4;

/** Incremental detokenizer as in a model server: holds ids back while their text ends in an incomplete character. */
export function incrementalText(detokenize: (ids: readonly number[]) => string): IncrementalText {
  let held: number[] = [];
  return {
    push(id) {
      held.push(id);
      const text = detokenize(held);
      if (text.endsWith('\uFFFD') && held.length < LONGEST_CHARACTER) return '';
      held = [];
      return text;
    },
    end() {
      const text = held.length === 0 ? '' : detokenize(held).replace(/\uFFFD+$/, '');
      held = [];
      return text;
    },
  };
}
