/** A gateway that does nothing: it passes bytes between a client and a server. `node pipe.ts PORT`. Prints its own port. */
import { request as call, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const port = Number(process.argv[2]);
const server = createServer((request, response) => {
  const { method, url, headers } = request;
  const upstream = call({ port, host: '127.0.0.1', method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
