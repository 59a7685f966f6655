import type { KeyLimits } from './key-record.ts';

/**
 * What a key has used of its limits, in one small record: so that one conditional write decides about all of them at once, and two
 * requests at the same instant cannot both take the last of anything.
 */
export interface KeyUsageState {
  /** The minute that `requests` counts. Unix time / 60. */
  readonly minute: number;
  readonly requests: number;
  /** The day that `tokens` counts. Unix time / 86,400. */
  readonly day: number;
  /** Settled tokens of the day. Reserved ones stand in the leases. */
  readonly tokens: number;
  /** Requests under way, by their ids. */
  readonly leases: Readonly<Record<string, UsageLease>>;
}

/** A request under way, and what it may still use. */
export interface UsageLease {
  /** Unix time after which it counts as dead. Seconds. */
  readonly until: number;
  /** Tokens that it may use. */
  readonly tokens: number;
  readonly day: number;
}

export const emptyUsage: KeyUsageState = { minute: 0, requests: 0, day: 0, tokens: 0, leases: {} };

export interface Admittance {
  readonly requestId: string;
  /** Unix time. Seconds. */
  readonly now: number;
  /** Prompt, thinking and answer at most. */
  readonly tokens: number;
  /** How long the request may take. Seconds. */
  readonly leaseSeconds: number;
}

export type UsageDecision =
  | { readonly admitted: true; readonly state: KeyUsageState; readonly remaining: Remaining }
  | {
      readonly admitted: false;
      readonly limit: 'requests_per_minute' | 'tokens_per_day' | 'concurrent_requests';
      readonly message: string;
      /** Seconds until it can succeed; for a concurrent limit, a guess. */
      readonly retryAfterSeconds: number;
      readonly remaining: Remaining;
    };

/** What is left, for the headers of a response. */
export interface Remaining {
  readonly requests?: { readonly limit: number; readonly left: number; readonly resetSeconds: number };
  readonly tokens?: { readonly limit: number; readonly left: number; readonly resetSeconds: number };
}

const MINUTE = 60;
const DAY = 86_400;
/** The most leases of a key: they stand in one item, which DynamoDB bounds to 400 KB, and each write costs by its size. */
const MAX_LEASES = 1_000;

/** Decides about one request, and reserves what it may use. Pure: the caller writes the state only if nobody else did. */
export function admit(before: KeyUsageState, limits: KeyLimits, request: Admittance): UsageDecision {
  const { now } = request;
  const state = current(before, now);
  const leases = Object.values(state.leases);
  const reserved = leases.filter((lease) => lease.day === state.day).reduce((sum, lease) => sum + lease.tokens, 0);
  const used = state.tokens + reserved;
  const refuse = (
    limit: 'requests_per_minute' | 'tokens_per_day' | 'concurrent_requests',
    message: string,
    retryAfterSeconds: number,
  ): UsageDecision => ({
    admitted: false,
    limit,
    message,
    retryAfterSeconds,
    remaining: remainingOf(limits, state.requests, used, now),
  });
  const { requests_per_minute: perMinute, tokens_per_day: perDay } = limits;
  const needsLease = perDay !== undefined || limits.concurrent_requests !== undefined;
  const concurrent = needsLease ? (limits.concurrent_requests ?? MAX_LEASES) : undefined;
  // A write whose answer was lost is tried again by the SDK, and then finds itself.
  if (state.leases[request.requestId] !== undefined) {
    return { admitted: true, state, remaining: remainingOf(limits, state.requests, used, now) };
  }
  if (perMinute !== undefined && state.requests >= perMinute) {
    return refuse(
      'requests_per_minute',
      `This key allows ${perMinute} requests a minute, and they are used up.`,
      MINUTE - (now % MINUTE),
    );
  }
  if (concurrent !== undefined && leases.length >= concurrent) {
    const first = Math.min(...leases.map((lease) => lease.until));
    return refuse(
      'concurrent_requests',
      `This key allows ${concurrent} requests at once, and so many run.`,
      Math.max(1, Math.min(5, first - now)),
    );
  }
  if (perDay !== undefined && used + request.tokens > perDay) {
    return refuse(
      'tokens_per_day',
      `This key allows ${perDay} tokens a day. ${used} are used or reserved, and this request may use ${request.tokens}. Ask for less thinking, or wait for the next day (UTC).`,
      DAY - (now % DAY),
    );
  }
  const lease: UsageLease = { until: now + request.leaseSeconds, tokens: request.tokens, day: state.day };
  const after = {
    ...state,
    requests: state.requests + 1,
    leases: needsLease ? { ...state.leases, [request.requestId]: lease } : state.leases,
  };
  return {
    admitted: true,
    state: after,
    remaining: remainingOf(limits, after.requests, used + request.tokens, now),
  };
}

/** A request that ends: what its lease was, and what it used. */
export interface Settlement {
  readonly requestId: string;
  /** As in its lease. */
  readonly until: number;
  /** The day of its admission. */
  readonly day: number;
  readonly tokens: number;
}

/**
 * Ends a request: what it used counts, what it reserved is free. What it used counts also where it outlived its lease and that was
 * reclaimed. `undefined` where its lease is gone before its time: it was settled before.
 */
export function settle(before: KeyUsageState, ended: Settlement, now: number): KeyUsageState | undefined {
  if (before.leases[ended.requestId] === undefined && now < ended.until) return undefined;
  const state = current(before, now);
  const { [ended.requestId]: _, ...leases } = state.leases;
  return { ...state, leases, tokens: state.tokens + (ended.day === state.day ? ended.tokens : 0) };
}

/** The state as it is now: a new minute and a new day begin at 0, dead leases are free. */
function current(state: KeyUsageState, now: number): KeyUsageState {
  const minute = Math.floor(now / MINUTE);
  const day = Math.floor(now / DAY);
  return {
    minute,
    requests: state.minute === minute ? state.requests : 0,
    day,
    tokens: state.day === day ? state.tokens : 0,
    leases: Object.fromEntries(Object.entries(state.leases).filter(([, lease]) => lease.until > now)),
  };
}

function remainingOf(limits: KeyLimits, requests: number, tokens: number, now: number): Remaining {
  const { requests_per_minute: perMinute, tokens_per_day: perDay } = limits;
  return {
    ...(perMinute === undefined
      ? {}
      : {
          requests: {
            limit: perMinute,
            left: Math.max(0, perMinute - requests),
            resetSeconds: MINUTE - (now % MINUTE),
          },
        }),
    ...(perDay === undefined
      ? {}
      : { tokens: { limit: perDay, left: Math.max(0, perDay - tokens), resetSeconds: DAY - (now % DAY) } }),
  };
}
