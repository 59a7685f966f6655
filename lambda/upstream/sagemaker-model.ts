import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  type ResponseStream,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { completionRequestBody } from './completion-request.ts';
import { ModelFailedError, StreamBrokenError } from './errors.ts';
import { networkCode } from './network-code.ts';
import { readCompletionStream } from './read-completion-stream.ts';
import { fromSageMakerError } from './sagemaker-errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';

/** Address of a model on a SageMaker endpoint. */
export interface SageMakerTarget {
  readonly endpointName: string;
  /** If omitted, the endpoint hosts one model without inference components. */
  readonly inferenceComponentName?: string | undefined;
  /** The `model` field of the body. If omitted, it is not sent. */
  readonly servedModelName?: string | undefined;
}

/** Idle timeout of a socket, in milliseconds: just above SageMaker's limit of 8 minutes for a streaming call. */
const SOCKET_TIMEOUT_MS = 490_000;

/**
 * Creates the client that all models of a process share in one region. The SDK retries only calls that failed to start; `generate`
 * continues streams that break. Credentials and endpoint URL come from the environment, as with every AWS SDK client.
 *
 * @param region if omitted, that of the environment
 */
export function createRuntimeClient(region?: string): SageMakerRuntimeClient {
  return new SageMakerRuntimeClient({
    ...(region === undefined ? {} : { region }),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: SOCKET_TIMEOUT_MS },
  });
}

/** Runs segments on a SageMaker endpoint whose container speaks vLLM's text completions. */
export class SageMakerModel implements SegmentModel {
  readonly #client: SageMakerRuntimeClient;
  readonly #target: SageMakerTarget;

  constructor(client: SageMakerRuntimeClient, target: SageMakerTarget) {
    this.#client = client;
    this.#target = target;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    signal.throwIfAborted();
    // Aborted when the consumer leaves the loop early: otherwise the GPU keeps generating.
    const leave = new AbortController();
    let started = false;
    try {
      const { Body } = await this.#client.send(
        new InvokeEndpointWithResponseStreamCommand({
          EndpointName: this.#target.endpointName,
          InferenceComponentName: this.#target.inferenceComponentName,
          ContentType: 'application/json',
          Accept: 'text/event-stream',
          Body: completionRequestBody(request, this.#target.servedModelName),
        }),
        { abortSignal: AbortSignal.any([signal, leave.signal]) },
      );
      if (Body === undefined) throw new ModelFailedError('The endpoint sent a response without a body.');
      for await (const chunk of readCompletionStream(readPayloads(Body), request)) {
        started = true;
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      const mapped = fromSageMakerError(error);
      const broke =
        started && !(error instanceof StreamBrokenError) && (networkCode(error) !== undefined || isWireError(error));
      throw broke ? new StreamBrokenError('The stream of the endpoint broke.', { cause: error }) : mapped;
    } finally {
      leave.abort();
    }
  }
}

/**
 * Returns a function that calls another route of the container, such as vLLM's `/tokenize`. The route is a literal type, since a
 * route from a client could reach any path of the container.
 */
export function sageMakerRoute(client: SageMakerRuntimeClient, target: SageMakerTarget) {
  return async (route: '/tokenize', body: unknown, signal?: AbortSignal): Promise<unknown> => {
    try {
      const answer = await client.send(
        new InvokeEndpointCommand({
          EndpointName: target.endpointName,
          InferenceComponentName: target.inferenceComponentName,
          ContentType: 'application/json',
          CustomAttributes: `route=${route}`,
          Body: JSON.stringify(body),
        }),
        signal === undefined ? {} : { abortSignal: signal },
      );
      return JSON.parse(new TextDecoder().decode(answer.Body));
    } catch (error) {
      signal?.throwIfAborted();
      throw fromSageMakerError(error);
    }
  };
}

async function* readPayloads(events: AsyncIterable<ResponseStream>): AsyncGenerator<Uint8Array> {
  for await (const event of events) {
    if (event.PayloadPart?.Bytes !== undefined) yield event.PayloadPart.Bytes;
    else if (event.ModelStreamError !== undefined) throw event.ModelStreamError;
    else if (event.InternalStreamFailure !== undefined) throw event.InternalStreamFailure;
  }
}

/** Whether a frame was truncated or its checksum is wrong. The codec's errors have no class, so their messages are matched. */
function isWireError(error: unknown): boolean {
  return (
    error instanceof Error && /checksum|truncated|message length|aborted|premature|terminated/i.test(error.message)
  );
}
