import { ApiError } from '../errors/api-error.ts';
import { admission, retryAfterSeconds } from '../policy/admission.ts';
import { elasticGrant } from '../policy/elastic-grant.ts';
import { pressureOf } from '../policy/load.ts';
import { atZeroCopies, startsIn } from '../policy/zero-copies.ts';
import { DEFAULT_FLOOR_PART, type ModelScalingSettings, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import { AdmittedRequest, LEASE_SECONDS } from './admitted-request.ts';
import type { LoadLease } from './lease-store.ts';
import { keyLoadOf, type LoadSnapshot, type ModelScaling } from './model-scaling.ts';

/** What a request wants of the endpoint. Tokens, for each sample. */
export interface LoadRequest {
  readonly requestId: string;
  readonly key: string;
  readonly promptTokens: number;
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly answerTokens: number;
  readonly samples: number;
  /** What the request says of it, and what its key. `undefined`: nothing. */
  readonly elastic: boolean | undefined;
  readonly keyElastic?: boolean | undefined;
  /** The least that its maximum may shrink to. @default - a part of the maximum, never below the minimum */
  readonly floorTokens: number | undefined;
}

/** What the load made of a request, for the report and the headers. */
export interface LoadReport {
  readonly elastic: boolean;
  /** Thinking tokens that were asked for at most, that are granted, and that it could not fall below. */
  readonly wanted: number;
  readonly granted: number;
  readonly floor: number;
  /** Who set what is granted. */
  readonly setBy: 'request' | 'load';
  readonly pressure: number;
  readonly copies: number;
  readonly startingCopies: number;
  /** Until it gets a place, or the first copy is there. Seconds; 0: at once. */
  readonly expectedWaitSeconds: number;
}

export interface Admission {
  readonly report: LoadReport;
  readonly admitted: AdmittedRequest;
}

/** Lets requests in, one after the other: each sees those before it. */
export class AdmissionGate {
  readonly #scaling: ModelScaling;
  #before: Promise<unknown> = Promise.resolve();

  constructor(scaling: ModelScaling) {
    this.#scaling = scaling;
  }

  /** @throws {ApiError} 429 or 503 with Retry-After, where it is not let in. */
  async admit(request: LoadRequest): Promise<Admission> {
    const mine = this.#before.then(() => this.#admit(request));
    this.#before = mine.catch(() => undefined);
    return await mine;
  }

  /** What a request that waits for the first copy tells its client. @throws {ApiError} 503 where no copy will come. */
  async whileWaiting(): Promise<string> {
    await this.#scaling.tick(WAITING_TICK_SECONDS);
    const look = await this.#scaling.look();
    if (look.load.copies > 0) return 'a copy has started';
    const seconds = await this.#atZero(look);
    return `endpoint_starting: the first copy is expected in ${Math.ceil(seconds)} s`;
  }

  async #admit(request: LoadRequest): Promise<Admission> {
    const { board, options } = this.#scaling;
    const elastic = isElastic(options.settings.elastic, request);
    const floor = Math.min(
      request.maxTokens,
      Math.max(request.minTokens, request.floorTokens ?? Math.ceil(request.maxTokens * DEFAULT_FLOOR_PART)),
    );
    // Seen by all before it looks itself: of requests that come to several functions at once, each sees those before it.
    const asking = leaseOf(request, elastic, floor, request.maxTokens, options.now());
    await board.put({ ...asking, undecided: true });
    try {
      return await this.#decide(request, asking, floor);
    } catch (error) {
      if (!(error instanceof ApiError)) await board.remove(asking.requestId);
      throw error;
    }
  }

  async #decide(request: LoadRequest, asking: LoadLease, floor: number): Promise<Admission> {
    const scaling = this.#scaling;
    const { now } = scaling.options;
    const { elastic } = asking;
    let look = await scaling.look(0, asking);
    // Before it says that there is no copy, it looks.
    if (look.load.copies === 0 && now() - look.state.at > WAITING_TICK_SECONDS) {
      await scaling.tick(WAITING_TICK_SECONDS);
      look = await scaling.look(0, asking);
    }
    const { load, capacity, policy } = look;
    const key = keyLoadOf(look, request.key, false);
    const refuse = async (error: ApiError): Promise<never> => {
      // They say what is asked for. Beyond these nobody learns more from one, and every look would read it.
      if (look.refused < MAX_REFUSED) await scaling.board.put({ ...asking, endedAt: now(), refused: true });
      else await scaling.board.remove(asking.requestId);
      throw error;
    };

    let expectedWaitSeconds = 0;
    if (load.copies === 0 || look.wake.kind === 'paused') {
      try {
        expectedWaitSeconds = await this.#atZero(look);
      } catch (error) {
        if (error instanceof ApiError) return await refuse(error);
        throw error;
      }
    }
    const decided = admission(load, capacity, key, policy.admission, startsInSeconds(look, now()));
    if (decided.kind === 'refuse') return await refuse(refusal(decided, look, expectedWaitSeconds));
    if (decided.kind === 'queue') expectedWaitSeconds += decided.expectedWaitSeconds;
    const granted = elastic
      ? elasticGrant({ floorTokens: floor, ceilingTokens: request.maxTokens }, load, capacity, key, policy.elastic)
      : request.maxTokens;
    const lease = { ...leaseOf(request, elastic, floor, granted, now()), cameAt: asking.cameAt };
    await scaling.board.put(lease);
    return {
      report: {
        elastic,
        wanted: request.maxTokens,
        granted,
        floor,
        setBy: granted < request.maxTokens ? 'load' : 'request',
        pressure: pressureOf(load, capacity),
        copies: load.copies,
        startingCopies: load.startingCopies,
        expectedWaitSeconds,
      },
      admitted: new AdmittedRequest(scaling, lease, request.samples),
    };
  }

  /** Wakes the endpoint where that is to be done, and says how long its first copy takes. */
  async #atZero({ wake, state }: LoadSnapshot): Promise<number> {
    const { capacityWaitMs, now } = this.#scaling.options;
    const settings = {
      waitForCopy: capacityWaitMs > 0,
      maxWaitSeconds: capacityWaitMs / 1_000,
      startSeconds: state.startSeconds,
      retryWakeSeconds: RETRY_WAKE_SECONDS,
    };
    let decided = atZeroCopies(wake, settings, now());
    if (decided.wake) {
      const why = await this.#scaling.wake();
      if (why !== undefined) decided = atZeroCopies({ kind: 'failed', at: now(), why }, settings, now());
      // A wake after a failed one is waited for like the first.
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

/** The request has the first word, then its key, then the config, whose `never` switches it off for everybody. */
function isElastic(
  config: ModelScalingSettings['elastic'],
  { elastic, keyElastic }: Pick<LoadRequest, 'elastic' | 'keyElastic'>,
): boolean {
  return config !== 'never' && (elastic ?? keyElastic ?? config === 'always');
}

/** Who waits for a copy looks this often whether it is there. Seconds. */
const WAITING_TICK_SECONDS = 2;
/** Refused requests that are kept until the next tick. */
const MAX_REFUSED = 500;

function leaseOf(
  { requestId, key, promptTokens, minTokens, maxTokens, answerTokens, samples }: LoadRequest,
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
  };
}

/** Until the copies that are starting take requests. */
function startsInSeconds({ load, state }: LoadSnapshot, now: number): number {
  if (load.startingCopies === 0) return Number.POSITIVE_INFINITY;
  return startsIn(state.copies.startingSince ?? now, state.startSeconds, now);
}

function refusal(
  { status, because, retryAfterSeconds: seconds }: Extract<ReturnType<typeof admission>, { kind: 'refuse' }>,
  { load }: LoadSnapshot,
  startSeconds: number,
): ApiError {
  const again = retryAfterSeconds(seconds + startSeconds);
  const copies = `${load.copies} ${load.copies === 1 ? 'copy' : 'copies'}`;
  const message =
    because === 'key_over_its_part'
      ? `The endpoint is full (${load.requests} requests on ${copies}), and this key holds more than its part of it. Try again in ${again} s.`
      : `The endpoint is full: ${load.requests} requests on ${copies}. Try again in ${again} s.`;
  return new ApiError(status, message, { code: because, headers: { 'retry-after': String(again) } });
}
