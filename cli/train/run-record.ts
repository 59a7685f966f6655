import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { replaceFile } from '../../evaluate/folder/lines-file.ts';
import { UsageError } from '../usage-error.ts';

const localSchema = z.object({
  kind: z.literal('local'),
  run: z.string(),
  /** Time of the first start, ISO 8601. */
  created: z.string(),
  data: z.string(),
  dataHash: z.string(),
  /** `tiny`, a folder, or a repository of the hub. */
  model: z.string(),
  format: z.string(),
  columns: z.string().nullable(),
  options: z.record(z.string(), z.string()),
});
export type LocalRecord = z.infer<typeof localSchema>;

const cloudSchema = z.object({
  kind: z.literal('cloud'),
  run: z.string(),
  created: z.string(),
  data: z.string(),
  /** Path of the config, from where the run was started. */
  config: z.string(),
});

const recordSchema = z.discriminatedUnion('kind', [localSchema, cloudSchema]);

/** What this machine knows of a run that it started: `run.json` in the folder of the run. */
export type RunRecord = z.infer<typeof recordSchema>;

const FILE = 'run.json';

/** @throws {UsageError} if the file cannot be read as a record */
export async function readRecord(runs: string, run: string): Promise<RunRecord | undefined> {
  const path = join(runs, run, FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const record = recordSchema.safeParse(value);
  if (record.success) return record.data;
  throw new UsageError(`${path} is no record of a run. Remove the folder ${join(runs, run)}, or give another --runs.`);
}

export async function writeRecord(runs: string, record: RunRecord): Promise<void> {
  const folder = join(runs, record.run);
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, FILE), `${JSON.stringify(record, null, 2)}\n`);
}

/** All runs that were started from here, the newest first. */
export async function listRecords(runs: string): Promise<readonly RunRecord[]> {
  const entries = await readdir(runs, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const records = await Promise.all(folders.map((run) => readRecord(runs, run)));
  return records.filter((record) => record !== undefined).toSorted((a, b) => b.created.localeCompare(a.created));
}
