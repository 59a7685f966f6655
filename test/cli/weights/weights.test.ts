import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { weightsCommand } from '../../../cli/commands/weights.ts';
import { bringWeights, type Progress } from '../../../cli/weights/bring-weights.ts';
import { Bucket } from '../../../cli/weights/bucket.ts';
import { folderFiles } from '../../../cli/weights/folder-files.ts';
import { cutIntoParts, partBytesOf } from '../../../cli/weights/parts.ts';
import { layoutProblem, servedFiles } from '../../../cli/weights/weight-files.ts';
import { bundleProgram } from '../../../lib/bundles/programs.ts';
import { MemoryS3 } from './memory-s3.ts';

const PART = 1 << 20;
const bytesOf = (length: number, seed: number) =>
  Buffer.alloc(length, createHash('sha256').update(String(seed)).digest());
const shard = bytesOf(5 * PART + 123, 1);
const contents: Readonly<Record<string, Buffer>> = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"version":"1.0"}'),
  'model-00001-of-00002.safetensors': shard,
  'model-00002-of-00002.safetensors': bytesOf(2 * PART, 2),
  'model.safetensors.index.json': Buffer.from(
    JSON.stringify({ weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } }),
  ),
  'empty.txt': Buffer.alloc(0),
  'pytorch_model.bin': bytesOf(100, 3),
  '.gitattributes': Buffer.from('x'),
};
const served = Object.keys(contents).filter((name) => !/bin$|^\./.test(name));

