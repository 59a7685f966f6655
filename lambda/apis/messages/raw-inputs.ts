import { type JsonListener, JsonScanner } from '../../formats/tools/json-scanner.ts';

/** The text of the `input` of a tool call, by its id. `undefined` if two calls share the id. */
export type RawInputs = (id: string) => string | undefined;

/**
 * Finds the inputs of tool calls in the text of a request, which must be valid JSON. `JSON.parse` would round their numbers, and
 * the model would read other arguments than it wrote.
 */
export function rawInputsOf(body: string): RawInputs {
  if (!body.includes('"input"')) return () => undefined;
  const finder = new InputFinder(body);
  new JsonScanner(finder).push(body);
  return (id) => finder.inputs.get(id);
}

/** Watches `messages[…].content[…]`: the keys at depth 1, 3 and 5. */
class InputFinder implements JsonListener {
  readonly inputs = new Map<string, string | undefined>();
  readonly #body: string;
  readonly #keys = ['', '', '', '', '', ''];
  #from = 0;
  #id: string | undefined;
  #input: string | undefined;

  constructor(body: string) {
    this.#body = body;
  }

  key(depth: number, from: number, to: number): void {
    if (depth < this.#keys.length) this.#keys[depth] = String(JSON.parse(this.#body.slice(from, to)));
  }

  begin(depth: number, at: number): void {
    if (depth === 2) this.#keys[3] = '';
    if (depth === 4) {
      this.#keys[5] = '';
      this.#id = undefined;
      this.#input = undefined;
    }
    if (depth === 5) this.#from = at;
  }

  end(depth: number, to: number): void {
    if (this.#keys[1] !== 'messages' || this.#keys[3] !== 'content') return;
    const text = depth === 5 ? this.#body.slice(this.#from, to) : '';
    if (depth === 5 && this.#keys[5] === 'input') this.#input = text;
    if (depth === 5 && this.#keys[5] === 'id' && text.startsWith('"')) this.#id = String(JSON.parse(text));
    if (depth !== 4 || this.#id === undefined || this.#input === undefined) return;
    this.inputs.set(this.#id, this.inputs.has(this.#id) ? undefined : this.#input);
  }
}
