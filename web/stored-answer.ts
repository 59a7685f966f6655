import { callApi } from './call-api.ts';

/** What the page says about an answer. See `POST /v1/feedback`. */
export type Feedback =
  | { readonly metric: 'thumbs'; readonly value: boolean }
  | { readonly metric: 'correction'; readonly value: { readonly answer: string } }
  | { readonly metric: 'preferred'; readonly value: { readonly over: string } };

/** An answer that the API has stored, and that takes feedback. */
export class StoredAnswer {
  /** Id of the response. */
  readonly id: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param headers those of the request, since only its key may give feedback */
  constructor(id: string, url: string, headers: Readonly<Record<string, string>>) {
    this.id = id;
    this.#url = url;
    this.#headers = headers;
  }

  /**
   * Sends feedback, after all that was given before: if the reader changes a thumb, the last one counts.
   *
   * @throws {Error} with the API's own message
   */
  async give(feedback: Feedback): Promise<void> {
    const send = () => this.#send(feedback);
    const sent = this.#last.then(send, send);
    this.#last = sent;
    await sent;
  }

  async #send(feedback: Feedback): Promise<void> {
    await callApi('POST', this.#url, this.#headers, { id: this.id, ...feedback });
  }
}
