import { parentPort } from 'node:worker_threads';
import { chunkBlocks } from '../chunk-blocks.ts';
import { UnreadableDocumentError } from '../document.ts';
import { readFormat } from './read-format.ts';
import type { ReadRequest, ReadResult } from './read-messages.ts';

/** Characters of a text, in bytes, that make about one token, if there is no tokenizer. */
const BYTES_PER_TOKEN = 4;

/** Thread that reads documents and cuts them into chunks, one at a time. What a hostile file makes of it ends with it. */
parentPort?.on('message', async (request: ReadRequest) => {
  parentPort?.postMessage(await read(request));
});

async function read({ bytes, format, chunking }: ReadRequest): Promise<ReadResult> {
  try {
    const blocks = await readFormat(bytes, format);
    if (chunking === undefined) return { blocks };
    return { chunks: chunkBlocks(blocks, { ...chunking, count: await counterOf(chunking.tokenizerFile) }) };
  } catch (error) {
    if (error instanceof UnreadableDocumentError) return { problem: error.message };
    // The libraries throw errors of many classes for a broken file; nesting that is too deep is one of them.
    const detail = error instanceof Error ? error.message : String(error);
    return { problem: `cannot be read as ${format.toUpperCase()}, it may be broken: ${plain(detail)}` };
  }
}

let counting: { readonly file: string; readonly count: (text: string) => number } | undefined;

async function counterOf(file: string | undefined): Promise<(text: string) => number> {
  if (file === undefined) return (text) => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
  if (counting?.file !== file) {
    const { TokenizerJson } = await import('../../tokenizer/tokenizer-json.ts');
    counting = { file, count: await TokenizerJson.fromFile(file).counter() };
  }
  return counting.count;
}

/** The first line of a library's message, without marks that mean something in its log only. */
function plain(message: string): string {
  const [line = ''] = message.split('\n', 1);
  return line
    .replaceAll('\t', ' ')
    .replace(/^error: /, '')
    .replace('[xmldom error] ', '')
    .trim();
}
