import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  type ResponseStream,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { completionRequestBody } from './completion-request.ts';
import { ModelFailedError, StreamBrokenError } from './errors.ts';
import { readCompletionStream } from './read-completion-stream.ts';
import { fromSageMakerError, networkCode } from './sagemaker-errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';

export interface SageMakerTarget {
  readonly endpointName: string;
  readonly inferenceComponentName?: string | undefined;
  /** The `model` field of the body. */
  readonly servedModelName?: string | undefined;
}

/** A streaming call takes at most 8 minutes, so a socket that is silent for longer is dead. Milliseconds. */
const SOCKET_TIMEOUT_MS = 490_000;

/**
 * The client that all models of one process share. Tries of the SDK's own are for calls that never began; what breaks later is the
 * driver's to continue. Credentials, region and endpoint URL come from the environment, as with every AWS SDK client.
 */
export function createRuntimeClient(): SageMakerRuntimeClient {
  return new SageMakerRuntimeClient({
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
    // Leaving the loop early has to end the call too, or the GPU goes on for nobody.
    const leave = new AbortController();
    let begun = false;
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
      if (Body === undefined) throw new ModelFailedError('The endpoint answered without a body.');
      for await (const chunk of readCompletionStream(payloadOf(Body))) {
        begun = true;
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      const mapped = fromSageMakerError(error);
      const broke =
        begun && !(error instanceof StreamBrokenError) && (networkCode(error) !== undefined || isWireError(error));
      throw broke ? new StreamBrokenError('The stream of the endpoint broke off.', { cause: error }) : mapped;
    } finally {
      leave.abort();
    }
  }
}

/** Calls another route of the container (vLLM's `/tokenize`, say). Only with a route of ours: a client's would reach any. */
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

async function* payloadOf(events: AsyncIterable<ResponseStream>): AsyncGenerator<Uint8Array> {
  for await (const event of events) {
    if (event.PayloadPart?.Bytes !== undefined) yield event.PayloadPart.Bytes;
    else if (event.ModelStreamError !== undefined) throw event.ModelStreamError;
    else if (event.InternalStreamFailure !== undefined) throw event.InternalStreamFailure;
  }
}

/** A frame whose checksum is wrong, or that was cut off: the codec's errors have no class of their own. */
function isWireError(error: unknown): boolean {
  return (
    error instanceof Error && /checksum|truncated|message length|aborted|premature|terminated/i.test(error.message)
  );
}
