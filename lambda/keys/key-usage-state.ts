import type { KeyLimits } from './key-record.ts';

/**
 * Usage of a key against its limits. It is one small item, so that one conditional write checks all limits atomically: two
 * concurrent requests cannot both take the last unit of a limit.
 */
export interface KeyUsageState {
  /** Minute of the `requests` counter: Unix time / 60. */
  readonly minute: number;
  readonly requests: number;
  /** Day of the `tokens` counter: Unix time / 86,400. */
  readonly day: number;
  /** Settled tokens of the day. Reserved tokens are in the leases. */
  readonly tokens: number;
  /** Running requests, by their ids. */
  readonly leases: Readonly<Record<string, UsageLease>>;
}

/** A running request and its reservation. */
export interface UsageLease {
  /** Expiry, as Unix time in seconds. */
  readonly until: number;
  /** Reserved tokens. */
  readonly tokens: number;
  readonly day: number;
}

export const emptyUsage: KeyUsageState = { minute: 0, requests: 0, day: 0, tokens: 0, leases: {} };

/** A request to be checked against the limits of its key. */
export interface UsageRequest {
  readonly requestId: string;
  /** Unix time in seconds. */
  readonly now: number;
  /** Maximum of prompt, thinking and answer, in tokens. */
  readonly tokens: number;
  /** Maximum duration of the request, in seconds. */
  readonly leaseSeconds: number;
  /** Whether `tokens` is only a lower bound: the request is not encoded yet. @default false */
  readonly isLowerBound?: boolean;
}

export type UsageDecision =
  | { readonly admitted: true; readonly state: KeyUsageState; readonly remaining: Remaining }
  | {
      readonly admitted: false;
      readonly limit: 'requests_per_minute' | 'tokens_per_day' | 'concurrent_requests';
      readonly message: string;
      /** Seconds until a retry can succeed; for the concurrency limit, an estimate. */
      readonly retryAfterSeconds: number;
      readonly remaining: Remaining;
    };

/** Remaining quota, for the response headers. */
export interface Remaining {
  readonly requests?: { readonly limit: number; readonly left: number; readonly resetSeconds: number };
  readonly tokens?: { readonly limit: number; readonly left: number; readonly resetSeconds: number };
}

const MINUTE = 60;
const DAY = 86_400;
/** Maximum leases of a key. They share one item, which DynamoDB limits to 400 KB, and whose size determines the write cost. */
const MAX_LEASES = 1_000;

/** Decides on one request and reserves its tokens. Pure: the caller writes the returned state with a conditional write. */
export function admit(before: KeyUsageState, limits: KeyLimits, request: UsageRequest): UsageDecision {
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
  // If the response to a write is lost, the SDK retries the write, and the retry finds the lease of the first attempt.
  if (state.leases[request.requestId] !== undefined) {
    return { admitted: true, state, remaining: remainingOf(limits, state.requests, used, now) };
  }
  if (perMinute !== undefined && state.requests >= perMinute) {
    return refuse(
      'requests_per_minute',
      `This key allows ${perMinute} requests per minute, and all of them are used.`,
      MINUTE - (now % MINUTE),
    );
  }
  if (concurrent !== undefined && leases.length >= concurrent) {
    const first = Math.min(...leases.map((lease) => lease.until));
    return refuse(
      'concurrent_requests',
      `This key allows ${concurrent} concurrent requests, and ${leases.length} are running.`,
      Math.max(1, Math.min(5, first - now)),
    );
  }
  if (perDay !== undefined && used + request.tokens > perDay) {
    return refuse(
      'tokens_per_day',
      `This key allows ${perDay} tokens per day. ${used} are used or reserved, and this request ${request.isLowerBound === true ? 'has at least' : 'may use'} ${request.tokens}. Request less thinking, or retry on the next day (UTC).`,
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

/** The end of a request: its lease and its usage. */
export interface Settlement {
  readonly requestId: string;
  /** Expiry of the lease. */
  readonly until: number;
  /** Day of the admission. */
  readonly day: number;
  /** Used tokens. */
  readonly tokens: number;
}

/**
 * Settles a request: counts the used tokens and frees the reservation. The used tokens also count if the request outlived its
 * lease. Returns `undefined` if the lease is gone before its expiry, because the request was already settled.
 */
export function settle(before: KeyUsageState, ended: Settlement, now: number): KeyUsageState | undefined {
  if (before.leases[ended.requestId] === undefined && now < ended.until) return undefined;
  const state = current(before, now);
  const { [ended.requestId]: _, ...leases } = state.leases;
  return { ...state, leases, tokens: state.tokens + (ended.day === state.day ? ended.tokens : 0) };
}

/** The state at `now`: counters of a past minute or day are 0, expired leases are removed. */
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
