import { loggableError } from '../errors/loggable-error.ts';
import { inParallel } from '../in-parallel.ts';
import type { WebhookEventType } from '../webhooks/event.ts';
import { BatchRun, LEASE_SECONDS, type RunLimits } from './batch-run.ts';
import { enter, type QueueEntry } from './batch-store.ts';
import { readInput } from './read-input.ts';
import { type BatchRecord, type FinalStatus, type InputError, isFinal } from './records.ts';
import { Slots } from './slots.ts';
import type { WorkerOptions } from './worker-options.ts';

/** Batches that one worker runs at once. Each has its input in memory, up to 4 MB. */
const BATCHES_AT_ONCE = 8;

/**
 * Runs batches: checks their input, sends their lines, writes their files, and says that they ended. A worker has a lease on each of
 * its batches, which it renews; a batch whose lease ran out is taken up where it was.
 */
export class BatchWorker {
  readonly #options: WorkerOptions;
  readonly #id: string;
  readonly #slots: Slots;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#id = options.newId();
    this.#slots = new Slots(options.rules.concurrency);
  }

  /**
   * Takes up all batches that can be, and runs them as far as they go. A batch that fails does not stop the others.
   *
   * @returns number of batches that a failure interrupted
   */
  async work(limits: RunLimits): Promise<number> {
    let failed = 0;
    const entries: QueueEntry[] = [];
    for await (const entry of this.#options.store.queue()) entries.push(entry);
    await inParallel(entries, BATCHES_AT_ONCE, async (entry) => {
      if (limits.signal.aborted) return;
      const { key, id } = entry;
      await this.#take(entry, limits).catch((error: unknown) => {
        failed++;
        this.#options.log('error', 'batch interrupted', { key, batch: id, ...loggableError(error) });
      });
    });
    return failed;
  }

  async #take(entry: QueueEntry, limits: RunLimits): Promise<void> {
    const { store } = this.#options;
    const found = await store.find(entry.key, entry.id);
    if (found === undefined) {
      if (store.isOrphan(entry)) await store.dequeue(entry);
      return;
    }
    if (this.#isTaken(found)) return;
    // Its worker died before it said so.
    if (isFinal(found.status)) return await this.#close(entry, found, found.status);
    const record = await this.#claim(entry);
    if (record === undefined) return;
    const ended = await this.#run(record, limits);
    const after = ended === undefined ? undefined : await store.find(entry.key, entry.id);
    if (ended !== undefined && after !== undefined) await this.#close(entry, after, ended);
  }

  /** Takes the lease of a batch, unless another worker has it or it waits. */
  async #claim({ key, id }: QueueEntry): Promise<BatchRecord | undefined> {
    const { store, unixTime } = this.#options;
    return await store.change(key, id, (record) => {
      const now = unixTime();
      const waits = (record.after ?? 0) > now && now < record.expires;
      if (this.#isTaken(record) || waits || isFinal(record.status)) return undefined;
      const { after: _, ...rest } = record;
      return { ...rest, lease: { worker: this.#id, until: now + LEASE_SECONDS } };
    });
  }

  /** Whether a worker that lives has the lease of a batch. A batch that has ended keeps it until it is closed. */
  #isTaken({ lease }: BatchRecord): boolean {
    const { unixTime, exclusive = false } = this.#options;
    return lease !== undefined && lease.until > unixTime() && (lease.worker === this.#id || !exclusive);
  }

  async #run(record: BatchRecord, limits: RunLimits): Promise<FinalStatus | undefined> {
    const { files, store, callerOf } = this.#options;
    const { key, id, endpoint } = record;
    const caller = await callerOf(key);
    if (caller === undefined) {
      return await this.#refuse(record, [
        { code: 'key_not_valid', message: 'The key of the batch is not valid any more.' },
      ]);
    }
    const file = await files.find(key, record.inputFileId);
    const bytes = file && (await files.content(key, file.id));
    if (bytes === undefined) {
      const message = `The input file ${record.inputFileId} does not exist any more.`;
      return await this.#refuse(record, [{ code: 'file_not_found', message, param: 'input_file_id' }]);
    }
    const { lines: input, errors } = readInput(bytes, endpoint);
    if (errors.length > 0) return await this.#refuse(record, errors);
    const checked = record.status === 'validating' ? await this.#accept(record, input.length) : record;
    if (checked === undefined) return undefined;
    const lines = await store.lines(id);
    const worker = { id: this.#id, slots: this.#slots, options: this.#options, limits };
    return await new BatchRun(checked, { input, lines, caller }, worker).run();
  }

  async #accept(record: BatchRecord, total: number): Promise<BatchRecord | undefined> {
    return await this.#options.store.change(record.key, record.id, (before) => {
      if (before.lease?.worker !== this.#id) return undefined;
      const counted = { ...before, counts: { total, completed: 0, failed: 0 } };
      // It may have been cancelled meanwhile.
      return before.status === 'validating' ? enter(counted, 'in_progress', this.#options.unixTime()) : counted;
    });
  }

  /** Ends a batch that cannot run. */
  async #refuse({ key, id }: BatchRecord, errors: readonly InputError[]): Promise<FinalStatus | undefined> {
    const changed = await this.#options.store.change(key, id, (before) => {
      if (before.lease?.worker !== this.#id) return undefined;
      return { ...enter(before, 'failed', this.#options.unixTime()), errors: [...errors] };
    });
    return changed === undefined ? undefined : 'failed';
  }

  /** Says that a batch ended, and removes what only its run needed. Repeated after a crash in between. */
  async #close(entry: QueueEntry, { key, id, counts }: BatchRecord, status: FinalStatus): Promise<void> {
    const { store, webhooks, log } = this.#options;
    await webhooks?.notify(key, { type: `batch.${status}` satisfies WebhookEventType, id });
    await store.deleteLines(id, counts.total);
    await store.dequeue(entry);
    log('info', 'batch ended', { key, batch: id, status, ...counts });
  }
}
