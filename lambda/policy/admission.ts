import { evenShare, type KeyLoad, unevenness } from './elastic-grant.ts';
import { type CopyCapacity, type Load, pressureOf } from './load.ts';

export interface AdmissionSettings {
  /** Pressure up to which requests are admitted without an expected wait. */
  readonly fullAt: number;
  /** The longest wait for a place that a request is let in with, of a key with no more than half above its part. Seconds; 0 refuses what would wait. */
  readonly maxQueueSeconds: number;
}

export const defaultAdmission: AdmissionSettings = { fullAt: 1.7, maxQueueSeconds: 120 };

export type AdmissionDecision =
  | { readonly kind: 'admit' }
  /** Admitted, and expected to wait for a place so long. */
  | { readonly kind: 'queue'; readonly expectedWaitSeconds: number }
  | {
      readonly kind: 'refuse';
      /** 429 where the key holds more than an equal part of the endpoint, 503 where the endpoint is full of others. */
      readonly status: 429 | 503;
      /** Whole seconds, 1 to 3,600. */
      readonly retryAfterSeconds: number;
      readonly because: 'key_over_its_part' | 'endpoint_full';
    };

const MAX_RETRY_AFTER_SECONDS = 3_600;
/** Parts of keys that take the same differ by chance: so much more than an equal part waits as others do. */
const EVEN_ENOUGH = 1.5;

/**
 * Whether a request is let in, before it is: the wait follows from what is committed and how fast the copies work, so nobody
 * waits for a time-out to learn it. A key that holds far more than its part waits less long than others may: who floods the endpoint
 * is turned away first, and others still find a place in line.
 *
 * Without a copy the wait is that for a place from when the first ones take requests: at least one, or those that are starting.
 *
 * @param startsInSeconds until the copies that are starting take requests; where none is starting, it is not looked at
 */
export function admission(
  load: Load,
  capacity: CopyCapacity,
  key: KeyLoad = evenShare,
  settings: AdmissionSettings = defaultAdmission,
  startsInSeconds = Number.POSITIVE_INFINITY,
): AdmissionDecision {
  const there = load.copies > 0 ? load : { ...load, copies: Math.max(1, load.startingCopies), startingCopies: 0 };
  const expectedWaitSeconds = waitSeconds(there, capacity, settings.fullAt, startsInSeconds);
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
 * Seconds until the load has fallen to `fullAt`: what is too much, by the tokens a second that all copies give. Copies that
 * start help from `startsInSeconds` on. 0 where there is room. `Infinity` where no copy works and none starts.
 *
 * What is too much counts in the part of the reservations that is still to come: a request that is nearly done frees its
 * whole reservation soon.
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
  const roomWhenStarted = load.startingCopies > 0 && pressureOf(load, capacity, soon) <= fullAt;
  const left = Math.min(load.committedTokens, load.reservedTokens);
  const speed = load.copies * capacity.tokensPerSecond;
  const bySpeed = speed > 0 ? (left * (1 - fullAt / pressure)) / speed : Number.POSITIVE_INFINITY;
  if (roomWhenStarted) return Math.min(bySpeed, startsInSeconds);
  if (load.startingCopies === 0 || bySpeed <= startsInSeconds) return bySpeed;
  const done = startsInSeconds * speed;
  const tooMuch = left * (1 - fullAt / pressureOf(load, capacity, soon)) - done;
  return startsInSeconds + Math.max(0, tooMuch) / (soon * capacity.tokensPerSecond);
}

/** A wait as the header takes it: whole seconds, never 0, at most an hour; an hour also where nobody knows. */
export function retryAfterSeconds(seconds: number): number {
  if (Number.isNaN(seconds)) return MAX_RETRY_AFTER_SECONDS;
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(seconds)));
}
