import { S3Client } from '@aws-sdk/client-s3';
import { hostedPart, loadConfig } from '../../lib/config.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';
import { type Brought, bringWeights, type Progress } from '../weights/bring-weights.ts';
import { Bucket } from '../weights/bucket.ts';
import { folderFiles } from '../weights/folder-files.ts';
import { hubFiles } from '../weights/hub-files.ts';
import { writeUri } from '../weights/write-uri.ts';

/** `budgetforce weights`. */
export const weightsCommand = defineCommand({
  name: 'weights',
  description:
    'Brings the weights of a model into a bucket of the config’s region, and writes their URI into the config. From the Hugging Face hub, at one commit, or from a folder. Checks layout, sizes and SHA-256. Nothing is stored on this machine. Safe to run again: what is there is kept, and an interrupted upload goes on.',
  arguments: 'CONFIG.json',
  options: {
    bucket: { type: 'string', placeholder: 'NAME', description: 'bucket in the region of the config' },
    prefix: {
      type: 'string',
      placeholder: 'PATH',
      defaultText: 'the id of the model',
      description: 'folder in the bucket',
    },
    model: { type: 'string', placeholder: 'ID', defaultText: 'the only one', description: 'model of the config' },
    from: {
      type: 'string',
      placeholder: 'SOURCE',
      defaultText: 'source.id and source.revision of the config',
      description: 'a folder, or a model on the hub with its revision, for instance simplescaling/s1-32B@main',
    },
    profile: {
      type: 'string',
      placeholder: 'NAME',
      defaultText: 'the variable AWS_PROFILE, or the default one',
      description: 'profile of ~/.aws/config',
    },
    'keep-config': { type: 'boolean', description: 'leave the config as it is' },
    json: { type: 'boolean', description: 'print what was brought as one JSON line' },
  },
  note: 'HF_TOKEN is the token for gated models, HF_ENDPOINT another address of the hub. It needs s3:ListBucket, s3:GetObject, s3:PutObject, s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts and s3:AbortMultipartUpload on the bucket.',
  exitCodes: ['the weights are in the bucket', 'interrupted or failed'],
  async run({ values, positionals }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError('Give one config: budgetforce weights CONFIG.json.');
    if (values.bucket === undefined) throw new UsageError('Give the bucket: --bucket NAME.');
    const config = loadConfig(file);
    const models = hostedPart(config)?.models ?? [];
    const model =
      values.model === undefined && models.length === 1 ? models[0] : models.find(({ id }) => id === values.model);
    if (model === undefined) {
      throw new UsageError(
        `Give a model that the endpoint of the config hosts: --model ${models.map(({ id }) => id).join(' or ') || '…'}.`,
      );
    }
    const source = await sourceOf(
      values.from ??
        (model.source.kind === 'hub' ? `${model.source.id}@${model.source.revision ?? 'main'}` : undefined),
    );
    const s3 = new S3Client({
      region: config.region,
      ...(values.profile === undefined ? {} : { profile: values.profile }),
    });
    const bucket = new Bucket(s3, values.bucket);
    await bucket.check(config.region);
    const prefix = `${(values.prefix ?? model.id)
      .split('/')
      .filter((part) => part !== '')
      .join('/')}/`;
    const interrupted = new AbortController();
    const stop = () => interrupted.abort(new Error('Interrupted. Run the same command again to go on.'));
    process.once('SIGINT', stop);
    const progress = new ProgressLine();
    let brought: Brought;
    try {
      brought = await bringWeights(source.files, bucket, prefix, {
        onProgress: (state) => progress.show(state),
        signal: interrupted.signal,
      });
    } finally {
      process.off('SIGINT', stop);
      progress.end();
    }
    if (values['keep-config'] !== true) await writeUri(file, model.id, brought.uri);
    const { revision } = source;
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ ...brought, ...(revision === undefined ? {} : { revision }) })}\n`
        : `${brought.uri}: ${brought.files} files, ${gigabytes(brought.bytes)}; ${brought.kept} were there already.\n` +
            (values['keep-config'] === true ? '' : `Written into ${file} as source of ${model.id}.\n`),
    );
    return 0;
  },
});

/** Files of a folder, or of a model on the hub (`owner/name@revision`). */
async function sourceOf(from: string | undefined) {
  if (from === undefined) {
    throw new UsageError(
      'Say where the weights are: --from FOLDER, or --from OWNER/NAME@REVISION of the Hugging Face hub.',
    );
  }
  const hub = /^([\w.-]+\/[\w.-]+)@([\w./-]+)$/.exec(from);
  if (hub === null) return { files: await folderFiles(from), revision: undefined };
  return await hubFiles(hub[1] ?? '', hub[2] ?? '');
}

/** Progress on the standard error: bytes, rate and time left, at most once a second. */
class ProgressLine {
  readonly #startedAt = performance.now();
  #shownAt = 0;

  show({ file, doneBytes, storedBytes, totalBytes }: Progress): void {
    const now = performance.now();
    if (now - this.#shownAt < 1_000 && doneBytes < totalBytes) return;
    this.#shownAt = now;
    const seconds = Math.max(0.001, (now - this.#startedAt) / 1_000);
    const rate = (doneBytes - storedBytes) / seconds;
    const left = rate === 0 ? '' : `, ${Math.ceil((totalBytes - doneBytes) / rate)} s left`;
    this.#write(`${gigabytes(doneBytes)} of ${gigabytes(totalBytes)}, ${(rate / 1e6).toFixed(0)} MB/s${left}: ${file}`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\n');
  }

  #write(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  }
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
