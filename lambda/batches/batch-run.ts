import { loggableError } from '../errors/loggable-error.ts';
import type { Caller } from '../keys/key-record.ts';
import { enter } from './batch-store.ts';
import { writeOutput } from './finalize.ts';
import { lineId, responseLine } from './line-result.ts';
import type { InputLine } from './read-input.ts';
import type { BatchRecord, FinalStatus, LineRecord } from './records.ts';
import type { LineOutcome } from './run-line.ts';
import type { Slots } from './slots.ts';
import { isOpen, mayWake } from './windows.ts';
import type { WorkerOptions } from './worker-options.ts';

/** Duration of a worker's lease on a batch, in seconds. */
export const LEASE_SECONDS = 60;
/** Interval between two renewals, which also write the progress and read whether the batch was cancelled, in milliseconds. */
const RENEW_MS = 2_000;
/** Time within which a change of the key's limits takes effect, in seconds. */
const CALLER_SECONDS = 15;
/** Time before the end of a lease from which a run that could not renew it ends, in seconds. */
const LEASE_MARGIN_SECONDS = 20;
/** Attempts of an operation of the stores, and the wait after the first, in milliseconds. */
const MAX_STORE_ATTEMPTS = 4;
const STORE_WAIT_MS = 1_000;
const NEVER = new AbortController().signal;
/** Attempts of a line whose model or service fails. */
const MAX_ATTEMPTS = 3;
/** Wait after a failed attempt, in seconds. */
const FAILED_WAIT = 5;
/** Longest wait that a worker stays for, in seconds. For a longer one, it gives the batch back. */
const MAX_STAY = 30;
/** Time after which a closed window is looked at again, in seconds. */
const WINDOW_SECONDS = 60;
/** Interval in which a machine without room is looked at, in milliseconds. */
const ROOM_MS = 500;

/** How long a run may last. */
export interface RunLimits {
  /** Unix time from which no further line starts, in seconds. If omitted, none. */
  readonly startUntil?: number | undefined;
  /** Aborts the lines that run. */
  readonly signal: AbortSignal;
}

/** Why a run starts no further lines. */
type Stop = 'fenced' | 'cancelled' | 'expired' | 'time' | 'pause' | 'aborted';

/** One worker at one batch that it has claimed: starts its lines, keeps their results, and ends it. */
export class BatchRun {
  readonly #options: WorkerOptions;
  readonly #slots: Slots;
  readonly #worker: string;
  readonly #input: readonly InputLine[];
  #caller: Caller;
  #callerAt: number;
  readonly #limits: RunLimits;
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #lines: Map<number, LineRecord>;
  readonly #pending: number[];
  #record: BatchRecord;
  #pauseUntil = 0;
  #stop: Stop | undefined;
  #failure: unknown;

  constructor(
    record: BatchRecord,
    given: {
      readonly input: readonly InputLine[];
      readonly lines: ReadonlyMap<number, LineRecord>;
      readonly caller: Caller;
    },
    worker: { readonly id: string; readonly slots: Slots; readonly options: WorkerOptions; readonly limits: RunLimits },
  ) {
    this.#record = record;
    this.#input = given.input;
    this.#caller = given.caller;
    this.#callerAt = worker.options.unixTime();
    this.#lines = new Map(given.lines);
    this.#worker = worker.id;
    this.#slots = worker.slots;
    this.#options = worker.options;
    this.#limits = worker.limits;
    this.#pending = given.input.flatMap((_, index) => (given.lines.get(index)?.result === undefined ? [index] : []));
  }

