import { UnreadableDocumentError } from '../document.ts';

/**
 * Decodes a text file: UTF-8, or what its byte order mark says. Line ends become `\n`.
 *
 * @param label encoding that the document itself declares
 * @throws {UnreadableDocumentError} if the bytes are no text of that encoding
 */
export function decodeText(bytes: Uint8Array, label = 'utf-8'): string {
  const encoding = byteOrderMark(bytes) ?? label;
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UnreadableDocumentError(`is not text in ${encoding.toUpperCase()}: save it as UTF-8`, { cause });
  }
  if (text.includes('\0')) {
    throw new UnreadableDocumentError(
      'has NUL characters, so it is not text: give the file the extension of its format',
    );
  }
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

function byteOrderMark([first, second]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return undefined;
}
