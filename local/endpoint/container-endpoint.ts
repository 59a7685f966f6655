import type { IncomingMessage, ServerResponse } from 'node:http';
import { modelStreamError, payloadPart } from './event-stream-frames.ts';
import { runtimeErrors } from './runtime-errors.ts';
import {
  CUSTOM_ATTRIBUTES,
  drained,
  type EndpointNames,
  type ListenOptions,
  listen,
  type RuntimeCall,
  readBody,
  refusalOf,
  runtimeCallOf,
  sendJson,
  sendRuntimeError,
  stop,
} from './runtime-protocol.ts';

export interface ContainerEndpointOptions extends EndpointNames, ListenOptions {
  /** Base URL of a container with SageMaker's hosting contract: `GET /ping` and `POST /invocations`. */
  readonly containerUrl: string;
  /**
   * Name of a LoRA adapter that the container has loaded. SageMaker writes it into a header of each call of the adapter's component,
   * and vLLM takes it as the model: on /invocations it ignores `model` in the body.
   */
  readonly adapterName?: string;
  /** Time limits of a call, in milliseconds. @default SageMaker's: 60 seconds, 8 minutes for a stream */
  readonly limitsMs?: { readonly call: number; readonly stream: number };
}

export interface ContainerEndpoint {
  /** Value for `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html#your-algorithms-inference-code-container-response */
const LIMITS_MS = { call: 60_000, stream: 480_000 };

/**
 * Starts a server that speaks SageMaker Runtime's REST protocol to the real AWS SDK client and forwards each call to a container, as
 * SageMaker does: the body as it is, the custom attributes as a header, the response's bytes in payload parts.
 */
export async function startContainerEndpoint(options: ContainerEndpointOptions): Promise<ContainerEndpoint> {
  const { server, url } = await listen(options, (request, response) => handle(options, request, response));
  return { url, close: () => stop(server) };
}

async function handle(
  options: ContainerEndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = runtimeCallOf(request);
  const body = await readBody(request);
  if (call === undefined)
    return sendJson(response, 404, { message: 'This server has the routes of SageMaker Runtime.' });
  const refused = refusalOf(options, call);
  if (refused !== undefined) return sendRuntimeError(response, refused);

  const gone = new AbortController();
  response.on('close', () => gone.abort(new DOMException('The client disconnected.', 'AbortError')));
  const { limitsMs = LIMITS_MS } = options;
  const limit = AbortSignal.timeout(call.streams ? limitsMs.stream : limitsMs.call);
  try {
    const answer = await invoke(options, call, request, body, AbortSignal.any([gone.signal, limit]));
    if (!answer.ok) return sendRuntimeError(response, runtimeErrors.model(answer.status, await answer.text()));
    if (call.streams) await forwardStream(answer, response, gone.signal, limit);
    else await forwardWhole(answer, response);
  } catch (error) {
    if (gone.signal.aborted) return;
    if (limit.aborted) {
      const message = 'Your invocation timed out while waiting for a response from the container primary.';
      return sendRuntimeError(response, runtimeErrors.model(0, message));
    }
    if (response.headersSent) throw error;
    // No response of the container: it is starting, or it ended.
    sendRuntimeError(response, runtimeErrors.serviceUnavailable());
  }
}

async function invoke(
  { containerUrl, adapterName }: ContainerEndpointOptions,
  call: RuntimeCall,
  request: IncomingMessage,
  body: string,
  signal: AbortSignal,
): Promise<Response> {
  const { accept, 'content-type': contentType } = request.headers;
  return await fetch(`${containerUrl}/invocations`, {
    method: 'POST',
    headers: {
      'content-type': contentType ?? 'application/json',
      ...(accept === undefined ? {} : { accept }),
      ...(adapterName === undefined ? {} : { 'x-amzn-sagemaker-adapter-identifier': adapterName }),
      ...(call.customAttributes === undefined ? {} : { [CUSTOM_ATTRIBUTES]: call.customAttributes }),
    },
    body,
    signal,
  });
}

async function forwardWhole(answer: Response, response: ServerResponse): Promise<void> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  response.writeHead(200, {
    'content-type': answer.headers.get('content-type') ?? 'application/octet-stream',
    'x-amzn-invoked-production-variant': 'AllTraffic',
  });
  response.end(bytes);
}

/** Sends the bytes as they arrive. A break becomes the exception that SageMaker sends in the stream. */
async function forwardStream(
  answer: Response,
  response: ServerResponse,
  gone: AbortSignal,
  limit: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amzn-sagemaker-content-type': answer.headers.get('content-type') ?? 'application/octet-stream',
    'x-amzn-invoked-production-variant': 'AllTraffic',
  });
  // Otherwise a client sees the headers only with the first token.
  response.flushHeaders();
  try {
    for await (const bytes of answer.body ?? []) {
      if (!response.write(payloadPart(bytes))) await drained(response, gone);
    }
    response.end();
  } catch (error) {
    if (gone.aborted) return;
    response.end(
      limit.aborted
        ? modelStreamError('ModelInvocationTimeExceeded', 'The invocation exceeded its time limit.')
        : modelStreamError('StreamBroken', `The stream of the container broke: ${String(error)}`),
    );
  }
}
