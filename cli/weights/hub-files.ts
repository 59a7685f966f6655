import * as z from 'zod';
import { UsageError } from '../usage-error.ts';
import type { WeightFile } from './weight-files.ts';

/** https://huggingface.co/docs/hub/api, with `blobs=true`. */
const infoSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().int().nonnegative().default(0),
      lfs: z.object({ sha256: z.string(), size: z.number().int() }).nullish(),
    }),
  ),
});

export interface HubModel {
  readonly id: string;
  /** Commit of the files. */
  readonly revision: string;
  readonly files: readonly WeightFile[];
}

/**
 * The files of a model on the Hugging Face hub, of one commit. HF_ENDPOINT and HF_TOKEN are those of Hugging Face's own tools.
 *
 * @param revision branch, tag or commit
 * @throws {UsageError} if the hub has no such model or revision, or asks for a token.
 */
export async function hubFiles(id: string, revision: string): Promise<HubModel> {
  const endpoint = (process.env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/$/, '');
  const token = process.env['HF_TOKEN'];
  const headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const response = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new UsageError(
      `The hub ${endpoint} cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  });
  if (response.status === 401 || response.status === 403) {
    throw new UsageError(
      `The hub refuses ${id}: it does not exist, or it is gated. Accept its terms, and set HF_TOKEN.`,
    );
  }
  if (response.status === 404) throw new UsageError(`The hub has no model ${id} at the revision ${revision}.`);
  const parsed = infoSchema.safeParse(await response.json().catch(() => undefined)).data;
  if (!response.ok || parsed === undefined)
    throw new UsageError(`The hub ${endpoint} answered ${response.status} for ${id}: no list of files.`);
  const files = parsed.siblings.map(
    ({ rfilename: name, size, lfs }): WeightFile => ({
      name,
      bytes: lfs?.size ?? size,
      sha256: lfs?.sha256,
      open: async (signal) => {
        const path = name.split('/').map(encodeURIComponent).join('/');
        const file = await fetch(`${endpoint}/${id}/resolve/${parsed.sha}/${path}`, { headers, signal });
        if (!file.ok || file.body === null) throw new Error(`The hub answered ${file.status} for ${name} of ${id}.`);
        return file.body;
      },
    }),
  );
  return { id, revision: parsed.sha, files };
}
