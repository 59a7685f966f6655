import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

interface Upload {
  /** Of the parts, if the upload was begun with one. Then the end of the upload must name the checksum of each part. */
  readonly checksums: boolean;
  readonly key: string;
  readonly parts: Map<number, Buffer>;
  readonly at: string;
}

/**
 * The part of S3's REST API that uploads and folders need, in memory, path style. The shapes are those of
 * https://docs.aws.amazon.com/AmazonS3/latest/API/. `onPart` may refuse a part.
 */
export class MemoryS3 {
  readonly objects = new Map<string, Buffer>();
  readonly uploads = new Map<string, Upload>();
  /** Bytes of all parts and objects that were sent. */
  received = 0;
  region = 'us-east-1';
  onPart: (() => boolean) | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  /** Starts it. Returns its URL. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await new Promise((resolve) => this.#server.once('listening', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const [, bucket = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const send = (status: number, text: Buffer | string = '', headers: Readonly<Record<string, string>> = {}) => {
      response.writeHead(status, {
        'content-type': 'application/xml',
        'content-length': String(text.length),
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    if (bucket !== 'models') {
      send(404, '<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>');
      return;
    }
    if (url.searchParams.get('list-type') === '2') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const keys = [...this.objects.keys()].filter((name) => name.startsWith(prefix));
      const contents = keys.map((name) => `<Contents><Key>${name}</Key></Contents>`).join('');
      send(200, `<ListBucketResult><KeyCount>${keys.length}</KeyCount>${contents}</ListBucketResult>`);
      return;
    }
    if (key === '' && !url.searchParams.has('uploads')) {
      send(200, '', { 'x-amz-bucket-region': this.region });
      return;
    }
    const id = url.searchParams.get('uploadId');
    const upload = id === null ? undefined : this.uploads.get(id);
    if (id !== null && upload === undefined) {
      send(404, '<Error><Code>NoSuchUpload</Code><Message>none</Message></Error>');
      return;
    }
    if (url.searchParams.has('uploads')) {
      send(200, this.#uploads(request, url, key));
      return;
    }
    if (upload !== undefined && id !== null) {
      this.#part(request.method ?? '', url, { id, upload, body }, send);
      return;
    }
    if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && this.objects.has(key)) {
        send(412, '<Error><Code>PreconditionFailed</Code><Message>There is one.</Message></Error>');
        return;
      }
      this.received += body.length;
      this.objects.set(key, body);
      send(200, '', { etag: etagOf(body) });
      return;
    }
    if (request.method === 'DELETE') {
      this.objects.delete(key);
      send(204);
      return;
    }
    const object = this.objects.get(key);
    if (object === undefined) {
      send(404, '<Error><Code>NoSuchKey</Code><Message>none</Message></Error>');
      return;
    }
    send(200, object, { etag: etagOf(object), 'content-length': String(object.length) });
    return;
  }

  #uploads({ method, headers }: IncomingMessage, url: URL, key: string): string {
    if (method === 'POST') {
      const id = randomUUID();
      const checksums = headers['x-amz-checksum-algorithm'] === 'CRC32';
      this.uploads.set(id, { key, checksums, parts: new Map(), at: new Date().toISOString() });
      return `<InitiateMultipartUploadResult><Bucket>models</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    }
    const found = [...this.uploads].filter(([, upload]) => upload.key.startsWith(url.searchParams.get('prefix') ?? ''));
    const items = found.map(
      ([id, upload]) =>
        `<Upload><Key>${upload.key}</Key><UploadId>${id}</UploadId><Initiated>${upload.at}</Initiated></Upload>`,
    );
    return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${items.join('')}</ListMultipartUploadsResult>`;
  }

  #part(
    method: string,
    url: URL,
    { id, upload, body }: { readonly id: string; readonly upload: Upload; readonly body: Buffer },
    send: (status: number, text?: string, headers?: Readonly<Record<string, string>>) => void,
  ): void {
    if (method === 'PUT') {
      if (this.onPart?.() === false) {
        send(400, '<Error><Code>RequestTimeout</Code><Message>cut</Message></Error>');
        return;
      }
      this.received += body.length;
      upload.parts.set(Number(url.searchParams.get('partNumber')), body);
      send(200, '', { etag: etagOf(body), 'x-amz-checksum-crc32': checksumOf(body) });
      return;
    }
    if (method === 'GET') {
      const parts = [...upload.parts].map(
        ([number, part]) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${etagOf(part)}</ETag><Size>${part.length}</Size>${upload.checksums ? `<ChecksumCRC32>${checksumOf(part)}</ChecksumCRC32>` : ''}</Part>`,
      );
      send(200, `<ListPartsResult><IsTruncated>false</IsTruncated>${parts.join('')}</ListPartsResult>`);
      return;
    }
    this.uploads.delete(id);
    if (method === 'DELETE') {
      send(204);
      return;
    }
    const named = [...body.toString().matchAll(/<ChecksumCRC32>([^<]+)<\/ChecksumCRC32>/g)].map(([, sum]) => sum);
    if (upload.checksums && named.length !== upload.parts.size) {
      send(
        400,
        '<Error><Code>InvalidRequest</Code><Message>The upload was created using a crc32 checksum.</Message></Error>',
      );
      return;
    }
    const wanted = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) =>
      Number(number),
    );
    this.objects.set(upload.key, Buffer.concat(wanted.map((number) => upload.parts.get(number) ?? Buffer.alloc(0))));
    send(
      200,
      `<CompleteMultipartUploadResult><Key>${upload.key}</Key><ETag>"x"</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

function checksumOf(body: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
