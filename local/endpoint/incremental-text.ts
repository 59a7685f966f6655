/** Ids as text, whole characters only. */
export interface IncrementalText {
  /** The text that has become certain with this id. */
  push(id: number): string;
  /** What is left. Half a character is dropped. */
  end(): string;
}

/** A character is at most four bytes, so at most four tokens; more replacement characters than that are real ones. */
const LONGEST_CHARACTER = 4;

/** A server's incremental detokenizer over `detokenize`: holds ids back while their text ends in half a character. */
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
