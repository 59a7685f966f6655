import type { BackgroundRunner, StepOutcome } from './runner.ts';
import type { ResponsePointer } from './stored-response.ts';

/** What the loop needs of a durable context. */
export interface DurableSteps {
  step(name: string, run: () => Promise<StepOutcome>): Promise<StepOutcome>;
  wait(name: string, duration: { readonly seconds: number }): Promise<void>;
}

/** Pause after a segment, in seconds. The next one then begins in an invocation of its own, which has the whole time limit. */
const PAUSE_SECONDS = 1;

/**
 * Runs a response to its end: one step for each segment of work. What a step returns is all that a checkpoint holds, beside the pointer:
 * counts, codes and seconds. A wait is not paid.
 */
export async function runDurable(
  pointer: ResponsePointer,
  runner: Pick<BackgroundRunner, 'step'>,
  steps: DurableSteps,
  signal: () => AbortSignal,
): Promise<StepOutcome> {
  for (let segment = 0; ; segment++) {
    const outcome = await steps.step(`segment-${segment}`, async () => await runner.step(pointer, signal()));
    switch (outcome.kind) {
      case 'ended':
      case 'superseded':
        return outcome;
      case 'continues':
        await steps.wait(`pause-${segment}`, { seconds: PAUSE_SECONDS });
        break;
      case 'waits':
        await steps.wait(`wait-${segment}`, { seconds: outcome.seconds });
        break;
      default:
        outcome satisfies never;
    }
  }
}
