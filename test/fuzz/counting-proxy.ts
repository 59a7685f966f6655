import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/** Time without the end of an answer after which a request counts as hung, in milliseconds. */
const HUNG_MS = 60_000;
/** Characters of a body that are kept of a failure. */
const KEPT = 4_000;

export interface FuzzFailure {
  readonly path: string;
  readonly status: number;
  readonly sent: string;
  readonly received: string;
}

/** A proxy that counts the requests it passes, their statuses and times, and keeps those that the server failed. */
export class CountingProxy {
  readonly url: string;
  requests = 0;
  hung = 0;
  slowestMs = 0;
  readonly statuses = new Map<number, number>();
  readonly failures: FuzzFailure[] = [];
  readonly #target: URL;
  readonly #server: Server;

  static async start(target: string): Promise<CountingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CountingProxy(server, new URL(target));
  }

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
    this.url = `http://127.0.0.1:${address.port}`;
    server.on('request', (incoming, outgoing) => this.#pass(incoming, outgoing));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.requests++;
    const started = performance.now();
    const sent: Buffer[] = [];
    const received: Buffer[] = [];
    const hung = setTimeout(() => {
      this.hung++;
      this.#fail(incoming, 0, sent, [Buffer.from('no end of the answer')]);
      outgoing.destroy();
    }, HUNG_MS);
    const onward = request(this.#target, { path: incoming.url, method: incoming.method, headers: incoming.headers });
    onward.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      outgoing.writeHead(status, answer.headers);
      answer.on('data', (bytes: Buffer) => received.push(bytes));
      answer.on('end', () => {
        clearTimeout(hung);
        this.slowestMs = Math.max(this.slowestMs, performance.now() - started);
        const isStreamError = /"code":"internal_error"/.test(Buffer.concat(received).toString());
        if (status >= 500 || isStreamError) this.#fail(incoming, status, sent, received);
      });
      answer.pipe(outgoing);
    });
    onward.on('error', (error) => {
      clearTimeout(hung);
      if (outgoing.destroyed) return;
      this.#fail(incoming, 0, sent, [Buffer.from(String(error))]);
      outgoing.destroy();
    });
    outgoing.on('close', () => {
      clearTimeout(hung);
      onward.destroy();
    });
    incoming.on('data', (bytes: Buffer) => sent.push(bytes));
    incoming.pipe(onward);
  }

  #fail({ url = '' }: IncomingMessage, status: number, sent: readonly Buffer[], received: readonly Buffer[]): void {
    const text = (parts: readonly Buffer[]) => Buffer.concat(parts).toString().slice(0, KEPT);
    this.failures.push({ path: url, status, sent: text(sent), received: text(received) });
  }
}
