import type { Block } from '../document.ts';
import type { DocumentFormat } from './document-format.ts';

/** What the thread that reads is asked. */
export interface ReadRequest {
  readonly bytes: Uint8Array;
  readonly format: DocumentFormat;
}

/** What it answers: the parts of a document, or why it cannot be read, as the end of a sentence that begins with the file's name. */
export type ReadResult = { readonly blocks: readonly Block[] } | { readonly problem: string };
