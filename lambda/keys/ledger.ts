import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ApiError } from '../errors/api-error.ts';
import type { ItemTable } from '../storage/table.ts';
import { TableUnavailableError } from '../storage/table-unavailable-error.ts';
import type { Caller } from './key-record.ts';
import {
  admit,
  emptyUsage,
  type KeyUsageState,
  type Remaining,
  type Settlement,
  settle,
  type UsageDecision,
} from './key-usage-state.ts';

/** Attempts of the conditional write that admits a request, before the request is refused because of contention. */
const MAX_ADMIT_ATTEMPTS = 20;
/** Attempts of the conditional write that settles a request. More, because the usage would be lost, and no client waits. */
const MAX_SETTLE_ATTEMPTS = 60;
/** Time to live of a usage record, in seconds. */
const KEPT_SECONDS = 400 * 86_400;

/** Usage of a request, in tokens. */
export interface UsedTokens {
  readonly prompt: number;
  readonly cached: number;
  readonly thinking: number;
  readonly answer: number;
  /** Appended tokens. Those in the thinking count in `thinking`, too. */
  readonly forced: number;
  readonly probe: number;
  /** Tokens of samples that ended before their answer was complete. */
  readonly aborted: number;
  /** Of `prompt`: passages that were looked up, with what marks them. If omitted, none. */
  readonly retrieved?: number | undefined;
  /** Searches for passages. If omitted, none. */
  readonly searches?: number | undefined;
  /** What fallbacks of the model did of it, by their names. If omitted, nothing. */
  readonly elsewhere?: readonly UsedElsewhere[] | undefined;
}

type UsageRefusal = Extract<UsageDecision, { readonly admitted: false }>;

/** What a fallback did of a request, in tokens. */
export interface UsedElsewhere {
  readonly upstream: string;
  /** Prompt of the fallback's first call of each sample that it ran. */
  readonly prompt: number;
  /** Thinking, answer and aborted tokens. */
  readonly completion: number;
}

/** Usage of one model of a request that ran several. */
export interface UsedByModel extends UsedTokens {
  readonly model: string;
}

/** Who waits for a request: its client, or nobody while it runs in the background or in a batch. */
export const works = ['interactive', 'background', 'batch'] as const;
export type Work = (typeof works)[number];

export interface Reservation {
  readonly requestId: string;
  readonly model: string;
  /** Maximum of prompt, thinking and answer, over all samples. */
  readonly tokens: number;
  readonly leaseSeconds: number;
  /** @default 'interactive' */
  readonly work?: Work | undefined;
}

/** What `Ledger.reopen` needs of a reservation. Unix times, in seconds. */
export interface UsageTicket extends Omit<Reservation, 'leaseSeconds'> {
  readonly at: number;
  readonly until: number;
}

/** The reservation of an admitted request. */
export interface UsageReservation {
  readonly remaining: Remaining;
  /** By which another process can settle it. */
  readonly ticket: UsageTicket;
  /** Fields of the log, if the usage cannot be settled. */
  readonly request: { readonly request_id: string; readonly key: string; readonly model: string };
  /**
   * Settles the reservation with the actual usage. Later calls do nothing.
   *
   * @param further usage of the further models of a route, each of which becomes a record of its own. @default - none
   */
  settle(used: UsedTokens, further?: readonly UsedByModel[]): Promise<void>;
}

const usageRecordSchema = z.object({
  sk: z.string(),
  model: z.string(),
  status: z.enum(['reserved', 'settled']),
  until: z.int(),
  prompt: z.int().default(0),
  cached: z.int().default(0),
  thinking: z.int().default(0),
  answer: z.int().default(0),
  forced: z.int().default(0),
  probe: z.int().default(0),
  aborted: z.int().default(0),
  retrieved: z.int().default(0),
  searches: z.int().default(0),
  work: z.enum(works).default('interactive'),
  elsewhere: z.array(z.object({ upstream: z.string(), prompt: z.int(), completion: z.int() })).optional(),
});

/** Usage record of one request. */
export interface UsageRecord extends UsedTokens {
  readonly day: string;
  readonly key: string;
  readonly model: string;
  /** `lost` if its function died before it settled the request. */
  readonly status: 'running' | 'settled' | 'lost';
  readonly retrieved: number;
  readonly searches: number;
  readonly work: Work;
}

