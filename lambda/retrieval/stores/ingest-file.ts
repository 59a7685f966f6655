import { type ChunkOptions, chunkBlocks, passageIds } from '../chunk-blocks.ts';
import { type ReadDocument, UnreadableDocumentError } from '../document.ts';
import type { Passage } from '../passage.ts';
import type { PassageIndex } from '../passage-index.ts';
import type { StoreFile } from './records.ts';

/** Passages that are written to the index at the same time. */
const WRITTEN_AT_ONCE = 200;

/** What is made of a document. */
export interface IngestParts {
  readonly read: ReadDocument;
  readonly index: PassageIndex;
  /** Returns what counts the tokens of a text. */
  readonly counter: () => Promise<ChunkOptions['count']>;
  /** Ids of passages that may be in the index: those of an ingestion before, whole or not. */
  readonly manifest: {
    get(): Promise<readonly string[]>;
    put(ids: readonly string[]): Promise<void>;
  };
}

/**
 * Brings a document into an index: reads it, cuts it, writes its passages and removes those that it had before. It can be repeated from
 * any point: ids of passages come from their text, and before a passage is written its id is in the manifest.
 *
 * @returns how the file ended up
 */
export async function ingestFile(
  { index, read, counter, manifest }: IngestParts,
  storeId: string,
  file: Pick<StoreFile, 'fileId' | 'filename' | 'attributes' | 'chunking'>,
  content: Uint8Array,
): Promise<Pick<StoreFile, 'status' | 'error' | 'passages' | 'usageBytes'>> {
  const before = await manifest.get();
  let passages: readonly Passage[];
  try {
    passages = await passagesOf(file, await read(content, file.filename), await counter());
  } catch (error) {
    if (!(error instanceof UnreadableDocumentError)) throw error;
    await index.remove(storeId, before);
    await manifest.put([]);
    return { status: 'failed', error: { code: 'invalid_file', message: error.message }, passages: 0, usageBytes: 0 };
  }
  const ids = passages.map(({ id }) => id);
  await manifest.put([...new Set([...before, ...ids])]);
  for (let at = 0; at < passages.length; at += WRITTEN_AT_ONCE) {
    await index.put(storeId, passages.slice(at, at + WRITTEN_AT_ONCE));
  }
  const kept = new Set(ids);
  await index.remove(
    storeId,
    before.filter((id) => !kept.has(id)),
  );
  await manifest.put(ids);
  const usageBytes = passages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return { status: 'completed', passages: passages.length, usageBytes };
}

/** The passages of a document. @throws {UnreadableDocumentError} if it cannot be read, or has no text */
export async function passagesOf(
  { fileId, filename, attributes, chunking }: Pick<StoreFile, 'fileId' | 'filename' | 'attributes' | 'chunking'>,
  blocks: Awaited<ReturnType<ReadDocument>>,
  count: ChunkOptions['count'],
): Promise<readonly Passage[]> {
  const chunks = chunkBlocks(blocks, { ...chunking, count });
  if (chunks.length === 0) {
    throw new UnreadableDocumentError(
      `${filename} has no text. Add a document with text; a scan must be recognized first.`,
    );
  }
  const ids = passageIds(fileId, chunks);
  return chunks.map(({ titlePath, text }, at) => ({
    id: ids[at] ?? '',
    ...{ fileId, filename, titlePath, text, attributes },
  }));
}
