import { type Block, UnreadableDocumentError } from '../document.ts';
import { checkZip } from './check-zip.ts';
import { htmlBlocks } from './read-html.ts';

/** Start of a compound file. Word keeps encrypted documents, and those of its format before 2007, in one. */
const compoundFile = [0xd0, 0xcf, 0x11, 0xe0];

/** Reads a Word document. Images, comments and what was deleted under tracked changes are left out. */
export async function readDocx(bytes: Uint8Array): Promise<readonly Block[]> {
  if (compoundFile.every((byte, index) => bytes[index] === byte)) {
    throw new UnreadableDocumentError(
      'is encrypted, or in the format of Word before 2007: remove the password, or save it as DOCX',
    );
  }
  await checkZip(bytes);
  const { default: mammoth } = await import('mammoth');
  const { value } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) },
    {
      externalFileAccess: false,
      convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
    },
  );
  return htmlBlocks(value);
}