/** Enforces the limits of keys, and records the usage of every request: reserved at admission, settled at the end. */
export class Ledger {
  readonly #table: ItemTable;
  readonly #unixTime: () => number;

  constructor(table: ItemTable, unixTime: () => number) {
    this.#table = table;
    this.#unixTime = unixTime;
  }

  /**
   * Without a table, requests of a key with limits are refused, because the limits could be exceeded. Requests without limits are
   * served; `settle` then fails, and its caller logs the tokens.
   *
   * @throws {ApiError} 429 with Retry-After if a limit of the key is reached; 503 if the write contends with too many others
   * @throws {TableUnavailableError} if the key has limits
   */
  async admit(caller: Caller, reservation: Reservation): Promise<UsageReservation> {
    const at = this.#unixTime();
    const { leaseSeconds, ...reserved } = reservation;
    const ticket = { ...reserved, at, until: at + leaseSeconds };
    const { leased, limited } = kindOf(caller);
    const remaining = limited ? await this.#reserve(caller, reservation, at) : {};
    try {
      await this.#table.put({ ...recordOf(caller, ticket), status: 'reserved' });
    } catch (error) {
      if (limited || !(error instanceof TableUnavailableError)) {
        // The table may be back for this write. If not, the reservation ends with its lease.
        if (leased) await this.#settleLease(caller, ticket, 0).catch(() => undefined);
        throw error;
      }
    }
    return { ...this.reopen(caller, ticket), remaining };
  }

  /** The reservation of an admitted request, for a process that did not admit it. It reads and reserves nothing. */
  reopen(caller: Caller, ticket: UsageTicket): UsageReservation {
    let settled = false;
    return {
      remaining: {},
      ticket,
      request: { request_id: ticket.requestId, key: caller.id, model: ticket.model },
      settle: async (used, further = []) => {
        if (settled) return;
        settled = true;
        const record = recordOf(caller, ticket);
        const total = [used, ...further].reduce((sum, part) => sum + part.prompt + completionOf(part), 0);
        // Independent writes, the usage records and the key's limits: a failure of one must not skip the others.
        const results = await Promise.allSettled([
          this.#table.put({ ...record, status: 'settled', ...used }),
          ...further.map((part, index) =>
            this.#table.put({ ...record, sk: `${record.sk}+${index + 1}`, reserved: 0, status: 'settled', ...part }),
          ),
          ...(kindOf(caller).leased ? [this.#settleLease(caller, ticket, total)] : []),
        ]);
        const failure = results.find((result) => result.status === 'rejected');
        if (failure !== undefined) throw failure.reason;
      },
    };
  }

  async #settleLease(caller: Caller, { requestId, until, at }: UsageTicket, tokens: number): Promise<void> {
    await this.#settle(caller, { requestId, until, day: Math.floor(at / 86_400), tokens });
  }

  /**
   * Refuses a request of a key that has nothing left, before anything is done for it. Reads the state once, and reserves nothing:
   * `admit` decides.
   *
   * @param leastTokens lower bound of the request's tokens
   * @throws {ApiError} 429 with Retry-After if a limit of the key is reached
   * @throws {TableUnavailableError} if the key has limits
   */
  async refuseExhausted({ id, limits }: Caller, leastTokens: number): Promise<void> {
    if (
      limits.tokens_per_day === undefined &&
      limits.concurrent_requests === undefined &&
      limits.requests_per_minute === undefined
    ) {
      return;
    }
    const state = toState(await this.#table.get('STATE', id));
    const asked = { requestId: '', now: this.#unixTime(), tokens: leastTokens, leaseSeconds: 1, isLowerBound: true };
    const decision = admit(state, limits, asked);
    if (!decision.admitted) throw refusal(decision);
  }

  /** Usage records of the given days (`YYYY-MM-DD`, UTC), of one key or of all keys. */
  async *records(days: readonly string[], key?: string): AsyncGenerator<UsageRecord> {
    for (const day of days) {
      for await (const item of this.#table.query(`USAGE#${day}`, key === undefined ? '' : `${key}#`)) {
        const { sk, status, until, ...rest } = usageRecordSchema.parse(item);
        yield {
          day,
          key: sk.slice(0, sk.indexOf('#')),
          status: status === 'settled' ? status : until <= this.#unixTime() ? 'lost' : 'running',
          ...rest,
        };
      }
    }
  }

  async #reserve(caller: Caller, reservation: Reservation, now: number): Promise<Remaining> {
    const decision = await this.#change(caller.id, MAX_ADMIT_ATTEMPTS, (state) => {
      const result = admit(state, caller.limits, { ...reservation, now });
      return { result, state: result.admitted ? result.state : undefined };
    });
    if (decision.admitted) return decision.remaining;
    throw refusal(decision);
  }

