import { ApiError } from '../errors/api-error.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { hasRoomForBatch, retryAfterSeconds } from '../policy/admission.ts';
import { reservedTokens } from '../policy/committed-tokens.ts';
import { decideRequest, type RequestDecision } from '../policy/controller.ts';
import { pressureOf } from '../policy/load.ts';
import { atZeroCopies, startsIn } from '../policy/zero-copies.ts';
import { DEFAULT_FLOOR_PART, type ModelScalingSettings, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import { TableUnavailableError } from '../storage/table-unavailable-error.ts';
import { AdmittedRequest, LEASE_SECONDS } from './admitted-request.ts';
import type { CountedRequest } from './counted-request.ts';
import type { LoadLease } from './lease-store.ts';
import type { LoadSnapshot } from './load-snapshot.ts';
import type { ModelScaling } from './model-scaling.ts';
import type { SettledState } from './scaling-state.ts';

/** A request as admission sees it. Tokens are per sample. */
export interface LoadRequest {
  readonly requestId: string;
  readonly key: string;
  readonly promptTokens: number;
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly answerTokens: number;
  readonly samples: number;
  /** Whether the maximum may shrink, as set by the request and by its key. `undefined` if not set. */
  readonly elastic: boolean | undefined;
  readonly keyElastic?: boolean | undefined;
  /** Floor of a shrunk maximum. @default - a fraction of the maximum, at least the minimum */
  readonly floorTokens: number | undefined;
  /** Longest wait for the first copy that leaves time for the answer and the minimum of thinking. @default - the config's alone */
  readonly maxWaitSeconds?: number;
  /** Set for a line of a batch. @default - a request with a client */
  readonly batch?: BatchPriority | undefined;
}

/** How a line of a batch is admitted: below requests with a client, on copies with room. */
export interface BatchPriority {
  /** Whether it may wake an endpoint without copies. It never waits for the first one. */
  readonly mayWake: boolean;
}

/** How the load changed a request, for the response body and headers. */
export interface LoadReport {
  readonly elastic: boolean;
  /** Requested maximum, granted maximum and floor of the grant, in thinking tokens. */
  readonly requested: number;
  readonly granted: number;
  readonly floor: number;
  /** Whether the request itself or the load determined the granted maximum. */
  readonly setBy: 'request' | 'load';
  readonly pressure: number;
  readonly copies: number;
  readonly startingCopies: number;
  /** Until a place is free or the first copy runs, in seconds. 0 if the request starts immediately. */
  readonly expectedWaitSeconds: number;
}

/** Result of an admission: the report for the client, and the handle on the request's lease. */
export interface Admission {
  readonly report: LoadReport;
  readonly admitted: AdmittedRequest;
}

/** Admits requests to one model, one after the other, so that each decision sees the requests admitted before it. */
export class AdmissionGate {
  readonly #scaling: ModelScaling;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(scaling: ModelScaling) {
    this.#scaling = scaling;
  }

  /** @throws {ApiError} 429 or 503 with Retry-After if the request is refused */
  async admit(request: LoadRequest): Promise<Admission> {
    const decision = this.#previous.then(() => this.#admit(request));
    this.#previous = decision.catch(() => undefined);
    return await decision;
  }

  /**
   * Called before each wait for the first copy; returns the status message for the client. If load state is unavailable, the wait
   * goes on.
   *
   * @throws {ApiError} 503 if no copy will start
   */
  async whileWaiting(): Promise<string> {
    try {
      return await this.#firstCopy();
    } catch (error) {
      if (!(error instanceof TableUnavailableError)) throw error;
      this.#scaling.options.log('error', 'load state unavailable', loggableError(error));
      return 'endpoint_starting: the load state is unavailable';
    }
  }

  async #firstCopy(): Promise<string> {
    await this.#scaling.tick(FIRST_COPY_POLL_SECONDS);
    const snapshot = await this.#scaling.snapshot();
    if (snapshot.load.copies > 0) return 'a copy has started';
    const seconds = await this.#atZero(snapshot);
    return `endpoint_starting: the first copy is expected in ${Math.ceil(seconds)} s`;
  }

  async #admit(request: LoadRequest): Promise<Admission> {
    const { options } = this.#scaling;
    const elastic = isElastic(options.settings.elastic, request);
    const floor = Math.min(
      request.maxTokens,
      Math.max(request.minTokens, request.floorTokens ?? Math.ceil(request.maxTokens * DEFAULT_FLOOR_PART)),
    );
    const candidate = leaseOf(request, elastic, floor, request.maxTokens, options.now());
    let state = await this.#scaling.tick();
    const counted = this.#scaling.counted(candidate, state);
    // Counted before the snapshot is taken: if several functions decide at the same time, each sees those before it, with the whole
    // maximum that they ask for.
    await counted.arrive({ ...candidate, reservedTokens: reservedTokens(candidate, state.use) }, options.now());
    try {
      // A sudden crowd does not wait for the next tick to be spread over partitions.
      if (state.shards.write === 1 && counted.crowd(options.now()) > CROWD)
        state = await this.#scaling.tick(CROWD_TICK_SECONDS);
      return await this.#decide(request, candidate, counted, state, floor);
    } catch (error) {
      // After a failure of the table the removal would wait for it again. The next tick settles the load without the request.
      if (!(error instanceof ApiError || error instanceof TableUnavailableError)) await counted.withdraw(options.now());
      throw error;
    }
  }

  async #decide(
    request: LoadRequest,
    candidate: LoadLease,
    counted: CountedRequest,
    settled: SettledState,
    floor: number,
  ): Promise<Admission> {
    const scaling = this.#scaling;
    const { now } = scaling.options;
    const { elastic } = candidate;
    const snapshot = await this.#freshSnapshot(counted, settled);
    const { load, capacity, policy, keyLoad, state } = snapshot;
    const refuse = async (error: ApiError): Promise<never> => {
      // Refused leases are kept for the demand. More than this many add nothing to it, and the next tick would read them.
      const at = now();
      if (snapshot.refused < MAX_REFUSED) await counted.write({ ...candidate, endedAt: at, refused: true }, at);
      else await counted.withdraw(at);
      throw error;
    };

    const { batch } = request;
    if (batch !== undefined && !(load.copies === 0 && batch.mayWake) && !hasRoomForBatch(load, capacity)) {
      // Not kept: a batch that waits is no demand for copies.
      await counted.withdraw(now());
      throw noRoom();
    }
    let expectedWaitSeconds = 0;
    if (load.copies === 0 || snapshot.wake.kind === 'paused') {
      try {
        expectedWaitSeconds = await this.#atZero(snapshot, batch === undefined ? request.maxWaitSeconds : 0);
      } catch (error) {
        if (error instanceof ApiError) return await refuse(error);
        throw error;
      }
    }
    const decided = decideRequest(
      { elastic, floorTokens: floor, ceilingTokens: request.maxTokens },
      { load, capacity, key: keyLoad(request.key), startsInSeconds: startsInSeconds(snapshot, now()) },
      policy,
    );
    if (decided.kind === 'refuse') return await refuse(refusal(decided, snapshot, expectedWaitSeconds));
    expectedWaitSeconds += decided.expectedWaitSeconds;
    const granted = decided.grantedTokens;
    const grant = { ...leaseOf(request, elastic, floor, granted, now()), cameAt: candidate.cameAt };
    const lease = { ...grant, reservedTokens: reservedTokens(grant, state.use) };
    await counted.write(lease, now());
    return {
      report: {
        elastic,
        requested: request.maxTokens,
        granted,
        floor,
        setBy: granted < request.maxTokens ? 'load' : 'request',
        pressure: pressureOf(load, capacity),
        copies: load.copies,
        startingCopies: load.startingCopies,
        expectedWaitSeconds,
      },
      admitted: new AdmittedRequest(scaling, counted, lease, request.samples),
    };
  }

  /** Takes a snapshot. If it shows no copy and the state is stale, refreshes the state first. */
  async #freshSnapshot(candidate: CountedRequest, state: SettledState): Promise<LoadSnapshot> {
    const scaling = this.#scaling;
    const snapshot = await scaling.snapshot({ candidate, state });
    const stale = scaling.options.now() - snapshot.state.at > FIRST_COPY_POLL_SECONDS;
    if (snapshot.load.copies > 0 || !stale) return snapshot;
    return await scaling.snapshot({ candidate, state: await scaling.tick(FIRST_COPY_POLL_SECONDS) });
  }

  /** Wakes the endpoint if needed. Returns the expected wait for its first copy, in seconds. */
  async #atZero({ wake, state }: LoadSnapshot, requestSeconds = Number.POSITIVE_INFINITY): Promise<number> {
    const { capacityWaitMs, now } = this.#scaling.options;
    const settings = {
      waitForCopy: capacityWaitMs > 0,
      maxWaitSeconds: Math.min(capacityWaitMs / 1_000, requestSeconds),
      startSeconds: state.startSeconds,
      retryWakeSeconds: RETRY_WAKE_SECONDS,
    };
    let decided = atZeroCopies(wake, settings, now());
    if (decided.wake) {
      const why = await this.#scaling.wake();
      if (why !== undefined) decided = atZeroCopies({ kind: 'failed', at: now(), why }, settings, now());
      // After a failed wake, requests wait for the next one as for the first.
      else if (wake.kind === 'failed') decided = atZeroCopies({ kind: 'waking', since: now() }, settings, now());
    }
    const { answer } = decided;
    if (answer.kind === 'wait') return answer.expectedSeconds;
    throw new ApiError(answer.status, answer.message, {
      code: answer.code,
      headers: { 'retry-after': String(answer.retryAfterSeconds) },
    });
  }
}

