import { evenShare, type KeyLoad, unevenness } from './elastic-grant.ts';
import { type CopyCapacity, type Load, pressureOf } from './load.ts';
import { workOf } from './work.ts';

export interface AdmissionSettings {
  /** Pressure up to which requests are admitted without an expected wait. */
  readonly fullAt: number;
  /**
   * Longest expected wait, in seconds, of an admitted request. A key that holds more than `EVEN_ENOUGH` equal shares may wait
   * proportionally shorter. 0 refuses every request that would have to wait.
   */
  readonly maxQueueSeconds: number;
}

export const defaultAdmission: AdmissionSettings = { fullAt: 1.7, maxQueueSeconds: 120 };

export type AdmissionDecision =
  | { readonly kind: 'admit' }
  /** Admitted, with an expected wait for a place on a copy. */
  | { readonly kind: 'queue'; readonly expectedWaitSeconds: number }
  | {
      readonly kind: 'refuse';
      /** 429 if the key holds more than an equal share of the endpoint; 503 if other keys fill the endpoint. */
      readonly status: 429 | 503;
      /** In whole seconds, 1 to 3,600. */
      readonly retryAfterSeconds: number;
      readonly because: 'key_over_its_part' | 'endpoint_full';
    };

const MAX_RETRY_AFTER_SECONDS = 3_600;
/** Tolerance, in equal shares, before a key's allowed wait gets shorter: shares of equally active keys differ by chance. */
const EVEN_ENOUGH = 1.5;

/**
 * Decides whether a request is admitted. The expected wait follows from the work of the admitted requests, so a
 * request that would wait too long is refused at once instead of running into a timeout. A key that holds far more than its
 * share may wait for a shorter time than others: a key that floods the endpoint is refused first, and other keys can still queue.
 *
 * If no copy runs, the wait counts from when the first copies take requests: those that are starting, or at least one.
 *
 * @param startsInSeconds until the starting copies take requests; ignored if no copy is starting
 */
export function admission(
  load: Load,
  capacity: CopyCapacity,
  key: KeyLoad = evenShare,
  settings: AdmissionSettings = defaultAdmission,
  startsInSeconds = Number.POSITIVE_INFINITY,
): AdmissionDecision {
  const served = load.copies > 0 ? load : { ...load, copies: Math.max(1, load.startingCopies), startingCopies: 0 };
  const expectedWaitSeconds = waitSeconds(served, capacity, settings.fullAt, startsInSeconds);
  if (expectedWaitSeconds <= 0) return { kind: 'admit' };
  const uneven = unevenness(key, load);
  const maxQueueSeconds = settings.maxQueueSeconds / Math.max(1, uneven / EVEN_ENOUGH);
  if (expectedWaitSeconds <= maxQueueSeconds) return { kind: 'queue', expectedWaitSeconds };
  const over = uneven > 1;
  return {
    kind: 'refuse',
    status: over ? 429 : 503,
    retryAfterSeconds: retryAfterSeconds(expectedWaitSeconds - maxQueueSeconds),
    because: over ? 'key_over_its_part' : 'endpoint_full',
  };
}

/**
 * Seconds until the load has fallen to `fullAt`: the excess of the work, divided by the copies. Starting
 * copies count from `startsInSeconds` on. Returns 0 if there is room, `Infinity` if no copy runs or starts.
 *
 * The excess is scaled to the work that is still to be done: a request that is nearly done soon frees its whole
 * reservation, and a prompt that waits costs its prefill as well.
 */
export function waitSeconds(
  load: Load,
  capacity: CopyCapacity,
  fullAt: number,
  startsInSeconds = Number.POSITIVE_INFINITY,
): number {
  const pressure = pressureOf(load, capacity);
  if (pressure <= fullAt) return 0;
  const soon = load.copies + load.startingCopies;
  const left = workLeft(load, capacity);
  const bySpeed = load.copies > 0 ? (left * (1 - fullAt / pressure)) / load.copies : Number.POSITIVE_INFINITY;
  if (load.startingCopies === 0 || bySpeed <= startsInSeconds) return bySpeed;
  const done = startsInSeconds * load.copies;
  const excess = left * (1 - fullAt / pressureOf(load, capacity, soon)) - done;
  return startsInSeconds + Math.max(0, excess) / soon;
}

/** Work that the admitted requests still are, in seconds of one copy: prompts without a first token, and expected output. */
function workLeft(load: Load, capacity: CopyCapacity): number {
  return workOf(
    {
      promptTokens: load.waitingPromptTokens,
      outputTokens: Math.max(0, Math.min(load.committedTokens, load.reservedTokens - load.promptTokens)),
    },
    capacity,
  );
}

/**
 * Pressure of all requests up to which a batch may start a line. Below the pressure at which copies are added, and at which elastic
 * budgets shrink: a batch causes neither.
 */
const BATCH_PRESSURE = 0.5;

/** Whether copies have room for a line of a batch: some copy runs, and all requests leave half of the caches and places free. */
export function hasRoomForBatch(load: Load, capacity: CopyCapacity): boolean {
  return load.copies > 0 && pressureOf(load, capacity) < BATCH_PRESSURE;
}

/** Converts a wait to a `Retry-After` value: whole seconds, from 1 to 3,600. An unknown wait (`NaN`) becomes 3,600. */
export function retryAfterSeconds(seconds: number): number {
  if (Number.isNaN(seconds)) return MAX_RETRY_AFTER_SECONDS;
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(seconds)));
}
