import * as z from 'zod';
import { backgroundDialects } from '../../../lambda/apis/background-dialects.ts';
import { createApp } from '../../../lambda/app.ts';
import { ResponseStore } from '../../../lambda/background/response-store.ts';
import { BackgroundRunner, type RunnerOptions, type StepOutcome } from '../../../lambda/background/runner.ts';
import type { ResponsePointer } from '../../../lambda/background/stored-response.ts';
import type { AppDependencies } from '../../../lambda/context.ts';
import { Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { ObjectStore } from '../../../lambda/storage/objects.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import { ModelTimeoutError } from '../../../lambda/upstream/errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from '../../../lambda/upstream/segment-model.ts';
import { bytes, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { byteTokenizer, scriptedSettings } from '../scripted-world.ts';

/** A process that may be killed: then nothing that it began comes to an end. */
export class Process {
  readonly killed: Promise<void>;
  #alive = true;
  #kill: () => void = () => {};

  constructor() {
    this.killed = new Promise((resolve) => {
      this.#kill = resolve;
    });
  }

  kill(): void {
    this.#alive = false;
    this.#kill();
  }

  /** Returns only while the process lives. */
  async lives(): Promise<void> {
    if (!this.#alive) await new Promise(() => {});
  }

  table(table: ItemTable): ItemTable {
    const guarded = async <Result>(run: () => Promise<Result>): Promise<Result> => {
      await this.lives();
      const result = await run();
      await this.lives();
      return result;
    };
    const lives = async () => await this.lives();
    return {
      get: async (pk, sk) => await guarded(() => table.get(pk, sk)),
      put: async (item) => await guarded(() => table.put(item)),
      putIfVersion: async (item, before) => await guarded(() => table.putIfVersion(item, before)),
      delete: async (pk, sk) => await guarded(() => table.delete(pk, sk)),
      async *query(...given) {
        await lives();
        yield* table.query(...given);
      },
    };
  }

  objects(objects: ObjectStore): ObjectStore {
    return {
      put: async (name, text) => {
        await this.lives();
        await objects.put(name, text);
        await this.lives();
      },
      get: async (name) => {
        await this.lives();
        return await objects.get(name);
      },
      delete: async (name) => {
        await this.lives();
        await objects.delete(name);
      },
    };
  }
}

export interface PlayedOptions {
  /** Tokens of the thought before the model ends it. */
  readonly thought: number;
  readonly answer?: number;
  /** Tokens after which a call ends with the time limit of a streaming call. */
  readonly callTokens?: number;
}

/**
 * A model that writes the same text wherever its calls begin: each token follows from its place. `sampled` counts what it did, over
 * all calls.
 */
class PlayedModel implements SegmentModel {
  sampled = 0;
  calls = 0;
  /** Called before each token, with the number of tokens so far. */
  onToken: (sampled: number) => Promise<void> | void = () => {};
  failWith: Error | undefined;
  readonly #options: PlayedOptions;

  constructor(options: PlayedOptions) {
    this.#options = options;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    const { thought, answer = 40, callTokens = Number.POSITIVE_INFINITY } = this.#options;
    this.calls++;
    signal.throwIfAborted();
    if (this.failWith !== undefined) throw this.failWith;
    const opened = request.promptIds.lastIndexOf(IM_START);
    const thinks = request.promptIds[opened + 1] === bytes('think')[0];
    const from = request.promptIds.length - opened - (thinks ? '_think' : '_answer').length;
    const [length, end] = thinks ? [thought, IM_START] : [answer, IM_END];
    for (let count = 1; ; count++) {
      await this.onToken(this.sampled);
      signal.throwIfAborted();
      this.sampled++;
      const place = from + count - 1;
      const id = place >= length ? end : 97 + ((place * 7 + (place >> 5)) % 26);
      const finish = id === end ? 'stop' : count >= request.maxTokens ? 'length' : undefined;
      yield { tokenIds: [id], text: '', ...(finish === undefined ? {} : { finishReason: finish }) };
      if (finish !== undefined) return;
      if (count >= callTokens) throw new ModelTimeoutError('The streaming call exceeded its limit of 8 minutes.');
    }
  }
}

const caller = { id: 'anonymous', admin: true, limits: {} };

/** A deployment with a played model, whose processes may be killed. */
export function playedWorld(options: PlayedOptions, limits: Partial<RunnerOptions> = {}) {
  let now = 1_700_000_000;
  let ids = 0;
  const [table, objects] = [new MemoryTable(), new MemoryObjects()];
  const model = new PlayedModel(options);
  const settings = {
    ...scriptedSettings,
    tokenizer: { kind: 'file' as const, path: 'unused' },
    contextTokens: 131_072,
    maxThinkingTokens: 120_000,
    defaultMaxThinkingTokens: 120_000,
  };
  const started: ResponsePointer[] = [];
  const inProcess = (process: Process, changes: Partial<AppDependencies> = {}) => {
    const ownTable = process.table(table);
    const store = new ResponseStore(ownTable, process.objects(objects), () => now, 30);
    const served: SegmentModel = {
      async *run(request, given) {
        for await (const chunk of model.run(request, given)) {
          await process.lives();
          yield chunk;
        }
      },
    };
    const log: Record<string, unknown>[] = [];
    const dependencies: AppDependencies = {
      models: [new ServedModel(settings, served, byteTokenizer)],
      clock: { now: () => performance.now(), sleep: async (ms, signal) => await pause(ms, signal) },
      unixTime: () => now,
      newId: () => `id${++ids}`,
      log: (level, message, fields) => log.push({ level, message, ...fields }),
      ledger: new Ledger(ownTable, () => now),
      responses: { store, start: async (pointer) => void started.push(pointer) },
      requestTimeoutMs: 60_000,
      capacityWaitMs: 0,
      keepAliveMs: 10_000,
      ...changes,
    };
    const runner = new BackgroundRunner({
      store,
      dependencies,
      dialects: backgroundDialects,
      segmentMs: 480_000,
      maxSeconds: 7 * 86_400,
      maxWaitSeconds: 86_400,
      ...limits,
    });
    return { store, dependencies, runner, log, app: createApp(dependencies) };
  };
  const forever = inProcess(new Process());
  const usage = async () => {
    const records: UsageRecord[] = [];
    for await (const record of forever.dependencies.ledger?.records(['2023-11-14']) ?? []) records.push(record);
    return records;
  };
  return {
    ...{ table, objects, model, started, inProcess, usage, caller },
    ...forever,
    pass: (seconds: number) => {
      now += seconds;
    },
    /** Runs a response until it ends. Without a step that waits. */
    async runToEnd(pointer: ResponsePointer): Promise<StepOutcome> {
      for (;;) {
        const outcome = await forever.runner.step(pointer, new AbortController().signal);
        if (outcome.kind !== 'continues') return outcome;
      }
    },
  };
}

const bodySchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  output: z.array(z.looseObject({ content: z.array(z.looseObject({ text: z.string() })).optional() })),
  usage: z.unknown(),
  budget_forcing: z.record(z.string(), z.unknown()).optional(),
});

/** The body of a response object. */
export async function bodyOf(response: Response | Promise<Response>) {
  return bodySchema.parse(await (await response).json());
}

const errorSchema = z.object({ error: z.looseObject({ code: z.string().nullable(), message: z.string() }) });

/** The error of a response, with its status. */
export async function errorOf(response: Response | Promise<Response>) {
  const given = await response;
  return { status: given.status, ...errorSchema.parse(await given.json()).error };
}

export const post = (body: object, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