  async #settle(caller: Caller, ended: Settlement): Promise<void> {
    await this.#change(caller.id, MAX_SETTLE_ATTEMPTS, (state) => ({
      result: undefined,
      state: settle(state, ended, this.#unixTime()),
    }));
  }

  /** Read, change, and conditional write of a key's state, with backoff if another function wrote in between. */
  async #change<Result>(
    keyId: string,
    maxAttempts: number,
    change: (state: KeyUsageState) => { readonly result: Result; readonly state: KeyUsageState | undefined },
  ): Promise<Result> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const item = await this.#table.get('STATE', keyId);
      const { result, state } = change(toState(item));
      if (state === undefined) return result;
      const version = item === undefined ? undefined : Number(item['version']);
      const next = { pk: 'STATE', sk: keyId, state: JSON.stringify(state) };
      if (await this.#table.putIfVersion(next, version)) return result;
      await sleep(Math.random() * 10 * 2 ** Math.min(attempt, 5));
    }
    throw new ApiError(503, 'Too many concurrent requests of this key. Retry the request.', {
      code: 'limits_contended',
      headers: { 'retry-after': '1' },
    });
  }
}

/** Whether requests of a key are limited, and whether they hold a lease until they are settled. */
function kindOf({ limits }: Caller): { readonly leased: boolean; readonly limited: boolean } {
  const leased = limits.tokens_per_day !== undefined || limits.concurrent_requests !== undefined;
  return { leased, limited: leased || limits.requests_per_minute !== undefined };
}

/** The usage record of a reservation, without its status. */
function recordOf({ id }: Caller, { requestId, model, tokens, at, until, work }: UsageTicket) {
  return {
    pk: `USAGE#${dayOf(at)}`,
    sk: `${id}#${requestId}`,
    model,
    until,
    ttl: at + KEPT_SECONDS,
    reserved: tokens,
    ...(work === undefined ? {} : { work }),
  };
}

const stateSchema: z.ZodType<KeyUsageState> = z.object({
  minute: z.int(),
  requests: z.int(),
  day: z.int(),
  tokens: z.int(),
  leases: z.record(z.string(), z.object({ until: z.number(), tokens: z.int(), day: z.int() })),
});

function toState(item: Awaited<ReturnType<ItemTable['get']>>): KeyUsageState {
  return item === undefined ? emptyUsage : stateSchema.parse(JSON.parse(String(item['state'])));
}

function refusal({ limit, message, retryAfterSeconds, remaining }: UsageRefusal): ApiError {
  return new ApiError(429, message, {
    code: limit === 'tokens_per_day' ? 'tokens_exceeded' : 'rate_limit_exceeded',
    headers: { 'retry-after': String(retryAfterSeconds), ...remainingHeaders(remaining) },
  });
}

/** Tokens of a request that the model generated for it, whether they are part of its answer or not. */
export function completionOf({ thinking, answer, probe, aborted }: UsedTokens): number {
  return thinking + answer + probe + aborted;
}

/** The UTC day of a time, as `YYYY-MM-DD`. */
export function dayOf(unixTime: number): string {
  return new Date(unixTime * 1_000).toISOString().slice(0, 10);
}

/** OpenAI's rate limit headers. Source: https://platform.openai.com/docs/guides/rate-limits */
export function remainingHeaders({ requests, tokens }: Remaining): Readonly<Record<string, string>> {
  return {
    ...(requests === undefined
      ? {}
      : {
          'x-ratelimit-limit-requests': String(requests.limit),
          'x-ratelimit-remaining-requests': String(requests.left),
          'x-ratelimit-reset-requests': `${requests.resetSeconds}s`,
        }),
    ...(tokens === undefined
      ? {}
      : {
          'x-ratelimit-limit-tokens': String(tokens.limit),
          'x-ratelimit-remaining-tokens': String(tokens.left),
          'x-ratelimit-reset-tokens': `${tokens.resetSeconds}s`,
        }),
  };
}
