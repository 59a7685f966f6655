import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ApiError } from '../errors/api-error.ts';
import type { ResponsePointer } from './stored-response.ts';

/** Time limits of an attempt, in milliseconds. */
const ATTEMPT = { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true } as const;

/**
 * Starts the durable execution of a response. Its name is the response's id, so that a repeated start starts nothing.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-execution-idempotency.html
 */
export class DurableStart {
  readonly #functionArn: string;
  #client: Promise<LambdaClient> | undefined;

  /** @param functionArn of an alias or a version: a durable function is invoked by a qualified name */
  constructor(functionArn: string) {
    this.#functionArn = functionArn;
  }

  /** @throws {ApiError} 503 if Lambda does not take it */
  async start({ key, id }: ResponsePointer): Promise<void> {
    const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    this.#client ??= Promise.resolve(new LambdaClient({ requestHandler: ATTEMPT, maxAttempts: 3 }));
    const command = new InvokeCommand({
      FunctionName: this.#functionArn,
      InvocationType: 'Event',
      DurableExecutionName: id,
      Payload: new TextEncoder().encode(JSON.stringify({ key, id })),
    });
    try {
      await (await this.#client).send(command);
    } catch (cause) {
      throw new ApiError(503, 'The response could not be started in the background. Retry the request.', {
        code: 'background_unavailable',
        headers: { 'retry-after': '5' },
        cause,
      });
    }
  }
}
