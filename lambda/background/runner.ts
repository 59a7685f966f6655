import type { AppDependencies } from '../context.ts';
import { type ApiError, toApiError } from '../errors/api-error.ts';
import { logFailure } from '../errors/log.ts';
import type { Continuation } from '../generation/continuation.ts';
import type { GenerationEvent } from '../generation/generation.ts';
import type { JournalEntry } from '../generation/journal.ts';
import type { GenerationRequest } from '../generation/request.ts';
import { startGeneration } from '../generation/start-generation.ts';
import type { UsedTokens } from '../keys/ledger.ts';
import { NoCapacityError } from '../upstream/errors.ts';
import type { BackgroundDialect, DialectEvent, ResponseWriter, WrittenEnd } from './background-dialect.ts';
import { FLUSH_TOKENS, MAX_FLUSH_SECONDS } from './flush-rule.ts';
import type { EndRecord, ProgressRecord } from './log-record.ts';
import { LogWriter, SupersededError } from './log-writer.ts';
import type { ResponseStore, StoredRequest } from './response-store.ts';
import {
  isFinal,
  type ResponsePointer,
  type ResponseStatus,
  type StoredResponse,
  toFailure,
} from './stored-response.ts';
import { isTemporary, nextWait } from './wait-rule.ts';

export interface RunnerOptions {
  readonly store: ResponseStore;
  readonly dependencies: AppDependencies;
  readonly dialects: Readonly<Record<StoredResponse['dialect'], BackgroundDialect>>;
  /** Longest time of a segment of work, in milliseconds. */
  readonly segmentMs: number;
  /** Longest time from the request to the end of its response, in seconds. */
  readonly maxSeconds: number;
  /** Longest wait for a place, in seconds. */
  readonly maxWaitSeconds: number;
}

/** What follows a segment of work. */
export type StepOutcome =
  | { readonly kind: 'ended'; readonly status: ResponseStatus | 'deleted' }
  /** The time of the segment is over. Tokens are thinking and answer so far. */
  | { readonly kind: 'continues'; readonly tokens: number }
  /** There is no place for it now. */
  | { readonly kind: 'waits'; readonly seconds: number; readonly code: string }
  /** Another step of work runs it. */
  | { readonly kind: 'superseded' };

/** Reason of the signal that leaves a generation which another segment continues. */
class LeftError extends Error {
  override readonly name = 'LeftError';
}

/** Runs responses in the background, segment by segment. Each segment continues from what the log has, whoever wrote it. */
export class BackgroundRunner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs one segment of a response.
   *
   * @param signal leaves the segment, for instance since the process stops: another one continues
   * @throws {TableUnavailableError | ObjectsUnavailableError} if what it wrote cannot be kept: run it again
   */
  async step(pointer: ResponsePointer, signal: AbortSignal): Promise<StepOutcome> {
    const { store, dependencies } = this.#options;
    const stored = await store.findAny(pointer);
    if (stored === undefined) return { kind: 'ended', status: 'deleted' };
    const { status } = stored;
    if (status !== 'queued' && status !== 'in_progress' && status !== 'cancelled') {
      // A step that ended the response, and could not tell the webhook, is run again.
      await notifyEnd(dependencies, pointer, status);
      return { kind: 'ended', status };
    }
    const log = await LogWriter.claim(store, stored, dependencies.newId());
    const request = await store.request(pointer);
    return await new Step(this.#options, stored, request, log).run(signal);
  }
}

/** One segment of work on a response. */
class Step {
  readonly #options: RunnerOptions;
  readonly #stored: StoredResponse;
  readonly #request: StoredRequest;
  readonly #log: LogWriter;
  readonly #dialect: BackgroundDialect;
  readonly #abort = new AbortController();
  #entries: JournalEntry[] = [];
  #events: DialectEvent[] = [];
  #unwritten = 0;
  #taken = 0;
  #tokens = { thinking: 0, answer: 0 };
  #writing: Promise<void> = Promise.resolve();
  #generation: GenerationRequest | undefined;
  #writer: ResponseWriter | undefined;
  #used: UsedTokens | undefined;
  #progressed = false;
  #started = false;

  constructor(options: RunnerOptions, stored: StoredResponse, request: StoredRequest, log: LogWriter) {
    this.#options = options;
    this.#stored = stored;
    this.#request = request;
    this.#log = log;
    this.#dialect = options.dialects[stored.dialect];
  }

  async run(signal: AbortSignal): Promise<StepOutcome> {
    const { end } = this.#log;
    if (end !== undefined) return await this.#closed(end);
    const leave = () => this.#abort.abort(new LeftError('The process stops.'));
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    const segment = setTimeout(
      () => this.#abort.abort(new LeftError('The time of the segment is over.')),
      this.#options.segmentMs,
    );
    try {
      return await this.#generate();
    } catch (error) {
      return await this.#failed(error);
    } finally {
      clearTimeout(segment);
      signal.removeEventListener('abort', leave);
    }
  }