  /**
   * Runs lines until all have a result, the batch is cancelled or expires, the time is over, or its key or the copies have no room. Returns
   * the status in which the batch ended; `undefined` if it has not.
   *
   * @throws what the stores throw; the batch is then taken up again after its lease
   */
  async run(): Promise<FinalStatus | undefined> {
    const aborted = () => this.#end('aborted', true);
    this.#limits.signal.addEventListener('abort', aborted, { once: true });
    const renewing = setInterval(() => void this.#renew().catch((error: unknown) => this.#notRenewed(error)), RENEW_MS);
    try {
      await this.#startLines();
      await Promise.all(this.#running);
      if (this.#failure !== undefined) {
        // If the stores are still in trouble, the lease runs out.
        await this.#giveBack().catch(() => undefined);
        throw this.#failure;
      }
      if (this.#stop === 'fenced') return undefined;
      if (this.#stop === 'cancelled' || this.#stop === 'expired') return await this.#finish(this.#stop);
      if (this.#pending.length === 0) return await this.#finish('completed');
      await this.#giveBack();
      return undefined;
    } finally {
      clearInterval(renewing);
      this.#limits.signal.removeEventListener('abort', aborted);
    }
  }

  async #startLines(): Promise<void> {
    if (this.#limits.signal.aborted) this.#end('aborted', true);
    this.#look();
    while (this.#stop === undefined && (this.#pending.length > 0 || this.#running.size > 0)) {
      const waitMs = this.#waitMs();
      if (this.#pending.length === 0) {
        await Promise.race(this.#running);
      } else if (waitMs > 0) {
        await this.#options.sleep(waitMs, this.#abort.signal).catch(() => undefined);
      } else {
        const release = await this.#slots.acquire();
        // The wait may have been long.
        this.#look();
        const index = this.#stop === undefined && this.#waitMs() === 0 ? this.#pending.shift() : undefined;
        if (index === undefined) release();
        else this.#begin(index, release);
      }
      this.#look();
    }
  }

  /** Stops if the batch expired, the time is over, or there is a long wait. */
  #look(): void {
    const now = this.#options.unixTime();
    const { startUntil = Number.POSITIVE_INFINITY } = this.#limits;
    if (this.#record.status === 'cancelling') this.#end('cancelled', true);
    else if (now >= this.#record.expires) this.#end('expired', true);
    else if (this.#pending.length > 0 && now >= startUntil) this.#end('time', false);
    else if (this.#pending.length > 0 && !isOpen(this.#options.rules, now)) {
      this.#pauseUntil = Math.max(this.#pauseUntil, now + WINDOW_SECONDS);
      this.#end('pause', false);
    } else if (this.#pauseUntil > now + MAX_STAY) this.#end('pause', false);
  }

  /** Time until a line may start, in milliseconds. */
  #waitMs(): number {
    const pause = (this.#pauseUntil - this.#options.unixTime()) * 1_000;
    return pause > 0 ? pause : this.#options.hasRoom?.() === false ? ROOM_MS : 0;
  }

  #end(stop: Stop, abort: boolean): void {
    this.#stop ??= stop;
    if (abort) this.#abort.abort(new Error(`The run of the batch ended: ${stop}.`));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#end('fenced', true);
  }

  #begin(index: number, release: () => void): void {
    const line = this.#runLine(index)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        release();
        this.#running.delete(line);
      });
    this.#running.add(line);
  }

  async #runLine(index: number): Promise<void> {
    const { store, run, rules, unixTime } = this.#options;
    const { id, endpoint, created } = this.#record;
    const line = this.#input[index];
    if (line === undefined) return;
    const attempts = this.#lines.get(index)?.attempts ?? 0;
    // A worker that was killed may have written the result, and not the item.
    const before = await this.#persist(async () => await store.result(id, index));
    if (before !== undefined) return await this.#keep(index, attempts);
    const requestId = `${id}-${index}`;
    const origin = { caller: this.#caller, requestId, priority: { mayWake: mayWake(rules, created, unixTime()) } };
    let outcome: LineOutcome;
    try {
      outcome = await run({ endpoint, body: line.body, origin, signal: this.#abort.signal });
    } catch (error) {
      if (this.#abort.signal.aborted) {
        this.#pending.unshift(index);
        return;
      }
      this.#options.log('warn', 'line of a batch broke off', {
        batch: id,
        request_id: requestId,
        ...loggableError(error),
      });
      outcome = { kind: 'failed', status: 502, requestId, body: brokenOff };
    }
    if (outcome.kind === 'later') {
      this.#pending.unshift(index);
      this.#pauseUntil = Math.max(this.#pauseUntil, unixTime() + outcome.afterSeconds);
      return;
    }
    if (outcome.kind === 'failed' && attempts + 1 < MAX_ATTEMPTS) {
      await this.#putLine(index, { attempts: attempts + 1 });
      this.#pending.push(index);
      this.#pauseUntil = Math.max(this.#pauseUntil, unixTime() + FAILED_WAIT);
      return;
    }
    const text = responseLine(lineId(id, index), line, outcome);
    if (await this.#persist(async () => await store.putResult(id, index, text)))
      await this.#putLine(index, { result: fileOf(outcome.status), attempts: attempts + 1 });
    else await this.#keep(index, attempts + 1);
  }

  /** Notes that a line has a result: the one that is stored, whichever worker wrote it. */
  async #keep(index: number, attempts: number): Promise<void> {
    const bytes = await this.#persist(async () => await this.#options.store.result(this.#record.id, index));
    const stored = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as StoredResult;
    await this.#putLine(index, { result: fileOf(stored.response.status_code), attempts });
  }

  async #putLine(index: number, line: LineRecord): Promise<void> {
    this.#lines.set(index, line);
    await this.#persist(async () => await this.#options.store.putLine(this.#record.id, index, line));
  }

  /** Repeats an operation of the stores that fails: a response that was paid for shall not be lost to a short outage. */
  async #persist<Result>(operation: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await operation();
      } catch (error) {
        if (attempt === MAX_STORE_ATTEMPTS) throw error;
        await this.#options.sleep(STORE_WAIT_MS * attempt, NEVER);
      }
    }
  }

  /** Renews the lease, writes the progress, and reads whether the batch was cancelled. */
  async #renew(): Promise<void> {
    const until = this.#options.unixTime() + LEASE_SECONDS;
    await this.#change((record) => ({ ...record, lease: { worker: this.#worker, until } }));
    await this.#renewCaller();
    this.#look();
  }

