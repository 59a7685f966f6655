/** A server that takes S3's uploads and keeps nothing, in a process of its own, for bench/weights-upload.ts. Sends its port to its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  request.on('data', () => undefined);
  request.on('end', () => {
    const begins = request.method === 'POST' && searchParams.has('uploads');
    if (request.method === 'GET' && !searchParams.has('uploads')) response.statusCode = 404;
    if (request.method === 'HEAD') response.statusCode = 404;
    response.writeHead(response.statusCode, { etag: '"x"', 'content-type': 'application/xml' });
    response.end(
      begins
        ? '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'
        : request.method === 'PUT'
          ? ''
          : '<Result><IsTruncated>false</IsTruncated></Result>',
    );
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