  async #generate(): Promise<StepOutcome> {
    const { dependencies } = this.#options;
    this.#generation = this.#dialect.toGeneration(this.#request, dependencies);
    const run = await startGeneration(
      withoutOwnDeadline(this.#generation),
      { ...withoutShutdown(dependencies), requestTimeoutMs: Math.max(1, this.#leftMs()), capacityWaitMs: 0 },
      {
        requestId: this.#stored.id,
        caller: this.#request.caller,
        signal: this.#abort.signal,
        work: 'background',
        continuation: await this.#continuation(),
      },
    );
    const { tools } = this.#generation;
    const writer = this.#dialect.writer(this.#stored, this.#request, { ...run, tools });
    this.#writer = writer;
    const flushing = setInterval(() => this.#flushOrStop(), MAX_FLUSH_SECONDS * 1_000);
    const done = await this.#read(run.events, writer, run.tokensSoFar).finally(() => clearInterval(flushing));
    return await this.#end(writer.end(done, dependencies.unixTime()));
  }

  /** Reads the generation to its end. What the log has already is not written again. */
  async #read(
    events: AsyncGenerator<{ readonly value: GenerationEvent }>,
    writer: ResponseWriter,
    tokensSoFar: () => ProgressRecord['tokens'],
  ): Promise<Extract<GenerationEvent, { kind: 'done' }>> {
    let done: Extract<GenerationEvent, { kind: 'done' }> | undefined;
    for await (const { value } of events) {
      if (value.kind === 'waiting') continue;
      if (value.kind === 'done') {
        // The generator ends by itself, and settles.
        done = value;
        continue;
      }
      const made = writer.take(value);
      this.#taken++;
      if (this.#taken <= this.#log.taken) continue;
      if (this.#taken === 1 && !this.#log.begun) this.#events.push(...writer.begin());
      this.#tokens = tokensSoFar();
      this.#events.push(...made);
      if (this.#unwritten >= FLUSH_TOKENS) await this.#flush();
    }
    if (done === undefined) throw new Error('The generation ended without an account.');
    return done;
  }

  async #continuation(): Promise<Continuation> {
    const { store } = this.#options;
    return {
      begun: await store.begun(this.#stored),
      begin: async (begun) => await store.begin(this.#stored, begun),
      journal: {
        past: this.#log.entries,
        record: (entry) => {
          this.#entries.push(entry);
          this.#unwritten += tokensOf(entry);
        },
      },
      onUsage: (used) => {
        this.#used = used;
      },
    };
  }

  /** The response has a place, and a model works on it. */
  async #start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    if (this.#stored.status === 'in_progress' && this.#stored.waiting === undefined) return;
    await this.#options.store.change(this.#stored, (stored) => {
      const { waiting: _, ...rest } = stored;
      return isFinal(stored.status) ? undefined : { ...rest, status: 'in_progress' };
    });
  }

  #flushOrStop(): void {
    this.#flush().catch((error: unknown) => this.#abort.abort(error));
  }

  /** Writes what came since the last time. Without anything, checks that no other step or end came meanwhile. */
  async #flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const [entries, events] = [this.#entries, this.#events];
      if (entries.length === 0 && events.length === 0) {
        await this.#log.check();
        return;
      }
      this.#entries = [];
      this.#events = [];
      this.#unwritten = 0;
      // Replayed events are not counted twice.
      const taken = Math.max(this.#taken, this.#log.taken);
      await this.#log.progress({ entries, events, taken, tokens: this.#tokens });
      this.#progressed ||= entries.some((entry) => tokensOf(entry) > 0);
      if (this.#progressed) await this.#start();
    });
    await this.#writing;
  }

  async #end({ status, events, body }: WrittenEnd, failure?: EndRecord['failure']): Promise<StepOutcome> {
    await this.#flush();
    const { store, dependencies } = this.#options;
    const result = await store.putContent(this.#stored, `result-${dependencies.newId()}`, body);
    return await this.#closed(await this.#log.finish({ status, failure, used: this.#used, result }, events));
  }

  /** The log has ended: the usage is settled, and the item follows. */
  async #closed(end: EndRecord): Promise<StepOutcome> {
    await this.#settleUsage(end);
    const { status, result, failure } = end;
    const changed = await this.#options.store.change(this.#stored, ({ waiting: _, ...stored }) => ({
      ...stored,
      status,
      result,
      ...(failure === undefined ? {} : { failure }),
    }));
    if (changed?.deleted === true) await this.#options.store.delete(this.#stored);
    else if (changed !== undefined) await notifyEnd(this.#options.dependencies, this.#stored, status);
    return { kind: 'ended', status: changed === undefined || changed.deleted === true ? 'deleted' : status };
  }

  /** Settles the usage: with what this step knows, with what the end says, or with the tokens of the last record. */
  async #settleUsage({ used }: EndRecord): Promise<void> {
    const { store, dependencies } = this.#options;
    const begun = await store.begun(this.#stored);
    if (begun?.ticket === undefined) return;
    const { thinking, answer } = this.#log.tokens;
    const aborted = { ...noTokens, prompt: begun.promptTokens, aborted: thinking + answer };
    await dependencies.ledger?.reopen(this.#request.caller, begun.ticket).settle(used ?? this.#used ?? aborted);
  }

  async #failed(error: unknown): Promise<StepOutcome> {
    const reason: unknown = this.#abort.signal.aborted ? this.#abort.signal.reason : error;
    if (reason instanceof SupersededError) {
      const { record } = reason;
      return record.kind === 'end' ? await this.#closed(record) : { kind: 'superseded' };
    }
    try {
      if (reason instanceof LeftError) {
        await this.#flush();
        return { kind: 'continues', tokens: this.#tokens.thinking + this.#tokens.answer };
      }
      const failure = await this.#explained(reason);
      if (isTemporary(reason, failure)) {
        await this.#flush();
        const waits = await this.#wait(failure);
        if (waits !== undefined) return waits;
      }
      logFailure(this.#options.dependencies.log, this.#stored.id, failure);
      const described = toFailure(failure);
      return await this.#end(
        this.#dialect.failed(this.#stored, this.#request, described, this.#writer?.output ?? []),
        described,
      );
    } catch (late) {
      if (!(late instanceof SupersededError)) throw late;
      return late.record.kind === 'end' ? await this.#closed(late.record) : { kind: 'superseded' };
    }
  }

  /** The error for the client. Missing capacity is explained by SageMaker's own reason, if it gives one. */
  async #explained(error: unknown): Promise<ApiError> {
    const failure = toApiError(error);
    if (!(error instanceof NoCapacityError)) return failure;
    const { zeroCopies } = this.#options.dependencies;
    const reason = zeroCopies?.get(this.#generation?.model.settings.id ?? '')?.failure;
    if (reason === undefined) return failure;
    return toApiError(new NoCapacityError(`${error.publicMessage} SageMaker’s reason: ${reason}`, { cause: error }));
  }

  async #wait(failure: ApiError): Promise<StepOutcome | undefined> {
    const { store, dependencies, maxWaitSeconds } = this.#options;
    const now = dependencies.unixTime();
    if (this.#leftMs() <= 0) return undefined;
    const before = this.#progressed ? undefined : this.#stored.waiting;
    const waiting = nextWait(before, failure, now, maxWaitSeconds);
    if (waiting === undefined) return undefined;
    await store.change(this.#stored, (stored) => (isFinal(stored.status) ? undefined : { ...stored, waiting }));
    return { kind: 'waits', seconds: Math.max(1, waiting.retryAt - now), code: waiting.code };
  }

  /** Time until the response must be complete, in milliseconds. */
  #leftMs(): number {
    const { dependencies, maxSeconds } = this.#options;
    const own = this.#generation?.thinking.deadlineMs ?? Number.POSITIVE_INFINITY;
    const limitMs = Math.min(maxSeconds * 1_000, own);
    return (this.#stored.created - dependencies.unixTime()) * 1_000 + limitMs;
  }
}

/** Tells the webhook of the key. A step that is run again tells it again, with the same id. */
async function notifyEnd(
  { webhooks }: Pick<AppDependencies, 'webhooks'>,
  { key, id }: ResponsePointer,
  status: EndRecord['status'],
): Promise<void> {
  await webhooks?.notify(key, { type: `response.${status}`, id });
  // A function that returns before an attempt is over would freeze it.
  await webhooks?.settled();
}

const noTokens = { prompt: 0, cached: 0, thinking: 0, answer: 0, forced: 0, probe: 0, aborted: 0 };

function tokensOf(entry: JournalEntry): number {
  if (typeof entry === 'number') return 1;
  if (!('kind' in entry)) return entry.length;
  return entry.kind === 'piece' ? entry.piece.tokenIds.length : 0;
}

/** The deadline counts from the request on, not from a segment. */
function withoutOwnDeadline(request: GenerationRequest): GenerationRequest {
  return { ...request, thinking: { ...request.thinking, deadlineMs: undefined } };
}

/** A shutdown leaves a generation, and does not cut it. */
function withoutShutdown({ shutdown: _, ...dependencies }: AppDependencies): AppDependencies {
  return dependencies;
}
