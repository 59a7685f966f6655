/** A part of a document, in the order of the document. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4 | 5 | 6; readonly text: string }
  | { readonly kind: 'paragraph' | 'list' | 'table' | 'code'; readonly text: string };

/** A document that cannot be read. The message is one sentence for its owner: what is wrong, and what to do. */
export class UnreadableDocumentError extends Error {}

/** How a document is cut into chunks. */
export interface Chunking {
  /** Most tokens of the text of a chunk, at least 16. Its title path is not counted. */
  readonly maxTokens: number;
  /** Most tokens that a chunk repeats of the one before it, under the same headings. At most half of `maxTokens`. */
  readonly overlapTokens: number;
}

/** A part of a document of at most so many tokens. */
export interface Chunk {
  /** Headings above it, outermost first. */
  readonly titlePath: readonly string[];
  readonly text: string;
}

/**
 * Reads a document and cuts it into chunks.
 *
 * @param filename its extension decides the format
 * @throws {UnreadableDocumentError} as {@link ReadDocument}, or if it takes too long
 */
export type CutDocument = (bytes: Uint8Array, filename: string, chunking: Chunking) => Promise<readonly Chunk[]>;

/**
 * Reads a document.
 *
 * @param filename its extension decides the format
 * @throws {UnreadableDocumentError} if it is broken, encrypted, too large when unpacked, or of another format
 */
export type ReadDocument = (bytes: Uint8Array, filename: string) => Promise<readonly Block[]>;
