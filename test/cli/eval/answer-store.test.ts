import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { AnswerStore } from '../../../cli/eval/answer-store.ts';

/** A bucket whose lists have two keys per page. */
async function startBucket(keys: readonly string[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://local');
    if (url.searchParams.get('list-type') !== '2') {
      response.end(`text of ${url.pathname}`);
      return;
    }
    const from = Number(url.searchParams.get('continuation-token') ?? 0);
    asked.push(`${url.searchParams.get('prefix')} from ${from}`);
    const rest = keys.slice(from);
    const more = rest.length > 2;
    const contents = rest.slice(0, 2).map((key) => `<Contents><Key>${key}</Key></Contents>`);
    const next = more ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(`<ListBucketResult>${contents.join('')}<IsTruncated>${more}</IsTruncated>${next}</ListBucketResult>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    region: 'us-east-2',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const close = () => {
    s3.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { store: new AnswerStore(s3, 'answers'), asked, close };
}

describe('the answers of an evaluation in a bucket', () => {
  it('are restored from all pages, without the marks of folders', async () => {
    const keys = ['run/a.json', 'run/sub/', 'run/sub/b.json', 'run/c.json', 'run/d.json'];
    const { store, asked, close } = await startBucket(keys);
    const folder = await mkdtemp(join(tmpdir(), 'answers-'));
    await store.restore('run/', folder);
    expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
      'a.json',
      'c.json',
      'd.json',
      'sub',
      'sub/b.json',
    ]);
    expect(await readFile(join(folder, 'd.json'), 'utf8')).toBe('text of /answers/run/d.json');
    expect(asked).toEqual(['run/ from 0', 'run/ from 2', 'run/ from 4']);
    close();
    await rm(folder, { recursive: true });
  });
});
