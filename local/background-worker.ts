import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { BackgroundRunner } from '../lambda/background/runner.ts';
import { pointerSchema, type ResponsePointer } from '../lambda/background/stored-response.ts';
import type { Log } from '../lambda/errors/log.ts';
import { loggableError } from '../lambda/errors/loggable-error.ts';
import type { ItemTable } from '../lambda/storage/table.ts';

/** Pause before a segment that could not be kept is run again, in seconds. */
const RETRY_SECONDS = 5;
const PARTITION = 'BACKGROUND';

export interface BackgroundWorkerOptions {
  /** Where responses are listed that have not ended: partition `BACKGROUND`, by their ids. */
  readonly table: ItemTable;
  readonly runner: Pick<BackgroundRunner, 'step'>;
  /** Most segments at the same time. Minimum: 1. */
  readonly places: number;
  readonly log: Log;
}

/** Runs responses in the background in this process. What a killed process left runs on after the next start. */
export class BackgroundWorker {
  readonly #options: BackgroundWorkerOptions;
  readonly #queue: ResponsePointer[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Leave the segments that run now, by the ids of their responses. */
  readonly #leaving = new Map<string, AbortController>();

  constructor(options: BackgroundWorkerOptions) {
    this.#options = options;
  }

  /** Has a response run. Resolves when it would also survive the end of the process. */
  async start(pointer: ResponsePointer): Promise<void> {
    await this.#options.table.put({ pk: PARTITION, sk: pointer.id, key: pointer.key, id: pointer.id });
    this.#enqueue(pointer);
  }

  /** Has a response leave the model, if a segment of it runs now. */
  leave({ id }: ResponsePointer): void {
    this.#leaving.get(id)?.abort(new Error('The response was cancelled.'));
  }

  /** Runs what an earlier process left. Call it once. */
  async resume(): Promise<void> {
    for await (const item of this.#options.table.query(PARTITION, '', { consistent: true })) {
      this.#enqueue(z.object(pointerSchema.shape).parse(item));
    }
  }

  /** Leaves all responses where they are. Resolves when what they have is kept. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('The server stops.'));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #enqueue(pointer: ResponsePointer): void {
    this.#queue.push(pointer);
    this.#fill();
  }

  #fill(): void {
    while (this.#running.size < this.#options.places && !this.#stop.signal.aborted) {
      const pointer = this.#queue.shift();
      if (pointer === undefined) return;
      const running: Promise<void> = this.#run(pointer).finally(() => {
        this.#running.delete(running);
        this.#fill();
      });
      this.#running.add(running);
    }
  }

  async #run(pointer: ResponsePointer): Promise<void> {
    const { runner, table, log } = this.#options;
    const leaving = new AbortController();
    this.#leaving.set(pointer.id, leaving);
    try {
      const outcome = await runner.step(pointer, AbortSignal.any([this.#stop.signal, leaving.signal]));
      if (outcome.kind === 'ended') await table.delete(PARTITION, pointer.id);
      else if (outcome.kind === 'waits') void this.#later(pointer, outcome.seconds);
      else if (outcome.kind === 'continues') this.#queue.push(pointer);
    } catch (error) {
      log('error', 'background response not kept', { response: pointer.id, ...loggableError(error) });
      void this.#later(pointer, RETRY_SECONDS);
    } finally {
      this.#leaving.delete(pointer.id);
    }
  }

  /** A response that waits takes no place. */
  async #later(pointer: ResponsePointer, seconds: number): Promise<void> {
    const waited = await sleep(seconds * 1_000, true, { ref: false, signal: this.#stop.signal }).catch(() => false);
    if (waited) this.#enqueue(pointer);
  }
}
