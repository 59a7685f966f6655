import * as z from 'zod';
import type { Bucket } from './bucket.ts';

const manifestSchema = z.object({ files: z.record(z.string(), z.object({ bytes: z.number(), sha256: z.string() })) });

/**
 * Sizes and hashes of the files that are complete. It stands beside the prefix, not under it, where every object belongs to the model.
 */
export class Manifest {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #files: Record<string, { readonly bytes: number; readonly sha256: string }>;

  private constructor(bucket: Bucket, key: string, files: Manifest['files']) {
    this.#bucket = bucket;
    this.#key = key;
    this.#files = { ...files };
  }

  /** @param prefix ends in a slash */
  static async read(bucket: Bucket, prefix: string): Promise<Manifest> {
    const key = `${prefix.replace(/\/$/, '')}.manifest.json`;
    const text = await bucket.text(key);
    let files: Manifest['files'] = {};
    try {
      files = manifestSchema.parse(JSON.parse(text ?? '{"files":{}}')).files;
    } catch {
      // A manifest that cannot be read says nothing: every file is compared again.
    }
    return new Manifest(bucket, key, files);
  }

  get files(): Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>> {
    return this.#files;
  }

  async add(name: string, bytes: number, sha256: string): Promise<void> {
    this.#files[name] = { bytes, sha256 };
    await this.#bucket.put(this.#key, JSON.stringify({ files: this.#files }, null, 2));
  }
}
