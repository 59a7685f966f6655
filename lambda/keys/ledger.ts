import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ApiError } from '../errors/api-error.ts';
import type { ItemTable } from '../storage/table.ts';
import type { Caller } from './key-record.ts';
import { admit, emptyUsage, type KeyUsageState, type Remaining, type Settlement, settle } from './key-usage-state.ts';

/** Tries to write a key's state before a request is turned away: so many requests of one key at the same instant are rare. */
const TRIES_TO_ADMIT = 20;
/** What was used is known nowhere else, and nobody waits for it. */
const TRIES_TO_SETTLE = 60;
/** How long a request stays in the table. Seconds. */
const KEPT_SECONDS = 400 * 86_400;

/** What a request used. Tokens. */
export interface UsedTokens {
  readonly prompt: number;
  readonly cached: number;
  readonly thinking: number;
  readonly answer: number;
  readonly forced: number;
}

export interface Reservation {
  readonly requestId: string;
  readonly model: string;
  /** Prompt, thinking and answer at most, over all samples. */
  readonly tokens: number;
  readonly leaseSeconds: number;
}

/** A request that was let in. */
export interface UsageReservation {
  readonly remaining: Remaining;
  /** Ends it, once; later calls do nothing. */
  settle(used: UsedTokens): Promise<void>;
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
});

/** One request in the ledger. */
export interface UsageRecord extends UsedTokens {
  readonly day: string;
  readonly key: string;
  readonly model: string;
  /** `lost`: its function died before it could say what was used. */
  readonly status: 'running' | 'settled' | 'lost';
}

/** UsageDecision by the limits of keys, and the account of every request: written when it is let in, completed when it ends. */
export class Ledger {
  readonly #table: ItemTable;
  readonly #unixTime: () => number;

  constructor(table: ItemTable, unixTime: () => number) {
    this.#table = table;
    this.#unixTime = unixTime;
  }

  /** @throws {ApiError} 429 with Retry-After where a limit of the key is reached; 503 where too many ask at once. */
  async admit(caller: Caller, reservation: Reservation): Promise<UsageReservation> {
    const { tokens_per_day: perDay, concurrent_requests: concurrent, requests_per_minute: perMinute } = caller.limits;
    const leased = perDay !== undefined || concurrent !== undefined;
    const at = this.#unixTime();
    const remaining = leased || perMinute !== undefined ? await this.#take(caller, reservation, at) : {};
    const { requestId } = reservation;
    const until = at + reservation.leaseSeconds;
    const record = {
      pk: `USAGE#${dayOf(at)}`,
      sk: `${caller.id}#${requestId}`,
      model: reservation.model,
      until,
      ttl: at + KEPT_SECONDS,
      reserved: reservation.tokens,
    };
    const give = async (tokens: number) => {
      if (leased) await this.#give(caller, { requestId, until, day: Math.floor(at / 86_400), tokens });
    };
    try {
      await this.#table.put({ ...record, status: 'reserved' });
    } catch (error) {
      await give(0);
      throw error;
    }
    let settled = false;
    return {
      remaining,
      settle: async (used) => {
        if (settled) return;
        settled = true;
        // Neither may keep the other from being tried: one is the account, the other the key's limits.
        const results = await Promise.allSettled([
          this.#table.put({ ...record, status: 'settled', ...used }),
          give(used.prompt + used.thinking + used.answer),
        ]);
        const failure = results.find((result) => result.status === 'rejected');
        if (failure !== undefined) throw failure.reason;
      },
    };
  }

  /** The requests of some days (`YYYY-MM-DD`, UTC), of one key or of all. */
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

  async #take(caller: Caller, reservation: Reservation, now: number): Promise<Remaining> {
    const admission = await this.#change(caller.id, TRIES_TO_ADMIT, (state) => {
      const result = admit(state, caller.limits, { ...reservation, now });
      return { result, state: result.admitted ? result.state : undefined };
    });
    if (admission.admitted) return admission.remaining;
    throw new ApiError(429, admission.message, {
      code: admission.limit === 'tokens_per_day' ? 'tokens_exceeded' : 'rate_limit_exceeded',
      headers: { 'retry-after': String(admission.retryAfterSeconds), ...remainingHeaders(admission.remaining) },
    });
  }

  async #give(caller: Caller, ended: Settlement): Promise<void> {
    await this.#change(caller.id, TRIES_TO_SETTLE, (state) => ({
      result: undefined,
      state: settle(state, ended, this.#unixTime()),
    }));
  }

  /** Reads a key's state and writes what follows from it, unless somebody else wrote in between: then again. */
  async #change<Result>(
    keyId: string,
    tries: number,
    change: (state: KeyUsageState) => { readonly result: Result; readonly state: KeyUsageState | undefined },
  ): Promise<Result> {
    for (let attempt = 0; attempt < tries; attempt++) {
      const item = await this.#table.get('STATE', keyId);
      const before = item === undefined ? emptyUsage : stateSchema.parse(JSON.parse(String(item['state'])));
      const { result, state } = change(before);
      if (state === undefined) return result;
      const version = item === undefined ? undefined : Number(item['version']);
      const next = { pk: 'STATE', sk: keyId, state: JSON.stringify(state) };
      if (await this.#table.putIfVersion(next, version)) return result;
      await sleep(Math.random() * 10 * 2 ** Math.min(attempt, 5));
    }
    throw new ApiError(503, 'Too many requests of this key came at the same instant. Try again.', {
      code: 'limits_contended',
      headers: { 'retry-after': '1' },
    });
  }
}

const stateSchema: z.ZodType<KeyUsageState> = z.object({
  minute: z.int(),
  requests: z.int(),
  day: z.int(),
  tokens: z.int(),
  leases: z.record(z.string(), z.object({ until: z.number(), tokens: z.int(), day: z.int() })),
});

/** `YYYY-MM-DD` in UTC. */
export function dayOf(unixTime: number): string {
  return new Date(unixTime * 1_000).toISOString().slice(0, 10);
}

/** Source: https://platform.openai.com/docs/guides/rate-limits */
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
