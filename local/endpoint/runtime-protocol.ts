import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type RuntimeErrorAnswer, runtimeErrors } from './runtime-errors.ts';

/**
 * SageMaker Runtime's REST protocol, as far as the local endpoints share it.
 *
 * Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
 */

/** Header of InvokeEndpoint's CustomAttributes, for the endpoint and for the container. */
export const CUSTOM_ATTRIBUTES = 'x-amzn-sagemaker-custom-attributes';

/** Names that calls must use. */
export interface EndpointNames {
  readonly endpointName: string;
  /** If set, calls must name this inference component. */
  readonly inferenceComponentName?: string;
}

/** A call of `InvokeEndpoint` or, if `streams`, of `InvokeEndpointWithResponseStream`. */
export interface RuntimeCall {
  readonly endpointName: string;
  readonly inferenceComponentName: string | undefined;
  readonly customAttributes: string | undefined;
  readonly streams: boolean;
}

/** Returns the call that a request makes, `undefined` if its path is not one of SageMaker Runtime. */
export function runtimeCallOf({ url, headers }: IncomingMessage): RuntimeCall | undefined {
  const path = new URL(url ?? '/', 'http://local').pathname;
  const match = /^\/endpoints\/([^/]+)\/(invocations|invocations-response-stream)$/.exec(path);
  if (match === null) return undefined;
  return {
    endpointName: decodeURIComponent(match[1] ?? ''),
    inferenceComponentName: textOf(headers['x-amzn-sagemaker-inference-component']),
    customAttributes: textOf(headers[CUSTOM_ATTRIBUTES]),
    streams: match[2] === 'invocations-response-stream',
  };
}

/** Refuses a call that names another endpoint or component. */
export function refusalOf(names: EndpointNames, call: RuntimeCall): RuntimeErrorAnswer | undefined {
  if (call.endpointName !== names.endpointName) {
    return runtimeErrors.validation(`Endpoint ${call.endpointName} of account 111122223333 not found.`);
  }
  const component = call.inferenceComponentName;
  if (names.inferenceComponentName !== undefined && component !== names.inferenceComponentName) {
    return runtimeErrors.validation(
      component === undefined
        ? 'Inference Component Name header is required for endpoints to which you plan to deploy inference components.'
        : `Inference Component ${component} of account 111122223333 not found.`,
    );
  }
  return undefined;
}

export interface ListenOptions {
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default 0, any free port */
  readonly port?: number;
}

/** Starts a server. An error of `handle` becomes status 500, or breaks off a response that has begun. */
export async function listen(
  { host = '127.0.0.1', port = 0 }: ListenOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: String(error), type: 'InternalServerError', code: 500 } });
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  return { server, url: `http://${host}:${portOf(server)}` };
}

/** Closes the server and all its connections. */
export async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

export function sendRuntimeError(response: ServerResponse, error: RuntimeErrorAnswer): void {
  response.setHeader('x-amzn-errortype', error.type);
  sendJson(response, error.status, error.body);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Maximum size of a body, in bytes, as in SageMaker Runtime. */
const MAX_BODY_BYTES = 25_000_000;

export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new RangeError(`The body is larger than ${MAX_BODY_BYTES} bytes.`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Splits bytes into pieces of `size` bytes, at any position. */
export function* partsOf(bytes: Uint8Array, size: number | undefined): Generator<Uint8Array> {
  if (size === undefined) return yield bytes;
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

export async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return address.port;
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return header === undefined ? undefined : String(header);
}
