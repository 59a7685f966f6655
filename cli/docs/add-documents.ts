import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { DocumentsApi, Store, StoreFile } from './documents-api.ts';
import type { LocalDocument } from './find-documents.ts';

/** Largest document of a request, in bytes: the API accepts bodies of 4 MB. */
const MAX_BYTES = 3_900_000;
/** Longest name that an attribute holds, in characters. */
const MAX_NAME = 512;

/** What became of the documents of a folder. */
export interface AddReport {
  readonly store: string;
  readonly added: readonly string[];
  readonly replaced: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
  readonly failed: readonly { readonly name: string; readonly why: string }[];
}

/**
 * Makes a store have documents as they are on this machine: new ones are added, changed ones replaced, and the rest is left alone. It can
 * be interrupted and repeated: a document that was replaced is deleted after the new one can be searched.
 *
 * @param prune whether documents of the store that are not among these are deleted
 */
export async function addDocuments(
  api: DocumentsApi,
  store: Store,
  documents: readonly LocalDocument[],
  { prune, progress }: { readonly prune: boolean; readonly progress: (line: string) => void },
): Promise<AddReport> {
  const report = { added: [], replaced: [], unchanged: [], removed: [], failed: [] } as {
    added: string[];
    replaced: string[];
    unchanged: string[];
    removed: string[];
    failed: { name: string; why: string }[];
  };
  const known = new Map<string, StoreFile[]>();
  for (const file of await api.files(store)) {
    const name = file.attributes['path'];
    if (typeof name === 'string') known.set(name, [...(known.get(name) ?? []), file]);
  }
  for (const [at, document] of documents.entries()) {
    const { name } = document;
    const say = (what: string) => progress(`[${at + 1}/${documents.length}] ${name}: ${what}`);
    const before = known.get(name) ?? [];
    known.delete(name);
    const problem = problemOf(document);
    if (problem !== undefined) {
      report.failed.push({ name, why: problem });
      say(problem);
      continue;
    }
    const content = await readFile(document.path);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const same = before.find(({ attributes, status }) => attributes['sha256'] === sha256 && status === 'completed');
    if (same === undefined) {
      const file = await api.add(store, basename(name), content, { path: name, sha256 });
      if (file.status !== 'completed') {
        const why = file.last_error?.message ?? `The ingestion is ${file.status}.`;
        await api.remove(file);
        report.failed.push({ name, why });
        say(why);
        continue;
      }
      (before.length === 0 ? report.added : report.replaced).push(name);
      say(before.length === 0 ? 'added' : 'replaced');
    } else {
      report.unchanged.push(name);
    }
    for (const old of before) if (old !== same) await api.remove(old);
  }
  if (prune) {
    for (const [name, files] of known) {
      for (const file of files) await api.remove(file);
      report.removed.push(name);
      progress(`${name}: removed`);
    }
  }
  return { store: store.id, ...report };
}

function problemOf({ name, bytes }: LocalDocument): string | undefined {
  if (bytes > MAX_BYTES) {
    return `It has ${(bytes / 1e6).toFixed(1)} MB, and a request may have ${(MAX_BYTES / 1e6).toFixed(1)}. Split the document.`;
  }
  if (name.length > MAX_NAME) return `Its path has ${name.length} characters. At most ${MAX_NAME} are kept: move it.`;
  return bytes === 0 ? 'It is empty.' : undefined;
}