/** The request takes precedence over its key, and the key over the config. `never` in the config overrides both. */
function isElastic(
  config: ModelScalingSettings['elastic'],
  { elastic, keyElastic }: Pick<LoadRequest, 'elastic' | 'keyElastic'>,
): boolean {
  return config !== 'never' && (elastic ?? keyElastic ?? config === 'always');
}

/** Poll interval while waiting for the first copy, in seconds. */
const FIRST_COPY_POLL_SECONDS = 2;
/** New requests of one period in one partition from which on the state advances sooner, and its maximum age then, in seconds. */
const CROWD = 100;
const CROWD_TICK_SECONDS = 1;
/** Leases of refused requests that are kept until the next tick. */
const MAX_REFUSED = 500;

function leaseOf(
  { requestId, key, promptTokens, minTokens, maxTokens, answerTokens, samples, batch }: LoadRequest,
  elastic: boolean,
  floor: number,
  granted: number,
  now: number,
): LoadLease {
  return {
    requestId,
    key,
    promptTokens,
    minTokens: minTokens * samples,
    limitTokens: (granted + answerTokens) * samples,
    usedTokens: 0,
    until: now + LEASE_SECONDS,
    wantedThinking: maxTokens * samples,
    grantedThinking: granted * samples,
    floorThinking: floor * samples,
    usedThinking: 0,
    elastic,
    answerTokens: answerTokens * samples,
    cameAt: now,
    ...(batch === undefined ? {} : { batch: true }),
  };
}

