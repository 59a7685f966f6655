import type { DurableContext } from '@aws/durable-execution-sdk-js';
import { runDurable } from './run-durable.ts';
import type { BackgroundRunner, StepOutcome } from './runner.ts';
import { pointerSchema } from './stored-response.ts';

/** Time that is left before the function's time limit when a segment is left, in milliseconds. */
const FINAL_MS = 30_000;
/** Attempts of a segment whose results cannot be kept, for instance since the table is unavailable. */
const MAX_ATTEMPTS = 20;
/** Longest pause between two attempts, in seconds. */
const MAX_RETRY_SECONDS = 300;

/** Runs the response of an event to its end. A segment that fails, or whose function is killed, is a step that is run again. */
export async function durableHandler(
  event: unknown,
  context: DurableContext,
  runner: Pick<BackgroundRunner, 'step'>,
): Promise<StepOutcome> {
  const pointer = pointerSchema.parse(event);
  const steps = {
    step: async (name: string, run: () => Promise<StepOutcome>) =>
      await context.step(name, run, {
        retryStrategy: (_error, attempt) => ({
          shouldRetry: attempt < MAX_ATTEMPTS,
          delay: { seconds: Math.min(MAX_RETRY_SECONDS, 2 ** attempt) },
        }),
      }),
    wait: async (name: string, duration: { readonly seconds: number }) => await context.wait(name, duration),
  };
  return await runDurable(pointer, runner, steps, () =>
    AbortSignal.timeout(Math.max(1, context.lambdaContext.getRemainingTimeInMillis() - FINAL_MS)),
  );
}