let folder: string;
let s3: MemoryS3;
let bucket: Bucket;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weights-'));
  mkdirSync(join(folder, 'model'));
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, 'model', name), content);
  s3 = new MemoryS3();
  vi.stubEnv('AWS_ENDPOINT_URL_S3', await s3.start());
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  bucket = new Bucket(new S3Client({ region: 'us-east-1', maxAttempts: 1 }), 'models');
});
afterEach(() => {
  s3.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const bring = async (
  signal = new AbortController().signal,
  onProgress: (progress: Progress) => void = () => undefined,
) =>
  await bringWeights(await folderFiles(join(folder, 'model')), bucket, 'm/', {
    onProgress,
    signal,
    usualPartBytes: PART,
  });

function expectAll(): void {
  for (const name of served)
    expect(s3.objects.get(`m/${name}`)?.equals(contents[name] ?? Buffer.alloc(1)), name).toBe(true);
  expect([...s3.objects.keys()].filter((key) => key.startsWith('m/')).toSorted()).toEqual(
    served.map((name) => `m/${name}`).toSorted(),
  );
}

describe('bringing weights into a bucket', () => {
  it('brings the files that a server reads, and keeps them when it runs again', async () => {
    const states: Progress[] = [];
    const brought = await bring(undefined, (state) => states.push(state));
    expectAll();
    expect(brought).toMatchObject({ uri: 's3://models/m/', files: served.length, kept: 0 });
    expect(states.at(-1)).toMatchObject({ doneBytes: brought.bytes, totalBytes: brought.bytes, storedBytes: 0 });
    const before = s3.received;
    expect(await bring()).toMatchObject({ kept: served.length });
    expect(s3.received).toBe(before);
    expect([...s3.objects.keys()]).toContain('m.manifest.json');
  });

  it('sends a file again whose content changed', async () => {
    await bring();
    writeFileSync(join(folder, 'model', 'config.json'), '[]');
    expect(await bring()).toMatchObject({ kept: served.length - 1 });
    expect(s3.objects.get('m/config.json')?.toString()).toBe('[]');
  });

  it('goes on after an interruption at any part, and sends no part twice', { timeout: 60_000 }, async () => {
    const parts = 6 + 2;
    for (let at = 0; at < 10; at++) {
      s3.objects.clear();
      s3.uploads.clear();
      s3.received = 0;
      let left = at % parts;
      s3.onPart = () => left-- > 0;
      await expect(bring()).rejects.toThrow();
      s3.onPart = undefined;
      expect(
        s3.objects.has('m/model-00001-of-00002.safetensors') && s3.objects.has('m/model-00002-of-00002.safetensors'),
      ).toBe(false);
      const states: Progress[] = [];
      await bring(undefined, (state) => states.push(state));
      expectAll();
      const total = served.reduce((sum, name) => sum + (contents[name]?.length ?? 0), 0);
      // Beside the files, only the manifest is written, after each of them.
      expect(s3.received - total).toBeLessThan(20_000);
      expect(states.at(-1)).toMatchObject({ doneBytes: total, totalBytes: total });
    }
  });

  it('sends the parts of a file again that changed since the interruption', async () => {
    let left = 4;
    s3.onPart = () => left-- > 0;
    await expect(bring()).rejects.toThrow();
    s3.onPart = undefined;
    const changed = bytesOf(shard.length, 9);
    writeFileSync(join(folder, 'model', 'model-00001-of-00002.safetensors'), changed);
    await bring();
    expect(s3.objects.get('m/model-00001-of-00002.safetensors')?.equals(changed)).toBe(true);
  });

  it('stops at Ctrl-C, and goes on later', async () => {
    const controller = new AbortController();
    await expect(
      bring(controller.signal, ({ doneBytes }) => {
        if (doneBytes > PART) controller.abort(new Error('Interrupted.'));
      }),
    ).rejects.toThrow();
    expect(s3.objects.has('m/model-00001-of-00002.safetensors')).toBe(false);
    await bring();
    expectAll();
  });

  it('keeps nothing of a file that is not what its source says', async () => {
    const files = (await folderFiles(join(folder, 'model'))).map((file) =>
      file.name.startsWith('model-00001') ? { ...file, sha256: '0'.repeat(64) } : file,
    );
    const run = bringWeights(files, bucket, 'm/', {
      onProgress: () => undefined,
      signal: new AbortController().signal,
      usualPartBytes: PART,
    });
    await expect(run).rejects.toThrow(
      /model-00001-of-00002\.safetensors is broken: its SHA-256 should be 0+, but is [0-9a-f]{64}/,
    );
    expect(s3.objects.has('m/model-00001-of-00002.safetensors')).toBe(false);
    expect(s3.uploads.size).toBe(0);
  });

  it.each([
    [['config.json'], 'it has no config.json'],
    [
      ['tokenizer.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
      'it has no tokenizer.json, *.safetensors',
    ],
    [['model-00002-of-00002.safetensors'], 'its index names model-00002-of-00002.safetensors, which it has not'],
  ])('refuses a folder without %j, and writes nothing', async (removed, message) => {
    for (const name of removed) rmSync(join(folder, 'model', name));
    await expect(bring()).rejects.toThrow(message);
    expect(s3.objects.size).toBe(0);
  });

  it('cuts any stream into parts of one size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.integer({ min: 1, max: 64 }),
        async (chunks, size) => {
          const parts: Buffer[] = [];
          for await (const part of cutIntoParts(async2(chunks), size)) parts.push(part);
          const whole = Buffer.concat(chunks);
          expect(Buffer.concat(parts).equals(whole)).toBe(true);
          expect(parts).toHaveLength(Math.max(1, Math.ceil(whole.length / size)));
          for (const part of parts.slice(0, -1)) expect(part).toHaveLength(size);
        },
      ),
    );
  });

  it('never has more parts than S3 takes', () => {
    for (const bytes of [1, 1 << 25, 61e9, 400e9, 5e12])
      expect(Math.ceil(bytes / partBytesOf(bytes))).toBeLessThanOrEqual(10_000);
  });

  it('an index that cannot be read is a wrong layout', () => {
    expect(layoutProblem(['config.json', 'tokenizer.json', 'model.safetensors'], 'x')).toMatch(/not an index/);
    expect(servedFiles([]).length).toBe(0);
  });
});

async function* async2<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

