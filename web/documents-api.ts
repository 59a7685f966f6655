import { callApi } from './call-api.ts';

/** A vector store of the key. */
export interface Store {
  readonly id: string;
  readonly name: string;
}

/** A document in a store. */
export interface StoredDocument {
  readonly id: string;
  readonly filename: string;
  readonly status: 'in_progress' | 'completed' | 'cancelled' | 'failed';
  readonly last_error: { readonly message: string } | null;
}

/** A passage that a search found. `score`: 0 to 1. */
export interface FoundPassage {
  readonly passage_id: string;
  readonly file_id: string;
  readonly filename: string;
  readonly score: number;
  readonly content: readonly { readonly text: string }[];
}

interface Page<Item> {
  readonly data: readonly Item[];
  readonly last_id: string | null;
  readonly has_more: boolean;
}

const PAGE = 100;
const POLL_MS = 250;

/** Files and vector stores of the API, with the key of the page. All methods throw an {@link Error} with the API's own message. */
export class DocumentsApi {
  readonly #base: string;
  readonly #headers: () => Readonly<Record<string, string>>;

  /** @param base URL of the API, which ends in a slash */
  constructor(base: string, headers: () => Readonly<Record<string, string>>) {
    this.#base = base;
    this.#headers = headers;
  }

  async stores(): Promise<readonly Store[]> {
    return await this.#all<Store>('vector_stores');
  }

  async createStore(name: string): Promise<Store> {
    return await this.#call<Store>('POST', 'vector_stores', { name });
  }

  async documents(store: string): Promise<readonly StoredDocument[]> {
    const [files, kept] = await Promise.all([
      this.#all<{ readonly id: string; readonly filename: string }>('files'),
      this.#all<Omit<StoredDocument, 'filename'>>(`vector_stores/${store}/files`),
    ]);
    const names = new Map(files.map(({ id, filename }) => [id, filename]));
    return kept.map((document) => ({ ...document, filename: names.get(document.id) ?? document.id }));
  }

  /** Uploads a document and brings it into a store. Returns its id: it cannot be searched yet. */
  async add(store: string, file: File): Promise<string> {
    const form = new FormData();
    form.set('purpose', 'assistants');
    form.set('file', file);
    const { id } = await this.#call<{ readonly id: string }>('POST', 'files', form);
    await this.#call('POST', `vector_stores/${store}/files`, { file_id: id });
    return id;
  }

  /** Waits until a document can be searched, or could not be read. */
  async whenRead(store: string, id: string): Promise<Omit<StoredDocument, 'filename'>> {
    for (;;) {
      const document = await this.#call<Omit<StoredDocument, 'filename'>>('GET', `vector_stores/${store}/files/${id}`);
      if (document.status !== 'in_progress') return document;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async remove(id: string): Promise<void> {
    await this.#call('DELETE', `files/${id}`);
  }

  async search(store: string, query: string, maxResults: number): Promise<readonly FoundPassage[]> {
    const body = { query, max_num_results: maxResults };
    return (await this.#call<{ readonly data: readonly FoundPassage[] }>('POST', `vector_stores/${store}/search`, body))
      .data;
  }

  async #all<Item>(path: string): Promise<readonly Item[]> {
    const items: Item[] = [];
    let after = '';
    for (;;) {
      const page = await this.#call<Page<Item>>('GET', `${path}?limit=${PAGE}${after}`);
      items.push(...page.data);
      if (!page.has_more || page.last_id === null) return items;
      after = `&after=${encodeURIComponent(page.last_id)}`;
    }
  }

  async #call<Answer>(method: string, path: string, body?: FormData | object): Promise<Answer> {
    return await callApi<Answer>(method, `${this.#base}v1/${path}`, this.#headers(), body);
  }
}
