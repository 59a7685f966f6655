import * as z from 'zod';

/** Endpoints whose requests a batch may have. */
export const batchEndpoints = ['/v1/chat/completions', '/v1/responses', '/v1/completions'] as const;
export type BatchEndpoint = (typeof batchEndpoints)[number];

export const batchStatuses = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/** Statuses in which a batch stays. */
export const finalStatuses = ['completed', 'failed', 'cancelled', 'expired'] as const satisfies readonly BatchStatus[];
export type FinalStatus = (typeof finalStatuses)[number];

export function isFinal(status: BatchStatus): status is FinalStatus {
  return finalStatuses.some((final) => final === status);
}

/** What is wrong with an input file. */
export const inputErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** Number of the line, from 1. Missing if it is of the whole file. */
  line: z.int().optional(),
  /** Field of the line. */
  param: z.string().optional(),
});
export type InputError = z.output<typeof inputErrorSchema>;

const lineCountsSchema = z.object({ total: z.int(), completed: z.int(), failed: z.int() });

/** A batch. Unix times, in seconds. */
export const batchRecordSchema = z.object({
  id: z.string(),
  /** Id of the key that owns it. */
  key: z.string(),
  endpoint: z.enum(batchEndpoints),
  inputFileId: z.string(),
  metadata: z.record(z.string(), z.string()).optional(),
  status: z.enum(batchStatuses),
  created: z.int(),
  /** Time at which lines that have no result are given up. */
  expires: z.int(),
  /** When each status was entered. */
  entered: z.partialRecord(z.enum(batchStatuses), z.int()),
  counts: lineCountsSchema,
  errors: z.array(inputErrorSchema).optional(),
  outputFileId: z.string().optional(),
  errorFileId: z.string().optional(),
  /** Lifetime of the output files, in seconds. If omitted, that of the deployment. */
  outputSeconds: z.int().optional(),
  /** The worker that runs it, and until when if it does not renew this. */
  lease: z.object({ worker: z.string(), until: z.int() }).optional(),
  /** Time before which no worker takes it: what it needs was not there. */
  after: z.int().optional(),
  version: z.int().optional(),
});
export type BatchRecord = z.output<typeof batchRecordSchema>;

/** What is known of a line: its result, or the attempts that failed. */
export const lineRecordSchema = z.object({
  /** Whether the line has a result, and of which file. Missing while it has none. */
  result: z.enum(['output', 'error']).optional(),
  attempts: z.int(),
});
export type LineRecord = z.output<typeof lineRecordSchema>;
