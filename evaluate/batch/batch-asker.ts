import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type Batch, type BatchesApi, hasEnded } from '../../cli/batch/batches-api.ts';
import { splitInput } from '../../cli/batch/split-input.ts';
import { readOptional, replaceFile } from '../folder/lines-file.ts';

const ENDPOINT = '/v1/chat/completions';
/** Time without a further request after which those that came are sent, in milliseconds. */
const COLLECT_MS = 200;

/** Response to a request of a batch. */
export interface BatchAnswer {
  readonly status: number;
  readonly body: unknown;
}

const lineSchema = z.object({
  custom_id: z.string(),
  response: z.object({ status_code: z.int(), body: z.unknown() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** Batches that were sent, with the ids of their requests: kept in a file, so that a repeated run takes their answers. */
const stateSchema = z.array(z.object({ id: z.string(), requests: z.array(z.string()) }));
type State = z.output<typeof stateSchema>;

type Answers = ReadonlyMap<string, BatchAnswer>;

interface Waiting {
  readonly text: string;
  readonly answer: PromiseWithResolvers<BatchAnswer>;
}

export interface BatchAskerOptions {
  /** File of the batches that were sent. */
  readonly statePath: string;
  /** Interval between two looks at a batch, in milliseconds. @default 2,000 */
  readonly pollMs?: number | undefined;
  /** Called with each change of a batch. */
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Sends requests that come together as a batch. A request is known by its content, so one that an interrupted run has sent already is
 * not sent again.
 */
export class BatchAsker {
  readonly #api: BatchesApi;
  readonly #options: BatchAskerOptions;
  readonly #state: State;
  /** Answers of the batches that were sent, by the ids of their requests. */
  readonly #sent = new Map<string, Promise<Answers>>();
  #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  private constructor(api: BatchesApi, options: BatchAskerOptions, state: State) {
    this.#api = api;
    this.#options = options;
    this.#state = state;
    for (const { id, requests } of state) this.#follow(id, requests);
  }

  static async open(api: BatchesApi, options: BatchAskerOptions): Promise<BatchAsker> {
    const text = (await readOptional(options.statePath)) ?? '[]';
    return new BatchAsker(api, options, stateSchema.parse(JSON.parse(text)));
  }

  /** @throws {Error} if the batch ends without an answer to this request */
  async ask(body: object): Promise<BatchAnswer> {
    const content = JSON.stringify(body);
    const id = createHash('sha256').update(content).digest('hex').slice(0, 32);
    const known = (await this.#sent.get(id)?.catch(() => undefined))?.get(id);
    // What failed in an earlier batch is sent again.
    if (known !== undefined && known.status < 400) return known;
    const waiting = this.#waiting.get(id) ?? {
      text: JSON.stringify({ custom_id: id, method: 'POST', url: ENDPOINT, body }),
      answer: Promise.withResolvers<BatchAnswer>(),
    };
    this.#waiting.set(id, waiting);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#sending = this.#sending.then(async () => await this.#send());
    }, COLLECT_MS);
    return await waiting.answer.promise;
  }

  /** Forgets the batches, whose answers are all in the results. */
  async close(): Promise<void> {
    await rm(this.#options.statePath, { force: true });
  }

  async #send(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    try {
      const { parts } = splitInput('requests.jsonl', [...waiting.values()].map(({ text }) => text).join('\n'));
      for (const part of parts) {
        const requests = part
          .trimEnd()
          .split('\n')
          .map((line) => String(JSON.parse(line).custom_id));
        const { id } = await this.#api.create(await this.#api.upload('requests.jsonl', part), ENDPOINT);
        this.#state.push({ id, requests });
        await replaceFile(this.#options.statePath, JSON.stringify(this.#state));
        const answers = this.#follow(id, requests);
        for (const request of requests) void settle(request, answers, waiting);
      }
    } catch (error) {
      for (const { answer } of waiting.values()) answer.reject(error);
    }
  }

  #follow(id: string, requests: readonly string[]): Promise<Answers> {
    const answers = this.#answersOf(id);
    // A failure is told to those who ask.
    answers.catch(() => undefined);
    for (const request of requests) this.#sent.set(request, answers);
    return answers;
  }

  async #answersOf(id: string): Promise<Answers> {
    const { pollMs = 2_000, progress, signal } = this.#options;
    let last = '';
    for (;;) {
      const batch = await this.#api.retrieve(id);
      const { total, completed, failed } = batch.request_counts;
      const line = `${id}: ${batch.status}, ${completed + failed} of ${total}`;
      if (line !== last) progress(line);
      last = line;
      if (hasEnded(batch)) return await this.#read(batch);
      await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async #read(batch: Batch): Promise<Answers> {
    const [problem] = batch.errors?.data ?? [];
    if (problem !== undefined) throw new Error(`The batch ${batch.id} failed: ${problem.message}`);
    const answers = new Map<string, BatchAnswer>();
    for (const fileId of [batch.output_file_id, batch.error_file_id]) {
      if (fileId === null) continue;
      const text = await new Response(await this.#api.download(fileId)).text();
      for (const line of text.trimEnd().split('\n')) {
        const { custom_id: id, response } = lineSchema.parse(JSON.parse(line));
        if (response !== null) answers.set(id, { status: response.status_code, body: response.body });
      }
    }
    return answers;
  }
}

/** Gives a request its answer, or says why there is none. */
async function settle(id: string, sent: Promise<Answers>, waiting: ReadonlyMap<string, Waiting>): Promise<void> {
  const asked = waiting.get(id);
  if (asked === undefined) return;
  try {
    const answer = (await sent).get(id);
    if (answer === undefined) throw new Error('The batch ended before it had an answer. Run the same command again.');
    asked.answer.resolve(answer);
  } catch (error) {
    asked.answer.reject(error);
  }
}
