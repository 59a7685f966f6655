import * as z from 'zod';

/** Most attributes of a file in a store, as OpenAI limits them. */
const MAX_ATTRIBUTES = 16;

export const attributesSchema = z
  .record(z.string().min(1).max(64), z.union([z.string().max(512), z.number(), z.boolean()]))
  .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `has more than ${MAX_ATTRIBUTES} entries`);

/** In an item of the table attributes are JSON, since the table's numbers have 38 digits and smaller exponents. */
const storedAttributesSchema = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(attributesSchema);

/** Purposes of uploads. */
export const filePurposes = ['assistants', 'user_data', 'batch'] as const;
/** Purposes of files: of uploads, and of the output and errors of a batch. */
const allPurposes = [...filePurposes, 'batch_output'] as const;

/** An uploaded file. Its bytes are an object. */
export const fileRecordSchema = z.object({
  id: z.string(),
  filename: z.string(),
  bytes: z.int(),
  purpose: z.enum(allPurposes),
  created: z.int(),
  /** Unix time after which the file is gone. */
  expires: z.int().optional(),
  /** Objects that have its bytes, one after the other. If omitted, one. */
  segments: z.int().optional(),
});
export type FileRecord = z.output<typeof fileRecordSchema>;

export const storeRecordSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  metadata: z.record(z.string(), z.string()),
  created: z.int(),
  lastActive: z.int(),
  /** Days without use after which the store is gone. */
  expiresAfterDays: z.int().optional(),
  version: z.int().optional(),
});
export type StoreRecord = z.output<typeof storeRecordSchema>;

export const chunkingSchema = z.object({ maxTokens: z.int(), overlapTokens: z.int() });
export type Chunking = z.output<typeof chunkingSchema>;

export const fileErrors = ['server_error', 'unsupported_file', 'invalid_file'] as const;

const settledSchema = z.object({
  status: z.enum(['completed', 'failed']),
  error: z.object({ code: z.enum(fileErrors), message: z.string() }).optional(),
  usageBytes: z.int(),
  passages: z.int(),
});

/** A file in a store: what was asked for. How far its ingestion is, its state tells (sync/store-file.ts). */
export const storeFileSchema = z.object({
  fileId: z.string(),
  filename: z.string(),
  attributes: storedAttributesSchema,
  /** What the ingestion of this request is known by. */
  request: z.string(),
  cancelled: z.boolean().optional(),
  /** The state in which the ingestion of this request ended, once it was seen. */
  settled: settledSchema.optional(),
  chunking: chunkingSchema,
  created: z.int(),
  batch: z.string().optional(),
  version: z.int().optional(),
});
export type StoreFileRecord = z.output<typeof storeFileSchema>;

/** The members of an item of the table. */
export function toStoreFileItem(record: StoreFileRecord): z.input<typeof storeFileSchema> {
  return { ...record, attributes: JSON.stringify(record.attributes) };
}

/** A file in a store, with its state. */
export interface StoreFile extends StoreFileRecord {
  readonly status: 'in_progress' | 'completed' | 'cancelled' | 'failed';
  readonly error?: { readonly code: (typeof fileErrors)[number]; readonly message: string } | undefined;
  /** Bytes of the texts of its passages. */
  readonly usageBytes: number;
  readonly passages: number;
}

export const batchSchema = z.object({
  id: z.string(),
  created: z.int(),
  fileIds: z.array(z.string()),
  cancelled: z.boolean().optional(),
});
export type Batch = z.output<typeof batchSchema>;

/** Files of a store by their status. */
export interface FileCounts {
  readonly in_progress: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly total: number;
}

export function countFiles(files: readonly Pick<StoreFile, 'status'>[]): FileCounts {
  const of = (status: StoreFile['status']) => files.filter((file) => file.status === status).length;
  return {
    in_progress: of('in_progress'),
    completed: of('completed'),
    cancelled: of('cancelled'),
    failed: of('failed'),
    total: files.length,
  };
}
