import { type JsonListener, JsonScanner } from '../../formats/tools/json-scanner.ts';

/** The text of the `input` of a content block, by the indexes of its message and block. */
export type RawInputs = (message: number, block: number) => string | undefined;

/**
 * Finds the inputs of tool calls in the text of a request, which must be valid JSON. `JSON.parse` would round their numbers, and
 * the model would read other arguments than it wrote.
 */
export function rawInputsOf(body: string): RawInputs {
  if (!body.includes('"input"')) return () => undefined;
  const finder = new InputFinder(body);
  new JsonScanner(finder).push(body);
  return (message, block) => finder.inputs.get(`${message}.${block}`);
}

/** Watches `messages[…].content[…].input`: the keys at depth 1, 3 and 5, the indexes at depth 2 and 4. */
class InputFinder implements JsonListener {
  readonly inputs = new Map<string, string>();
  readonly #body: string;
  readonly #keys = ['', '', '', '', '', ''];
  #message = -1;
  #block = -1;
  #from = 0;

  constructor(body: string) {
    this.#body = body;
  }

  key(depth: number, from: number, to: number): void {
    if (depth < this.#keys.length) this.#keys[depth] = String(JSON.parse(this.#body.slice(from, to)));
  }

  begin(depth: number, at: number): void {
    if (depth > 5 || this.#keys[1] !== 'messages') return;
    if (depth === 1) this.#message = -1;
    if (depth === 2) {
      this.#message++;
      this.#keys[3] = '';
    }
    if (depth < 3 || this.#keys[3] !== 'content') return;
    if (depth === 3) this.#block = -1;
    if (depth === 4) {
      this.#block++;
      this.#keys[5] = '';
    }
    if (depth === 5) this.#from = at;
  }

  end(depth: number, to: number): void {
    if (depth !== 5 || this.#keys[1] !== 'messages' || this.#keys[3] !== 'content' || this.#keys[5] !== 'input') return;
    this.inputs.set(`${this.#message}.${this.#block}`, this.#body.slice(this.#from, to));
  }
}
