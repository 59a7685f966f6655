import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { readOptional, replaceFile } from '../../evaluate/folder/lines-file.ts';
import { UsageError } from '../usage-error.ts';
import { type Batch, type BatchesApi, hasEnded } from './batches-api.ts';
import { splitInput } from './split-input.ts';

/** Time between two looks at a batch: shorter at first, in milliseconds. */
const POLL_MS = { first: 500, most: 15_000 } as const;

/** Where a run is: kept in a file beside the output, so that the same command goes on. */
const stateSchema = z.object({
  /** SHA-256 of the file of requests. */
  input: z.hash('sha256'),
  /** Ids of the batches, one for each part that was sent. */
  batches: z.array(z.string()),
});
type State = z.output<typeof stateSchema>;

export interface BatchFiles {
  /** The requests. */
  readonly input: string;
  readonly output: string;
  readonly errors: string;
}

/** How a file of requests ended. */
export interface BatchReport {
  readonly batches: readonly Pick<Batch, 'id' | 'status' | 'errors'>[];
  readonly request_counts: Batch['request_counts'];
  /** Path of the output file, if there is one. */
  readonly output: string | undefined;
  readonly errors: string | undefined;
}

/** What a run takes from outside. */
export interface BatchEnvironment {
  readonly api: BatchesApi;
  readonly sleep: (ms: number) => Promise<void>;
  /** Called with each change of the counts. */
  readonly progress: (line: string) => void;
}

/**
 * Sends a file of requests as one or more batches, follows them, and writes their output. The ids of the batches are written down before
 * it waits, so a repeated call goes on with them.
 *
 * @throws {UsageError} if the file was changed since an earlier call that did not end
 */
export async function runBatch(files: BatchFiles, { api, sleep, progress }: BatchEnvironment): Promise<BatchReport> {
  const text = await readFile(files.input, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`${files.input} cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  });
  const { endpoint, parts } = splitInput(files.input, text);
  const statePath = `${files.output}.state.json`;
  const state = await readState(statePath, createHash('sha256').update(text).digest('hex'), files);
  for (let index = state.batches.length; index < parts.length; index++) {
    const fileId = await api.upload(files.input, parts[index] ?? '');
    state.batches.push((await api.create(fileId, endpoint)).id);
    await replaceFile(statePath, `${JSON.stringify(state)}\n`);
  }
  const batches = await follow(state.batches, api, sleep, progress);
  const report: BatchReport = {
    batches: batches.map(({ id, status, errors }) => ({ id, status, errors })),
    request_counts: totalOf(batches),
    output: await write(
      files.output,
      batches.map((batch) => batch.output_file_id),
      api,
    ),
    errors: await write(
      files.errors,
      batches.map((batch) => batch.error_file_id),
      api,
    ),
  };
  await rm(statePath, { force: true });
  return report;
}

/** Asks for the end of the batches of an earlier call. @returns their ids. @throws {UsageError} if there are none */
export async function cancelBatches({ input, output }: BatchFiles, api: BatchesApi): Promise<readonly string[]> {
  const state = await storedState(`${output}.state.json`);
  if (state === undefined) throw new UsageError(`${input} has no batch that was not followed to its end.`);
  for (const id of state.batches) if (!hasEnded(await api.retrieve(id))) await api.cancel(id);
  return state.batches;
}

async function follow(
  ids: readonly string[],
  api: BatchesApi,
  sleep: BatchEnvironment['sleep'],
  progress: BatchEnvironment['progress'],
): Promise<readonly Batch[]> {
  let last = '';
  for (let waitMs: number = POLL_MS.first; ; waitMs = Math.min(POLL_MS.most, waitMs * 1.3)) {
    const batches: Batch[] = [];
    for (const id of ids) batches.push(await api.retrieve(id));
    const { total, completed, failed } = totalOf(batches);
    const statuses = [...new Set(batches.map(({ status }) => status))].join(', ');
    const line = `${statuses}: ${completed + failed} of ${total}${failed === 0 ? '' : `, ${failed} failed`}`;
    if (line !== last) progress(line);
    last = line;
    if (batches.every(hasEnded)) return batches;
    await sleep(waitMs);
  }
}

function totalOf(batches: readonly Batch[]): Batch['request_counts'] {
  const sum = (of: (counts: Batch['request_counts']) => number) =>
    batches.reduce((total, batch) => total + of(batch.request_counts), 0);
  return {
    total: sum(({ total }) => total),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
  };
}

/** Writes the files of all batches, one after the other, as one file. Returns its path, or `undefined` if there are none. */
async function write(path: string, fileIds: readonly (string | null)[], api: BatchesApi): Promise<string | undefined> {
  const ids = fileIds.filter((id) => id !== null);
  if (ids.length === 0) return undefined;
  const unfinished = `${path}.part`;
  const parts = async function* () {
    for (const id of ids) yield* await api.download(id);
  };
  await pipeline(Readable.from(parts()), createWriteStream(unfinished));
  await rename(unfinished, path);
  return path;
}

async function readState(path: string, input: string, files: BatchFiles): Promise<State> {
  const state = await storedState(path);
  if (state === undefined) return { input, batches: [] };
  if (state.input === input) return state;
  throw new UsageError(
    `${files.input} was changed since its batches ${state.batches.join(', ')} were sent. Restore it to go on, give another --out, or delete ${path} to send it anew.`,
  );
}

async function storedState(path: string): Promise<State | undefined> {
  const text = await readOptional(path);
  return text === undefined ? undefined : stateSchema.parse(JSON.parse(text));
}