describe('budgetforce weights', () => {
  let hub: Server;
  let config: string;
  const revision = 'a'.repeat(40);
  beforeEach(async () => {
    hub = createServer((request, response) => {
      const path = request.url ?? '';
      if (
        path.startsWith('/api/models/owner/model/revision/main') ||
        path.startsWith(`/api/models/owner/model/revision/${revision}`)
      ) {
        const siblings = Object.entries(contents).map(([rfilename, content]) => ({
          rfilename,
          size: content.length,
          ...(rfilename.endsWith('safetensors') && {
            lfs: { sha256: createHash('sha256').update(content).digest('hex'), size: content.length },
          }),
        }));
        response.end(JSON.stringify({ sha: revision, siblings }));
        return;
      }
      const name = path.replace(`/owner/model/resolve/${revision}/`, '');
      const content = contents[name];
      response.writeHead(content === undefined ? (path.includes('/gated/') ? 401 : 404) : 200).end(content);
    });
    hub.listen(0, '127.0.0.1');
    await new Promise((resolve) => hub.once('listening', resolve));
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(hub.address() as AddressInfo).port}`);
    config = join(folder, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({ ...JSON.parse(readFileSync('config/first-deployment.json', 'utf8')), region: 'us-east-1' }),
    );
  });
  afterEach(() => {
    hub.closeAllConnections();
    hub.close();
    vi.restoreAllMocks();
  });

  const run = async (...args: readonly string[]) => {
    const output: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output.push(String(text));
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const code = await weightsCommand.run([config, ...args]);
    return { code, output: output.join('') };
  };

  it('the job of CodeBuild brings the same, and prints what it brought as one line', { timeout: 60_000 }, async () => {
    const program = join(folder, 'index.mjs');
    for (const [name, content] of bundleProgram('weights')) writeFileSync(join(folder, name), content);
    const job = async (model: string) => {
      const env = { ...process.env, AWS_REGION: 'us-east-1', BUCKET: 'models', MODEL: model, REVISION: 'main' };
      const child = spawn(process.execPath, [program], { env: { ...env, PREFIX: 'm/' } });
      const [output, errors, [code]] = await Promise.all([
        child.stdout.toArray(),
        child.stderr.toArray(),
        once(child, 'exit'),
      ]);
      return { code, output: output.join(''), errors: errors.join('') };
    };
    const { code, output, errors } = await job('owner/model');
    expect(errors).toContain('MB of');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ uri: 's3://models/m/', files: served.length, revision });
    expectAll();
    expect(await job('gated/model')).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringMatching(/^error: The hub refuses gated\/model/),
    });
  });

  it('brings a model of the hub at one commit, and writes its URI into the config', async () => {
    const { code, output } = await run('--bucket', 'models', '--from', 'owner/model@main', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ uri: 's3://models/qwen3-0.6b/', revision, files: served.length });
    expect(s3.objects.get('qwen3-0.6b/model-00001-of-00002.safetensors')?.equals(shard)).toBe(true);
    expect(JSON.parse(readFileSync(config, 'utf8'))).toMatchObject({
      name: 'first',
      models: [{ source: { kind: 's3', uri: 's3://models/qwen3-0.6b/' } }],
    });
    expect(readdirSync(folder).toSorted()).toEqual(['config.json', 'model']);
  });

  it('brings a folder, under a prefix, and leaves the config if asked', async () => {
    const before = readFileSync(config, 'utf8');
    const { output } = await run(
      '--bucket',
      'models',
      '--from',
      join(folder, 'model'),
      '--prefix',
      '/a/b/',
      '--keep-config',
    );
    expect(output).toMatch(/^s3:\/\/models\/a\/b\/: 6 files, 7\.3 MB; 0 were there already\.\n$/);
    expect(readFileSync(config, 'utf8')).toBe(before);
  });

  it.each([
    [[], 'Give the bucket'],
    [
      ['--bucket', 'none', '--from', '.'],
      'The bucket none does not exist. Make it: aws s3 mb s3://none --region us-east-1',
    ],
    [['--bucket', 'models', '--from', '/no/such/folder'], '/no/such/folder cannot be read as a folder'],
    [['--bucket', 'models', '--from', 'owner/other@main'], 'The hub has no model owner/other at the revision main'],
    [['--bucket', 'models', '--from', 'gated/model@main'], 'gated'],
    [
      ['--bucket', 'models', '--model', 'other', '--from', '.'],
      'Give a model that the endpoint of the config hosts: --model qwen3-0.6b',
    ],
  ])('%j is refused with a sentence, and nothing is written', async (args, message) => {
    const before = readFileSync(config, 'utf8');
    await expect(run(...args)).rejects.toThrow(message);
    expect(s3.objects.size).toBe(0);
    expect(readFileSync(config, 'utf8')).toBe(before);
  });

  it('refuses a bucket in another region', async () => {
    s3.region = 'eu-west-1';
    await expect(run('--bucket', 'models', '--from', join(folder, 'model'))).rejects.toThrow(
      "The bucket models is in eu-west-1, but the config's region is us-east-1",
    );
  });
});
