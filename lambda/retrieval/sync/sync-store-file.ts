import { createHash } from 'node:crypto';
import { passageIds } from '../chunk-blocks.ts';
import { type CutDocument, UnreadableDocumentError } from '../document.ts';
import type { Passage } from '../passage.ts';
import type { PassageIndex } from '../passage-index.ts';
import type { Documents } from './documents.ts';
import {
  type FileState,
  fileStateName,
  fileStateSchema,
  type StoreFile,
  storeFileName,
  storeFileSchema,
} from './store-file.ts';

export interface SyncParts {
  readonly documents: Pick<Documents, 'get' | 'putIfUnchanged' | 'delete'>;
  readonly index: PassageIndex;
  readonly cut: CutDocument;
}

/**
 * Makes the index have the passages of a file in a store: those of the document as it is now, or none if the file is no longer in the store.
 * It looks at what is there, not at what an event says, so events may come twice, late, and in any order. Before passages are written, the
 * state lists them; so whatever a killed run has left is found by the next one.
 *
 * @returns the state that was written, or `undefined` if the file is not in the store
 * @throws {ChangedObjectError} if another run is at work on the same file: run it again
 * @throws any error of the index or the bucket: run it again
 */
export async function syncStoreFile(parts: SyncParts, storeId: string, fileId: string): Promise<FileState | undefined> {
  const { documents, index } = parts;
  const stateName = fileStateName(storeId, fileId);
  const stored = await documents.get(stateName);
  const before = stored === undefined ? undefined : fileStateSchema.parse(parseJson(stored.bytes));
  const entry = await documents.get(storeFileName(storeId, fileId));
  if (entry === undefined) {
    if (before === undefined) return undefined;
    await index.remove(storeId, before.passages);
    await documents.delete(stateName);
    return undefined;
  }

  const file = storeFileSchema.parse(parseJson(entry.bytes));
  const document = await documents.get(file.object);
  const fingerprint = hashOf([file.filename, file.object, file.maxTokens, file.overlapTokens, document?.version]);
  const attributes = hashOf(file.attributes);
  if (before?.fingerprint === fingerprint && before.attributes === attributes && before.status !== 'in_progress') {
    if (before.request === file.request) return before;
    const asked = { ...before, request: file.request };
    await documents.putIfUnchanged(stateName, JSON.stringify(asked), stored?.version);
    return asked;
  }

  const result = await passagesOf(parts, fileId, file, document?.bytes);
  const passages = 'problem' in result ? [] : result;
  const ids = passages.map(({ id }) => id);
  const wanted = new Set(ids);
  const textBytes = passages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  const known = { filename: file.filename, fingerprint, attributes, request: file.request, textBytes };
  const state: FileState =
    'problem' in result
      ? { ...known, status: 'failed', error: result.problem, passages: [] }
      : { ...known, status: 'completed', passages: ids };

  const possible = [...new Set([...(before?.passages ?? []), ...ids])];
  const writing: FileState = { ...known, status: 'in_progress', passages: possible };
  const version = await documents.putIfUnchanged(stateName, JSON.stringify(writing), stored?.version);

  // The id of a passage has its text. So what a completed run has written under the same filename is in the index as it should be, but for
  // the attributes.
  const kept = new Set(before?.status === 'completed' && before.filename === file.filename ? before.passages : []);
  await index.put(
    storeId,
    passages.filter(({ id }) => !kept.has(id)),
  );
  const others = ids.filter((id) => kept.has(id));
  if (others.length > 0 && before?.attributes !== attributes)
    await index.setAttributes(storeId, others, file.attributes);
  const stale = possible.filter((id) => !wanted.has(id));
  if (stale.length > 0) await index.remove(storeId, stale);
  await documents.putIfUnchanged(stateName, JSON.stringify(state), version);
  return state;
}

/** The passages of a document, or why there are none, in a sentence for its owner. */
async function passagesOf(
  { cut }: Pick<SyncParts, 'cut'>,
  fileId: string,
  { filename, attributes, maxTokens, overlapTokens }: StoreFile,
  bytes: Uint8Array | undefined,
): Promise<readonly Passage[] | { readonly problem: string }> {
  if (bytes === undefined) return { problem: `${filename} was deleted.` };
  try {
    const chunks = await cut(bytes, filename, { maxTokens, overlapTokens });
    const ids = passageIds(fileId, chunks);
    return chunks.map((chunk, index) => ({ id: ids[index] ?? '', fileId, filename, attributes, ...chunk }));
  } catch (error) {
    if (error instanceof UnreadableDocumentError) return { problem: error.message };
    throw error;
  }
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
