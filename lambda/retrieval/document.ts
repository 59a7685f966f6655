/** A part of a document, in the order of the document. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4 | 5 | 6; readonly text: string }
  | { readonly kind: 'paragraph' | 'list' | 'table' | 'code'; readonly text: string };

/** A document that cannot be read. The message is one sentence for its owner: what is wrong, and what to do. */
export class UnreadableDocumentError extends Error {}

/**
 * Reads a document.
 *
 * @param filename its extension decides the format
 * @throws {UnreadableDocumentError} if it is broken, encrypted, too large when unpacked, or of another format
 */
export type ReadDocument = (bytes: Uint8Array, filename: string) => Promise<readonly Block[]>;
