import { extname } from 'node:path';
import { memoryUsage } from 'node:process';
import { Worker } from 'node:worker_threads';
import { type CutDocument, type ReadDocument, UnreadableDocumentError } from '../document.ts';
import { documentExtensions, documentFormat } from './document-format.ts';
import { type ReadLimits, readLimits } from './read-limits.ts';
import type { ReadRequest, ReadResult } from './read-messages.ts';

/** The file of the thread, with this file's own extension: it differs between source, package and bundle. */
const workerFile = new URL(`./read-worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

/** How long a thread waits for the next document, in milliseconds. */
const IDLE_MS = 5000;
/** How often the memory of a read is looked at, in milliseconds. */
const MEMORY_CHECK_MS = 50;

type Limits = Partial<Pick<ReadLimits, 'bytes' | 'timeMs' | 'memoryBytes'>>;

/**
 * Creates a reader of Markdown, plain text, HTML, PDF and DOCX. Each document is read in a thread, whose time and memory are limited.
 *
 * @param limits replace those of {@link readLimits}, for tests
 */
export function createReadDocument(limits: Limits = {}): ReadDocument {
  const ask = createThread(limits);
  return async (bytes, filename) => {
    const result = await ask(bytes, filename);
    if ('blocks' in result) return result.blocks;
    throw new Error('The thread gave chunks.');
  };
}

/**
 * Creates what reads documents and cuts them into chunks, all in the thread: a long text, or one without spaces, takes the tokenizer seconds.
 *
 * @param tokenizerFile the tokenizer.json that counts. If `undefined`, four bytes are a token
 */
export function createCutDocument(tokenizerFile: string | undefined, limits: Limits = {}): CutDocument {
  const ask = createThread(limits);
  return async (bytes, filename, { maxTokens, overlapTokens }) => {
    const result = await ask(bytes, filename, { maxTokens, overlapTokens, tokenizerFile });
    if ('chunks' in result) return result.chunks;
    throw new Error('The thread gave blocks.');
  };
}

type Answer = Exclude<ReadResult, { readonly problem: string }>;

function createThread(
  limits: Limits,
): (bytes: Uint8Array, filename: string, chunking?: ReadRequest['chunking']) => Promise<Answer> {
  const settled = { ...readLimits, ...limits };
  let idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | undefined;

  const take = (): Worker => {
    if (idle === undefined) {
      const created = new Worker(workerFile, {
        resourceLimits: { maxOldGenerationSizeMb: settled.memoryBytes / 1024 ** 2 },
      });
      // An error after the end, such as of a thread that is being terminated, has nobody to tell.
      created.on('error', () => {});
      created.on('exit', () => {
        if (idle?.worker === created) idle = undefined;
      });
      return created;
    }
    const { worker, timer } = idle;
    idle = undefined;
    clearTimeout(timer);
    worker.ref();
    return worker;
  };
  const giveBack = (worker: Worker) => {
    if (idle !== undefined) {
      void worker.terminate();
      return;
    }
    worker.unref();
    const timer = setTimeout(() => {
      idle = undefined;
      void worker.terminate();
    }, IDLE_MS).unref();
    idle = { worker, timer };
  };

  return async (bytes, filename, chunking) => {
    const format = documentFormat(filename);
    const problem = (text: string) =>
      new UnreadableDocumentError(`${filename} ${text.endsWith('.') ? text.slice(0, -1) : text}.`);
    if (format === undefined) {
      throw problem(`has no extension of a format that can be read: use one of .${documentExtensions.join(', .')}`);
    }
    if (bytes.length > settled.bytes) {
      throw problem(
        `has ${(bytes.length / 1024 ** 2).toFixed(1)} MiB, and at most ${settled.bytes / 1024 ** 2} MiB are read: split it into several files`,
      );
    }
    const worker = take();
    const result = await readIn(
      worker,
      { bytes: Uint8Array.from(bytes), format, ...(chunking && { chunking }) },
      settled,
    );
    if ('problem' in result) {
      // After a failure, the thread may still hold much memory, or be at work.
      await worker.terminate();
      throw problem(result.problem);
    }
    giveBack(worker);
    return result;
  };
}

/** Reads documents within the limits of {@link readLimits}. */
export const readDocument: ReadDocument = createReadDocument();

function readIn(
  worker: Worker,
  request: ReadRequest & { readonly bytes: Uint8Array<ArrayBuffer> },
  { timeMs, memoryBytes }: Pick<ReadLimits, 'timeMs' | 'memoryBytes'>,
): Promise<ReadResult> {
  const tooMuchMemory = {
    problem: `needs more than ${memoryBytes / 1024 ** 2} MiB of memory: split it into several files, or nest its parts less deeply`,
  };
  return new Promise((resolve) => {
    // Decompressed data is outside of V8's heap, whose limit does not hold it.
    const before = memoryUsage.rss();
    const memoryTimer = setInterval(() => {
      if (memoryUsage.rss() - before > memoryBytes) settle(tooMuchMemory);
    }, MEMORY_CHECK_MS);
    const timer = setTimeout(
      () => settle({ problem: `takes more than ${timeMs / 1000} seconds to read: split it into several files` }),
      timeMs,
    );
    const onError = (error: Error) => {
      const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      settle(isMemory ? tooMuchMemory : { problem: `cannot be read: ${error.message}` });
    };
    const onExit = (code: number) => settle({ problem: `cannot be read: its reader ended with code ${code}` });
    const settle = (result: ReadResult) => {
      clearInterval(memoryTimer);
      clearTimeout(timer);
      worker.off('message', settle).off('error', onError).off('exit', onExit);
      resolve(result);
    };
    worker.on('message', settle).on('error', onError).on('exit', onExit);
    worker.postMessage(request, [request.bytes.buffer]);
  });
}
