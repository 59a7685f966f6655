import { deflateSync } from 'node:zlib';

export interface PdfText {
  readonly text: string;
  /** Height of the letters, in points. */
  readonly size: number;
  readonly y: number;
}

/** Writes a PDF with one font. Each page is a list of lines. */
export function pdfFile(pages: readonly (readonly PdfText[])[]): Uint8Array {
  return pdfOf(
    pages.map((lines) =>
      lines.map(({ text, size, y }) => `BT /F1 ${size} Tf 1 0 0 1 72 ${y} Tm (${text}) Tj ET`).join('\n'),
    ),
  );
}

/** Writes a PDF from the content streams of its pages. `trailer` is added to its trailer, and `objects` after its own. */
export function pdfOf(
  streams: readonly (string | Uint8Array)[],
  { trailer = '', objects: more = [] }: { readonly trailer?: string; readonly objects?: readonly string[] } = {},
): Uint8Array {
  const objects: (string | Buffer)[] = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${streams.length} /Kids [${streams.map((_, index) => `${4 + 2 * index} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
  ];
  for (const [index, stream] of streams.entries()) {
    const packed = deflateSync(stream, { level: 9 });
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * index} 0 R >>`,
      Buffer.concat([
        Buffer.from(`<< /Length ${packed.length} /Filter /FlateDecode >>\nstream\n`),
        packed,
        Buffer.from('\nendstream'),
      ]),
    );
  }
  objects.push(...more);
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const offsets: number[] = [];
  let length = parts[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]);
    offsets.push(length);
    parts.push(part);
    length += part.length;
  }
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

/** Writes a PDF that asks for a password: no password gives the check value that it states. */
export function encryptedPdf(): Uint8Array {
  const value = (byte: string) => `<${byte.repeat(32)}>`;
  return pdfOf(['BT /F1 12 Tf (secret) Tj ET'], {
    trailer: `/Encrypt 6 0 R /ID [${value('0f')} ${value('0f')}]`,
    objects: [`<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O ${value('5a')} /U ${value('a5')} >>`],
  });
}
