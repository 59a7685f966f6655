import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the function sent for one invocation. */
export interface Invocation {
  /** `undefined` if the function reported an error instead of a response. */
  readonly headers: IncomingMessage['headers'] | undefined;
  readonly trailers: IncomingMessage['trailers'];
  readonly body: Buffer;
  /** Time of each part since the event was delivered, in milliseconds. */
  readonly partsAtMs: readonly number[];
  readonly error: string | undefined;
  readonly tookMs: number;
}

interface Waiting {
  readonly event: unknown;
  readonly timeoutMs: number;
  /** Number of parts of the response after which the connection is destroyed, as if the client had gone. */
  readonly leaveAfterParts: number;
  readonly done: (invocation: Invocation) => void;
  deliveredAt: number;
}

/**
 * Lambda's Runtime API of one environment: hands out events and takes responses.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export class RuntimeApi {
  readonly address: string;
  readonly initErrors: string[] = [];
  readonly #server: Server;
  readonly #queue: Waiting[] = [];
  readonly #running = new Map<string, Waiting>();
  #next: ServerResponse | undefined;
  #ids = 0;

  static async start(): Promise<RuntimeApi> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RuntimeApi(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.address = `127.0.0.1:${port}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** Invokes the function and returns what it sent. */
  async invoke(
    event: unknown,
    { timeoutMs = 60_000, leaveAfterParts = Number.POSITIVE_INFINITY } = {},
  ): Promise<Invocation> {
    return await new Promise((done) => {
      this.#queue.push({ event, timeoutMs, leaveAfterParts, done, deliveredAt: 0 });
      this.#deliver();
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #deliver(): void {
    if (this.#next === undefined || this.#queue.length === 0) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    const id = `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`;
    waiting.deliveredAt = performance.now();
    this.#running.set(id, waiting);
    this.#next.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(Date.now() + waiting.timeoutMs),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-2:111122223333:function:f',
      'lambda-runtime-trace-id': 'Root=1-67891233-abcdef012345678912345678;Sampled=0',
    });
    this.#next.end(JSON.stringify(waiting.event));
    this.#next = undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request;
    if (url.endsWith('/invocation/next')) {
      this.#next = response;
      this.#deliver();
      return;
    }
    const [, id = '', kind] = /\/invocation\/([^/]+)\/(response|error)$/.exec(url) ?? [];
    const waiting = this.#running.get(id);
    const parts: Buffer[] = [];
    const partsAtMs: number[] = [];
    const since = () => performance.now() - (waiting?.deliveredAt ?? 0);
    try {
      for await (const part of request) {
        parts.push(part);
        partsAtMs.push(since());
        if (waiting !== undefined && parts.length >= waiting.leaveAfterParts) {
          request.socket.destroy();
          break;
        }
      }
    } catch {
      // The connection was cut by one of both sides; what came is returned.
    }
    const body = Buffer.concat(parts);
    if (!response.destroyed) response.writeHead(202).end('{}');
    if (waiting === undefined) {
      this.initErrors.push(body.toString());
      return;
    }
    this.#running.delete(id);
    const failed = kind === 'error';
    waiting.done({
      headers: failed ? undefined : request.headers,
      trailers: request.trailers,
      body: failed ? Buffer.alloc(0) : body,
      partsAtMs,
      error: failed ? body.toString() : undefined,
      tookMs: since(),
    });
  }
}
