import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type ApiClientOptions, callApi, sendForm } from '../api-client.ts';

const storeSchema = z.object({ id: z.string(), name: z.string() });
export type Store = z.output<typeof storeSchema>;

const storeFileSchema = z.object({
  id: z.string(),
  status: z.enum(['in_progress', 'completed', 'cancelled', 'failed']),
  last_error: z.object({ message: z.string() }).nullable(),
  usage_bytes: z.number(),
  attributes: z.record(z.string(), z.unknown()),
});
export type StoreFile = z.output<typeof storeFileSchema>;

const foundSchema = z.object({
  data: z.array(
    z.object({
      file_id: z.string(),
      filename: z.string(),
      score: z.number(),
      attributes: z.record(z.string(), z.unknown()),
      content: z.array(z.object({ text: z.string() })),
    }),
  ),
});
export type Found = z.output<typeof foundSchema>['data'][number];

const PAGE = 100;
const POLL_MS = 200;

/** Vector stores of an API, as the command needs them. */
export class DocumentsApi {
  readonly #client: ApiClientOptions;

  constructor(client: ApiClientOptions) {
    this.#client = client;
  }

  /** The store with a name. Of several, the newest. */
  async find(name: string): Promise<Store | undefined> {
    return (await this.#all('/vector_stores', storeSchema)).find((store) => store.name === name);
  }

  async create(name: string): Promise<Store> {
    return storeSchema.parse(await callApi(this.#client, 'POST', '/vector_stores', { name }));
  }

  async files(store: Store): Promise<readonly StoreFile[]> {
    return await this.#all(`/vector_stores/${store.id}/files`, storeFileSchema);
  }

  /** Uploads a document, brings it into a store, and waits until it can be searched, or cannot be read. */
  async add(
    store: Store,
    filename: string,
    content: Uint8Array,
    attributes: StoreFile['attributes'],
  ): Promise<StoreFile> {
    const form = new FormData();
    form.set('purpose', 'assistants');
    form.set('file', new File([new Uint8Array(content)], filename));
    const { id } = z.object({ id: z.string() }).parse(await sendForm(this.#client, '/files', form));
    const path = `/vector_stores/${store.id}/files`;
    let file = storeFileSchema.parse(await callApi(this.#client, 'POST', path, { file_id: id, attributes }));
    while (file.status === 'in_progress') {
      await sleep(POLL_MS);
      file = storeFileSchema.parse(await callApi(this.#client, 'GET', `${path}/${id}`));
    }
    return file;
  }

  /** Deletes a document, and takes it out of all stores. */
  async remove(file: Pick<StoreFile, 'id'>): Promise<void> {
    await callApi(this.#client, 'DELETE', `/files/${file.id}`);
  }

  async search(store: Store, query: string, maxResults: number): Promise<readonly Found[]> {
    const body = { query, max_num_results: maxResults };
    return foundSchema.parse(await callApi(this.#client, 'POST', `/vector_stores/${store.id}/search`, body)).data;
  }

  async #all<T extends { readonly id: string }>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
    const pageSchema = z.object({ data: z.array(schema), has_more: z.boolean() });
    const found: T[] = [];
    for (;;) {
      const last = found.at(-1);
      const after = last === undefined ? '' : `&after=${encodeURIComponent(last.id)}`;
      const page = pageSchema.parse(await callApi(this.#client, 'GET', `${path}?limit=${PAGE}${after}`));
      found.push(...page.data);
      if (!page.has_more) return found;
    }
  }
}
