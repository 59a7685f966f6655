import type { Writable } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FrameStream } from '../http/frame-stream.ts';

/** Response streaming of Lambda's Node.js runtime, which provides it as the global `awslambda`. */
export interface LambdaStreaming {
  streamifyResponse(
    handler: (event: unknown, stream: Writable, context: LambdaContext) => Promise<void>,
  ): (...args: unknown[]) => unknown;
  readonly HttpResponseStream: {
    /** Writes the prelude (status and headers as JSON, then 8 NUL bytes) before the first byte of the body. */
    from(stream: Writable, prelude: { statusCode: number; headers: Record<string, string> }): Writable;
  };
}

export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/**
 * Sends a `Response` through Lambda's response stream, with backpressure.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
export async function streamResponse(response: Response, stream: Writable, streaming: LambdaStreaming): Promise<void> {
  const prelude = { statusCode: response.status, headers: Object.fromEntries(response.headers) };
  const out = streaming.HttpResponseStream.from(stream, prelude);
  if (response.body === null) {
    // The prelude is sent only with the first write.
    out.write('');
    out.end();
    return;
  }
  const frames = FrameStream.of(response);
  if (frames === undefined) await pipeline(Readable.fromWeb(response.body), out);
  else await frames.writeTo(out);
}
