import type { ChatBody } from './request-code.ts';

/** A request and its response as they went over the wire, without the key. */
export class Exchange {
  readonly request: { readonly method: 'GET' | 'POST'; readonly url: string; readonly body?: ChatBody };
  readonly #startedAt = new Date().toISOString();
  #response: { readonly status: number; readonly headers: Readonly<Record<string, string>> } | undefined;
  #text = '';

  /** @param body if omitted, the request is a GET */
  constructor(url: string, body?: ChatBody) {
    this.request = body === undefined ? { method: 'GET', url } : { method: 'POST', url, body };
  }

  answered(response: Response): void {
    this.#response = { status: response.status, headers: Object.fromEntries(response.headers) };
  }

  /** Adds text of the response's body. */
  add(text: string): void {
    this.#text += text;
  }

  /** Downloads it as a file. */
  save(): void {
    const content = JSON.stringify(
      { startedAt: this.#startedAt, request: this.request, response: { ...this.#response, body: this.#text } },
      null,
      2,
    );
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([content], { type: 'application/json' }));
    link.download = `budgetforce-${this.#startedAt.replaceAll(':', '-').slice(0, 19)}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
