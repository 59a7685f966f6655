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
  readonly #answered: { readonly method: string; readonly path: string; readonly status: number }[] = [];
  readonly #keyOf: (path: string) => string | undefined;
  readonly #target: URL;
  readonly #server: Server;

  /** Paths that are not deleted: the server is asked to delete something that is not there instead. */
  readonly kept = new Set<string>();

  /** @param keyOf API key for a request to a path that has none */
  static async start(
    target: string,
    keyOf: (path: string) => string | undefined = () => undefined,
  ): Promise<CountingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CountingProxy(server, new URL(target), keyOf);
  }

  private constructor(server: Server, target: URL, keyOf: (path: string) => string | undefined) {
    this.#keyOf = keyOf;
    this.#server = server;
    this.#target = target;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
    this.url = `http://127.0.0.1:${address.port}`;
    server.on('request', (incoming, outgoing) => this.#pass(incoming, outgoing));
  }

  /** Requests of an operation, written as `GET /v1/models/{id}`, and those that were answered with a status below 300. */
  countsOf(operation: string): { readonly all: number; readonly succeeded: number } {
    const [method, template = ''] = operation.split(' ');
    const parts = template.split('/');
    const own = this.#answered.filter((answer) => {
      const given = answer.path.split('/');
      const fits = parts.every((part, index) => part.startsWith('{') || part === given[index]);
      return answer.method === method && given.length === parts.length && fits;
    });
    return { all: own.length, succeeded: own.filter(({ status }) => status < 300).length };
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
    const key = this.#keyOf(incoming.url ?? '');
    const { authorization = key === undefined ? undefined : `Bearer ${key}` } = incoming.headers;
    const headers = { ...incoming.headers, ...(authorization === undefined ? {} : { authorization }) };
    const path =
      incoming.method === 'DELETE' && this.kept.has(incoming.url ?? '') ? `${incoming.url}-kept` : incoming.url;
    const onward = request(this.#target, { path, method: incoming.method, headers });
    onward.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      const [path = ''] = (incoming.url ?? '').split('?');
      this.#answered.push({ method: incoming.method ?? '', path, status });
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