/** Seconds until the starting copies take requests. */
function startsInSeconds({ load, state }: LoadSnapshot, now: number): number {
  if (load.startingCopies === 0) return Number.POSITIVE_INFINITY;
  return startsIn(state.copies.startingSince ?? now, state.startSeconds, now);
}

/** Time after which a line of a batch that found no room asks again, in seconds. */
const BATCH_RETRY_SECONDS = 15;

function noRoom(): ApiError {
  return new ApiError(503, 'No copy has room for a batch: requests with a client come first.', {
    code: 'batch_waits',
    headers: { 'retry-after': String(BATCH_RETRY_SECONDS) },
  });
}

function refusal(
  { status, because, retryAfterSeconds: seconds }: Extract<RequestDecision, { kind: 'refuse' }>,
  { load }: LoadSnapshot,
  startSeconds: number,
): ApiError {
  const again = retryAfterSeconds(seconds + startSeconds);
  const copies = `${load.copies} ${load.copies === 1 ? 'copy' : 'copies'}`;
  const message =
    because === 'key_over_its_part'
      ? `The endpoint is full (${load.requests} requests on ${copies}), and this key holds more than its share. Retry in ${again} s.`
      : `The endpoint is full: ${load.requests} requests on ${copies}. Retry in ${again} s.`;
  return new ApiError(status, message, { code: because, headers: { 'retry-after': String(again) } });
}
