import { BudgetForcing } from '../forcing/budget-forcing.ts';
import { type ModelError, NoCapacityError } from '../upstream/errors.ts';
import { Failover } from './failover.ts';
import type { Generation, GenerationEvent, SegmentAccount } from './generation.ts';
import { retryDelay } from './retry.ts';
import { cutReason, SegmentRun, takeEvents } from './segment-run.ts';
import { Timing } from './timing.ts';

/**
 * Runs one sample of a request: drives a `BudgetForcing` machine over a model, yields its text, and continues from the
 * token ids so far if a call fails. All retries and clocks are here; all decisions are the machine's.
 *
 * @throws {ModelError} if the retries are used up. Events that were yielded before stay valid.
 */
export async function* generate(generation: Generation): AsyncGenerator<GenerationEvent, void, undefined> {
  const machine = new BudgetForcing(generation.plan);
  const timing = new Timing(generation);
  const segments: SegmentAccount[] = [];
  const failover = Failover.of(generation, machine);
  const { retrieval } = generation;
  let attempt = 0;
  let thinks = true;
  try {
    if (retrieval !== undefined) yield { kind: 'lookup', query: retrieval.query, account: retrieval };
    await failover?.beginRound();
    for (;;) {
      const segment = machine.next();
      yield* takeEvents(machine, generation);
      if (thinks && segment?.part !== 'thinking') {
        thinks = false;
        if (generation.yieldsThoughtEnd === true) {
          yield { kind: 'thought', report: machine.report() };
        }
      }
      if (segment === undefined) break;
      if (segment.part === 'thinking' && generation.cutThinking?.aborted === true) {
        machine.cut(cutReason(generation.cutThinking), { called: false });
        yield* takeEvents(machine, generation);
        continue;
      }
      failover?.beginCall();
      const run = new SegmentRun(segment, machine, failover?.generation ?? generation, timing);
      try {
        yield* run.events();
      } finally {
        segments.push(...(failover?.endCall(run.account) ?? [run.account]));
      }
      yield* takeEvents(machine, generation);
      if (run.progressed || run.failure === undefined) attempt = 0;
      else if (failover === undefined) attempt++;
      const failure = run.failureToRetry;
      if (failure === undefined) continue;
      // The server would begin the required form again, so half of a structured answer cannot be continued.
      if (generation.structure !== undefined && segment.part === 'answer' && run.progressed) throw failure;
      if (failover === undefined) {
        yield* waitToRetry(failure, attempt, generation, timing);
        continue;
      }
      const failureOfRound = await failover.afterFailure(failure, run.progressed);
      if (failureOfRound === undefined) continue;
      yield* waitToRetry(failureOfRound, ++attempt, generation, timing);
      await failover.beginRound();
    }
    yield { kind: 'done', report: machine.report(), segments, retrieval };
  } finally {
    machine.abort();
    generation.onEnd?.({ report: machine.report(), segments });
  }
}

/** Waits until the failed segment may run again. @throws the failure if it is final or the deadline comes first. */
async function* waitToRetry(
  failure: ModelError,
  attempt: number,
  { clock, retry, signal, whileNoCapacity, onNoCapacity }: Generation,
  timing: Timing,
): AsyncGenerator<GenerationEvent, void, undefined> {
  if (failure instanceof NoCapacityError) {
    // With scaling by load, `whileNoCapacity` knows since when a copy starts.
    const alreadyStarting = (await onNoCapacity?.()) ?? whileNoCapacity !== undefined;
    // A wait of 0 fails at once below, with the failure's own message.
    const lateSeconds = retry.capacityWaitMs === 0 ? undefined : timing.copyTooLateSeconds(alreadyStarting);
    if (lateSeconds !== undefined) throw startsTooLate(failure, lateSeconds);
  }
  const delayMs = retryDelay(failure, attempt, timing.elapsedMs(), retry);
  if (delayMs === undefined || timing.isOverAfter(delayMs)) throw failure;
  if (delayMs === 0) return;
  const statusMessage = failure instanceof NoCapacityError ? await whileNoCapacity?.() : undefined;
  yield { kind: 'waiting', because: statusMessage ?? failure.code, retryInMs: delayMs };
  await clock.sleep(delayMs, signal);
}

function startsTooLate(cause: NoCapacityError, seconds: number): NoCapacityError {
  return new NoCapacityError(
    `The endpoint has no copy, and the first one would start too late for this request, whose minimum of thinking and answer need time as well. Retry in ${seconds} s.`,
    { cause, retryAfterSeconds: seconds },
  );
}
