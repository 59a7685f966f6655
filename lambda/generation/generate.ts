import { BudgetForcing } from '../forcing/budget-forcing.ts';
import { type ModelError, NoCapacityError } from '../upstream/errors.ts';
import { Failover } from './failover.ts';
import type { Generation, GenerationEvent, SegmentAccount } from './generation.ts';
import type { RetrievalAccount } from './retrieval.ts';
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
  let { retrieval } = generation;
  let attempt = 0;
  let thinks = true;
  try {
    if (retrieval !== undefined) yield { kind: 'lookup', query: retrieval.query, account: retrieval };
    await failover?.beginRound();
    for (;;) {
      const segment = machine.next();
      yield* takeEvents(machine, generation);
      if (segment?.lookUp !== undefined) {
        retrieval = yield* lookUp(machine, failover?.generation ?? generation, timing);
        continue;
      }
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
    yield { kind: 'done', report: machine.report(), segments, ...(retrieval === undefined ? {} : { retrieval }) };
  } finally {
    machine.abort();
    generation.onEnd?.({ report: machine.report(), segments, ...(retrieval === undefined ? {} : { retrieval }) });
  }
}

/**
 * Looks documents up and passes them to the machine. The deadline, the load or a shutdown cut the thinking meanwhile.
 *
 * @returns `undefined` if it was cut
 * @throws the abort reason of `generation.signal`
 */
async function* lookUp(
  machine: BudgetForcing,
  generation: Generation,
  timing: Timing,
): AsyncGenerator<GenerationEvent, RetrievalAccount | undefined, undefined> {
  const { lookUp, signal, cutThinking } = generation;
  if (lookUp === undefined) throw new Error('The plan looks documents up, but the generation has no search.');
  const { query } = lookUp;
  yield { kind: 'lookup', query, account: undefined };
  const deadline = timing.startCutTimer('thinking');
  const cuts = [deadline.signal, ...(cutThinking === undefined ? [] : [cutThinking])];
  try {
    const { text, account } = await beforeAbort(lookUp.find(signal), AbortSignal.any([signal, ...cuts]));
    machine.takePassages(text);
    // The search ends before its passages: a dialect may have an item for it.
    yield { kind: 'lookup', query, account };
    yield* takeEvents(machine, generation);
    return account;
  } catch (error) {
    signal.throwIfAborted();
    if (cutThinking?.aborted === true) machine.cut(cutReason(cutThinking));
    else if (deadline.signal.aborted) machine.cut('deadline');
    else throw error;
    yield* takeEvents(machine, generation);
    return undefined;
  } finally {
    deadline.clear();
  }
}

/** The result, unless the signal aborts before. */
async function beforeAbort<Result>(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  // If the abort comes first, nobody waits for the result any more.
  result.catch(() => {});
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
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
