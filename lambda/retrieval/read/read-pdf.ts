import { type Block, UnreadableDocumentError } from '../document.ts';
import { type PdfLine, type PdfPage, pdfBlocks } from './pdf-blocks.ts';
import { readLimits } from './read-limits.ts';

/** Reads the text of a PDF. Headings are told by the size of their letters; tables are read as lines. */
export async function readPdf(bytes: Uint8Array): Promise<readonly Block[]> {
  const { getDocumentProxy } = await import('unpdf');
  const document = await getDocumentProxy(bytes, { verbosity: 0 }).catch((cause: unknown) => {
    if (cause instanceof Error && cause.name === 'PasswordException') {
      throw new UnreadableDocumentError('is encrypted: remove the password, and upload it again', { cause });
    }
    throw cause;
  });
  if (document.numPages > readLimits.pages) {
    throw new UnreadableDocumentError(
      `has ${document.numPages} pages, and at most ${readLimits.pages} are read: split it into several files`,
    );
  }
  const pages: PdfPage[] = [];
  let characters = 0;
  for (let number = 1; number <= document.numPages; number += 1) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    page.cleanup();
    const lines = pageLines(items as readonly TextItem[]);
    characters += lines.reduce((sum, { text }) => sum + text.length, 0);
    if (characters > readLimits.characters) break;
    pages.push(lines);
  }
  await document.cleanup();
  if (characters === 0) {
    throw new UnreadableDocumentError(
      'has no text that can be read: if its pages are images, run text recognition (OCR) over it first',
    );
  }
  return pdfBlocks(pages);
}

/** The part that is used of a text item of PDF.js. */
interface TextItem {
  readonly str: string;
  readonly hasEOL: boolean;
  readonly height: number;
  readonly transform: readonly number[];
}

function pageLines(items: readonly TextItem[]): readonly PdfLine[] {
  const lines: PdfLine[] = [];
  let text = '';
  let size = 0;
  let y: number | undefined;
  const end = () => {
    if (text.trim() !== '') lines.push({ text: text.trim(), size, y: y ?? 0 });
    text = '';
    size = 0;
    y = undefined;
  };
  for (const item of items) {
    // Marks of tagged PDFs have no text.
    if (typeof item.str !== 'string') continue;
    text += item.str;
    if (item.str.trim() !== '') {
      size = Math.max(size, Math.round(item.height * 2) / 2);
      y ??= item.transform[5];
    }
    if (item.hasEOL) end();
  }
  end();
  return lines;
}
