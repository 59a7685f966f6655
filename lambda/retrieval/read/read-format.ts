import { type Block, UnreadableDocumentError } from '../document.ts';
import type { DocumentFormat } from './document-format.ts';
import { readLimits } from './read-limits.ts';

/**
 * Reads a document of one format. The libraries of a format are loaded when it is first read.
 *
 * @throws {UnreadableDocumentError} if it is encrypted, has no text or exceeds a limit, with the end of a sentence
 * @throws any error of a library if it is broken
 */
export async function readFormat(bytes: Uint8Array, format: DocumentFormat): Promise<readonly Block[]> {
  const blocks = await reader(format).then((read) => read(bytes));
  let characters = 0;
  for (const { text } of blocks) characters += text.length;
  if (characters > readLimits.characters) {
    throw new UnreadableDocumentError(
      `has more than ${readLimits.characters / 1e6} million characters of text: split it into several files`,
    );
  }
  if (blocks.length > readLimits.blocks) {
    throw new UnreadableDocumentError(`has more than ${readLimits.blocks} parts: split it into several files`);
  }
  if (characters === 0) throw new UnreadableDocumentError('has no text');
  return blocks;
}

async function reader(
  format: DocumentFormat,
): Promise<(bytes: Uint8Array) => Promise<readonly Block[]> | readonly Block[]> {
  switch (format) {
    case 'markdown':
      return (await import('./read-markdown.ts')).readMarkdown;
    case 'text':
      return (await import('./read-text.ts')).readText;
    case 'html':
      return (await import('./read-html.ts')).readHtml;
    case 'pdf':
      return (await import('./read-pdf.ts')).readPdf;
    case 'docx':
      return (await import('./read-docx.ts')).readDocx;
    default:
      return format satisfies never;
  }
}
