import type { Block, Chunk, Chunking } from '../document.ts';
import type { DocumentFormat } from './document-format.ts';

/** What the thread that reads is asked. */
export interface ReadRequest {
  readonly bytes: Uint8Array;
  readonly format: DocumentFormat;
  /** If set, the answer has chunks instead of blocks. */
  readonly chunking?: Chunking & {
    /** The tokenizer.json that counts. If omitted, four bytes are a token. */
    readonly tokenizerFile?: string | undefined;
  };
}

/** What it answers: the parts of a document, or why it cannot be read, as the end of a sentence that begins with the file's name. */
export type ReadResult =
  | { readonly blocks: readonly Block[] }
  | { readonly chunks: readonly Chunk[] }
  | { readonly problem: string };
