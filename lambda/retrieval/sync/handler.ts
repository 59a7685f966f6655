import * as z from 'zod';
import { retrievalSettingsSchema } from '../../settings/retrieval-settings.ts';
import { openIndex } from '../open-index.ts';
import { createCutDocument } from '../read/read-document.ts';
import { DocumentBucket } from './document-bucket.ts';
import { parseStoreFileName } from './store-file.ts';
import { type SyncParts, syncStoreFile } from './sync-store-file.ts';

/** Environment of the function: what the API's settings have as well, and the tokenizer that counts. */
const environmentSchema = z.object({
  RETRIEVAL: z.string().transform((text) => retrievalSettingsSchema.parse(JSON.parse(text))),
  TOKENIZER_FILE: z.string().min(1),
});

/** Messages of the queue: each has an S3 event, or S3's test event, which has no records. */
const eventSchema = z.object({ Records: z.array(z.object({ body: z.string() })) });
const s3EventSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })).default([]),
});

let parts: Promise<SyncParts> | undefined;

/**
 * Entry point of the function that the queue of the bucket's events calls. An error gives the message back to the queue, which tries it again,
 * and at last moves it to the dead-letter queue.
 */
export const handler = async (event: unknown): Promise<void> => {
  parts ??= openParts();
  const opened = await parts.catch((error: unknown) => {
    parts = undefined;
    throw error;
  });
  for (const { body } of eventSchema.parse(event).Records) {
    for (const { s3 } of s3EventSchema.parse(JSON.parse(body)).Records) {
      // S3 encodes names as in a form.
      const name = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
      const ids = parseStoreFileName(name);
      if (ids === undefined) continue;
      const started = Date.now();
      const state = await syncStoreFile(opened, ids.storeId, ids.fileId);
      const line = {
        message: 'Synchronized a file of a store',
        ...ids,
        status: state?.status ?? 'removed',
        passages: state?.passages.length ?? 0,
        milliseconds: Date.now() - started,
      };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  }
};

async function openParts(): Promise<SyncParts> {
  const { RETRIEVAL, TOKENIZER_FILE } = environmentSchema.parse(process.env);
  return {
    documents: new DocumentBucket(RETRIEVAL.documentBucket),
    index: await openIndex(RETRIEVAL),
    cut: createCutDocument(TOKENIZER_FILE),
  };
}
