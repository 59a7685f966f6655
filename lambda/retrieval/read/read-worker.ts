import { parentPort } from 'node:worker_threads';
import { UnreadableDocumentError } from '../document.ts';
import { readFormat } from './read-format.ts';
import type { ReadRequest, ReadResult } from './read-messages.ts';

/** Thread that reads documents, one at a time. What a hostile file makes of it ends with it. */
parentPort?.on('message', async ({ bytes, format }: ReadRequest) => {
  parentPort?.postMessage(await read(bytes, format));
});

async function read(bytes: Uint8Array, format: ReadRequest['format']): Promise<ReadResult> {
  try {
    return { blocks: await readFormat(bytes, format) };
  } catch (error) {
    if (error instanceof UnreadableDocumentError) return { problem: error.message };
    // The libraries throw errors of many classes for a broken file; nesting that is too deep is one of them.
    const detail = error instanceof Error ? error.message : String(error);
    return { problem: `cannot be read as ${format.toUpperCase()}, it may be broken: ${detail.split('\n', 1)[0]}` };
  }
}
