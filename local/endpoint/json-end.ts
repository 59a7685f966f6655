/** Finds the end of a JSON object, array or string in a valid text that arrives in pieces. */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Takes the next text and returns whether the value is complete. Numbers and words never are: more digits could follow. */
  push(text: string): boolean {
    for (const char of text) {
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString && char === '\\') this.#escaped = true;
      else if (char === '"') this.#inString = !this.#inString;
      else if (this.#inString) continue;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') this.#depth--;
      if (this.#depth === 0 && !this.#inString && !this.#escaped && '"}]'.includes(char)) return true;
    }
    return false;
  }
}