  /** Reads the limits of the key again. If it is not valid any more, the next worker that takes the batch up ends it. */
  async #renewCaller(): Promise<void> {
    const { callerOf, unixTime } = this.#options;
    if (unixTime() - this.#callerAt < CALLER_SECONDS) return;
    this.#callerAt = unixTime();
    const caller = await callerOf(this.#record.key);
    if (caller === undefined) this.#end('pause', true);
    else this.#caller = caller;
  }

  /** Goes on as long as no other worker can take the batch up. */
  #notRenewed(error: unknown): void {
    const until = this.#record.lease?.until ?? 0;
    if (this.#options.unixTime() >= until - LEASE_MARGIN_SECONDS) this.#fail(error);
    else this.#options.log('warn', 'lease of a batch not renewed', { batch: this.#record.id, ...loggableError(error) });
  }

  /** Changes the record if this worker still has the lease; otherwise, the run is over. */
  async #change(change: (record: BatchRecord) => BatchRecord): Promise<void> {
    const { key, id } = this.#record;
    const changed = await this.#options.store.change(key, id, (record) =>
      record.lease?.worker === this.#worker ? change({ ...record, counts: this.#counts() }) : undefined,
    );
    if (changed === undefined) this.#end('fenced', true);
    else this.#record = changed;
  }

  #counts(): BatchRecord['counts'] {
    const of = (kind: LineRecord['result']) => [...this.#lines.values()].filter(({ result }) => result === kind).length;
    return { total: this.#input.length, completed: of('output'), failed: of('error') };
  }

  async #finish(status: FinalStatus): Promise<FinalStatus | undefined> {
    const now = this.#options.unixTime();
    if (status === 'completed') await this.#change((record) => enter(record, 'finalizing', now));
    if (this.#stop === 'fenced') return undefined;
    const record = { ...this.#record, counts: this.#counts() };
    const because = status === 'expired' ? 'batch_expired' : 'batch_cancelled';
    const written = await writeOutput(record, this.#input, this.#lines, because, this.#options);
    const unfinished =
      status === 'completed' ? 0 : record.counts.total - record.counts.completed - record.counts.failed;
    await this.#change((before) => ({
      ...enter({ ...before, ...written }, status, this.#options.unixTime()),
      counts: { ...record.counts, failed: record.counts.failed + unfinished },
    }));
    return this.#record.status === status ? status : undefined;
  }

  /** Lets another run take the batch up, not before there may be room. */
  async #giveBack(): Promise<void> {
    const after = this.#pauseUntil > this.#options.unixTime() ? { after: this.#pauseUntil } : {};
    await this.#change(({ lease: _, ...record }) => ({ ...record, ...after }));
  }
}

/** The file that a response belongs to. */
function fileOf(status: number): NonNullable<LineRecord['result']> {
  return status < 400 ? 'output' : 'error';
}

interface StoredResult {
  readonly response: { readonly status_code: number };
}

const brokenOff = JSON.stringify({
  error: { message: 'The response broke off.', type: 'server_error', param: null, code: 'broken_off' },
});
