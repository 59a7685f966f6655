import { basename } from 'node:path';
import * as z from 'zod';
import { finalStatuses } from '../../lambda/batches/records.ts';
import { type ApiClientOptions, callApi, downloadFrom, sendForm } from '../api-client.ts';

const batchSchema = z.object({
  id: z.string(),
  status: z.string(),
  input_file_id: z.string(),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  errors: z
    .object({ data: z.array(z.object({ code: z.string(), message: z.string(), line: z.int().nullable() })) })
    .nullable(),
});
export type Batch = z.output<typeof batchSchema>;

const END_STATUSES: ReadonlySet<string> = new Set(finalStatuses);

/** Whether a batch stays in its status. */
export function hasEnded({ status }: Pick<Batch, 'status'>): boolean {
  return END_STATUSES.has(status);
}

/** Batches of an API, as the command needs them. */
export class BatchesApi {
  readonly #client: ApiClientOptions;

  constructor(client: ApiClientOptions) {
    this.#client = client;
  }

  /** Uploads requests and returns the id of their file. */
  async upload(path: string, content: string): Promise<string> {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new File([content], basename(path)));
    return z.object({ id: z.string() }).parse(await sendForm(this.#client, '/files', form)).id;
  }

  async create(fileId: string, endpoint: string): Promise<Batch> {
    const body = { input_file_id: fileId, endpoint, completion_window: '24h' };
    return batchSchema.parse(await callApi(this.#client, 'POST', '/batches', body));
  }

  async retrieve(id: string): Promise<Batch> {
    return batchSchema.parse(await callApi(this.#client, 'GET', `/batches/${encodeURIComponent(id)}`));
  }

  async cancel(id: string): Promise<Batch> {
    return batchSchema.parse(await callApi(this.#client, 'POST', `/batches/${encodeURIComponent(id)}/cancel`));
  }

  async download(fileId: string): Promise<ReadableStream<Uint8Array>> {
    return await downloadFrom(this.#client, `/files/${encodeURIComponent(fileId)}/content`);
  }
}
