import * as z from 'zod';

/**
 * A file in a store, as the API writes it into the bucket of documents. Writing it starts the ingestion, deleting it removes the passages.
 * Its name is {@link storeFileName}.
 */
export const storeFileSchema = z.strictObject({
  filename: z.string().min(1),
  /** Name of the object with the file's bytes, in the same bucket. */
  object: z.string().min(1),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Most tokens of a chunk, and most that it repeats of the one before. */
  maxTokens: z.int(),
  overlapTokens: z.int(),
  /** Differs each time the file is brought into the store, so that its state can be told from that of the time before. */
  request: z.string().default(''),
});
export type StoreFile = z.infer<typeof storeFileSchema>;

/** What is known of the passages of a file in a store: its state for the API, and all that may be in the index. */
export const fileStateSchema = z.strictObject({
  status: z.enum(['in_progress', 'completed', 'failed']),
  /** One sentence for the owner, if it failed. */
  error: z.string().optional(),
  /** Name of the file that the passages have. */
  filename: z.string(),
  /** Hash of the document's version, its name and its chunking. */
  fingerprint: z.string(),
  /** Hash of the attributes that the passages have. */
  attributes: z.string(),
  /** `request` of the store file that the state is of. */
  request: z.string().default(''),
  /** Bytes of the texts of all passages. */
  textBytes: z.int().default(0),
  /** Ids that may be in the index. If completed, exactly those that are. */
  passages: z.array(z.string()),
});
export type FileState = z.infer<typeof fileStateSchema>;

/** Prefix of store files: the events of these objects reach the ingestion. */
export const STORE_FILE_PREFIX = 'stores/';

/** Returns the name of the object that says that a file is in a store. */
export function storeFileName(storeId: string, fileId: string): string {
  return `${STORE_FILE_PREFIX}${storeId}/${fileId}.json`;
}

/** Returns the name of the object with the state of a file in a store. */
export function fileStateName(storeId: string, fileId: string): string {
  return `states/${storeId}/${fileId}.json`;
}

/** Reads the ids from the name of a store file. `undefined` if it is none. */
export function parseStoreFileName(name: string): { readonly storeId: string; readonly fileId: string } | undefined {
  const [, storeId, fileId] = /^stores\/([\w-]+)\/([\w-]+)\.json$/.exec(name) ?? [];
  return storeId === undefined || fileId === undefined ? undefined : { storeId, fileId };
}
