import { describe, expect, it } from 'vitest';
import { UnreadableDocumentError } from '../../../../lambda/retrieval/document.ts';
import {
  createCutDocument,
  createReadDocument,
  readDocument,
} from '../../../../lambda/retrieval/read/read-document.ts';
import { TokenizerJson } from '../../../../lambda/tokenizer/tokenizer-json.ts';
import { encryptedPdf, type PdfText, pdfFile, pdfOf } from './pdf-file.ts';
import { docxFile, docxParagraph, zipFile } from './zip-file.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string, filename: string) => readDocument(bytes(text), filename);
const line = (text: string, y: number, size = 11): PdfText => ({ text, y, size });

async function refusal(result: Promise<unknown>): Promise<string> {
  const error = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UnreadableDocumentError);
  return (error as Error).message;
}

describe('createCutDocument', () => {
  const words = 'Each of these words is counted. '.repeat(12_000);

  it('cuts in its thread, so that other work goes on meanwhile', async () => {
    const cut = createCutDocument('local/model/tokenizer.json');
    let turns = 0;
    const ticking = setInterval(() => turns++, 5);
    const chunks = await cut(bytes(words), 'a.txt', { maxTokens: 800, overlapTokens: 400 });
    clearInterval(ticking);
    expect(chunks.length).toBeGreaterThan(100);
    // One turn of the event loop each 5 ms, if nothing keeps it; the main thread has little else to do.
    expect(turns).toBeGreaterThan(20);
  });

  it('counts with the tokenizer, or four bytes as a token', async () => {
    const count = await TokenizerJson.fromFile('local/model/tokenizer.json').counter();
    const text = 'Numbers such as 12345 and 67890 have many tokens. '.repeat(200);
    const exact = await createCutDocument('local/model/tokenizer.json')(bytes(text), 'a.txt', {
      maxTokens: 100,
      overlapTokens: 0,
    });
    expect(Math.max(...exact.map((chunk) => count(chunk.text)))).toBeLessThanOrEqual(100);
    const rough = await createCutDocument(undefined)(bytes(text), 'a.txt', { maxTokens: 100, overlapTokens: 0 });
    expect(Math.max(...rough.map((chunk) => chunk.text.length))).toBeGreaterThan(350);
    expect(Math.max(...rough.map((chunk) => chunk.text.length))).toBeLessThanOrEqual(400);
  });

  it('ends with a sentence if reading and cutting take too long', async () => {
    const cut = createCutDocument('local/model/tokenizer.json', { timeMs: 300 });
    await expect(
      refusal(cut(bytes('a'.repeat(2_000_000)), 'a.txt', { maxTokens: 800, overlapTokens: 400 })),
    ).resolves.toBe('a.txt takes more than 0.3 seconds to read: split it into several files.');
  });
});

describe('Markdown', () => {
  it('keeps headings, paragraphs, lists, tables and code as they are written', async () => {
    const source = `---
title: not text
---
# Plan *A*

One [link](https://example.com) and \`code\`.

- x
  1. y
- z

| a | b |
| - | - |
| 1 | 2 |

\`\`\`ts
const a = 1;

const b = 2;
\`\`\`

> A quote.
`;
    await expect(read(source, 'a.md')).resolves.toEqual([
      { kind: 'heading', level: 1, text: 'Plan A' },
      { kind: 'paragraph', text: 'One [link](https://example.com) and `code`.' },
      { kind: 'list', text: '- x\n  1. y\n- z' },
      { kind: 'table', text: '| a | b |\n| - | - |\n| 1 | 2 |' },
      { kind: 'code', text: 'const a = 1;\n\nconst b = 2;' },
      { kind: 'paragraph', text: '> A quote.' },
    ]);
  });

  it('reads HTML inside of it as HTML', async () => {
    await expect(read('<table><tr><td>a<td>b<tr><td>1<td>2</table>', 'a.markdown')).resolves.toEqual([
      { kind: 'table', text: '| a | b |\n| --- | --- |\n| 1 | 2 |' },
    ]);
  });

  it('has a sentence or parts for 20,000 nested quotes', async () => {
    const result = await read(`${'>'.repeat(20_000)} deep`, 'a.md').catch((error: unknown) => error);
    if (!Array.isArray(result)) expect(result).toBeInstanceOf(UnreadableDocumentError);
  }, 60_000);
});

describe('plain text', () => {
  it('parts paragraphs at blank lines', async () => {
    await expect(read('one\r\ntwo\r\n \r\n\r\nthree', 'a.txt')).resolves.toEqual([
      { kind: 'paragraph', text: 'one\ntwo' },
      { kind: 'paragraph', text: 'three' },
    ]);
  });

  it('follows a byte order mark', async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('żółw', 'utf16le')]);
    await expect(readDocument(utf16, 'a.txt')).resolves.toEqual([{ kind: 'paragraph', text: 'żółw' }]);
  });

  it('refuses bytes that are no text', async () => {
    await expect(refusal(readDocument(Uint8Array.of(0xff, 0x41), 'a.txt'))).resolves.toBe(
      'a.txt is not text in UTF-8: save it as UTF-8.',
    );
    await expect(refusal(read('a\0b', 'a.txt'))).resolves.toContain('has NUL characters');
  });
});

describe('HTML', () => {
  it('keeps headings, paragraphs, lists, tables and code', async () => {
    const html = `<title>x</title><h1>A <b>b</b></h1><p>one
      two<br>three<ul><li>x<ol><li>y<li>z</ol><li>w</ul>
      <table><caption>cap</caption><tr><th>a<th>b<tr><td>1<td><p>2|3</p><p>4</p></table><pre>x
  y</pre>after`;
    await expect(read(html, 'a.html')).resolves.toEqual([
      { kind: 'heading', level: 1, text: 'A b' },
      { kind: 'paragraph', text: 'one two\nthree' },
      { kind: 'list', text: '- x\n  1. y\n  2. z\n- w' },
      { kind: 'paragraph', text: 'cap' },
      { kind: 'table', text: '| a | b |\n| --- | --- |\n| 1 | 2\\|3 4 |' },
      { kind: 'code', text: 'x\n  y' },
      { kind: 'paragraph', text: 'after' },
    ]);
  });

  it('leaves out what a browser does not show', async () => {
    const html =
      '<p>seen</p><script>a()</script><p hidden>no <b>no</b></p><div style="display: none">no</div><!-- no --><nav>no</nav><p>seen too</p>';
    await expect(read(html, 'a.htm')).resolves.toEqual([
      { kind: 'paragraph', text: 'seen' },
      { kind: 'paragraph', text: 'seen too' },
    ]);
  });

  it('decodes the encoding that the page declares', async () => {
    const page = Buffer.from('<meta charset="windows-1252"><p>caf\xe9', 'latin1');
    await expect(readDocument(page, 'a.html')).resolves.toEqual([{ kind: 'paragraph', text: 'café' }]);
  });

  it('reads 3,000 nested elements, and has a sentence for more than 5,000', async () => {
    const nested = (depth: number) => read(`${'<div><ul><li>'.repeat(depth / 3)}deep`, 'a.html');
    await expect(nested(3000)).resolves.toMatchObject([{ kind: 'list' }]);
    await expect(refusal(nested(300_000))).resolves.toContain('nests elements more than 5000 deep');
  });
});

describe('PDF', () => {
  const pages = Array.from({ length: 4 }, (_, page) => [
    line('Annual report', 760, 9),
    line(`Chapter ${page + 1}`, 700, 18),
    line('The first line of a para-', 670),
    line('graph that goes on.', 656),
    line('Another paragraph.', 620),
    line(`Page ${page + 1}`, 40, 9),
  ]);

  it('tells headings by size and paragraphs by gaps, and drops running titles', async () => {
    const blocks = await readDocument(pdfFile(pages), 'a.pdf');
    expect(blocks.slice(0, 4)).toEqual([
      { kind: 'heading', level: 1, text: 'Chapter 1' },
      { kind: 'paragraph', text: 'The first line of a paragraph that goes on.' },
      { kind: 'paragraph', text: 'Another paragraph.' },
      { kind: 'heading', level: 1, text: 'Chapter 2' },
    ]);
    expect(blocks).toHaveLength(12);
  });

  it('joins a sentence that goes on over a page', async () => {
    const file = pdfFile([[line('It begins here and', 100)], [line('ends there.', 700)]]);
    await expect(readDocument(file, 'a.pdf')).resolves.toEqual([
      { kind: 'paragraph', text: 'It begins here and ends there.' },
    ]);
  });

  it('has a sentence for an encrypted file', async () => {
    await expect(refusal(readDocument(encryptedPdf(), 'a.pdf'))).resolves.toBe(
      'a.pdf is encrypted: remove the password, and upload it again.',
    );
  });

  it('has a sentence for a broken file', async () => {
    await expect(refusal(read('%PDF-1.7 nothing', 'a.pdf'))).resolves.toMatch(
      /^a\.pdf cannot be read as PDF, it may be broken: .+\.$/,
    );
  });

  it('has a sentence for a file with images alone', async () => {
    await expect(refusal(readDocument(pdfOf(['']), 'scan.pdf'))).resolves.toContain('has no text that can be read');
  });

  it('has a sentence for a file with too many pages', async () => {
    const file = pdfFile(Array.from({ length: 5001 }, () => []));
    await expect(refusal(readDocument(file, 'a.pdf'))).resolves.toBe(
      'a.pdf has 5001 pages, and at most 5000 are read: split it into several files.',
    );
  }, 60_000);

  it('stops at its limit of memory if a stream unpacks to too much', async () => {
    const bomb = pdfOf([Buffer.alloc(700 * 1024 ** 2, ' ')]);
    expect(bomb.length).toBeLessThan(2 * 1024 ** 2);
    const limited = createReadDocument({ memoryBytes: 256 * 1024 ** 2 });
    await expect(refusal(limited(bomb, 'bomb.pdf'))).resolves.toBe(
      'bomb.pdf needs more than 256 MiB of memory: split it into several files, or nest its parts less deeply.',
    );
  }, 120_000);
});

describe('DOCX', () => {
  it('keeps headings, paragraphs and tables', async () => {
    const cell = (text: string) => `<w:tc>${docxParagraph(text)}</w:tc>`;
    const row = (...cells: readonly string[]) => `<w:tr>${cells.map(cell).join('')}</w:tr>`;
    const file = docxFile(
      `${docxParagraph('Report', 'T')}${docxParagraph('Scope', 'H2')}${docxParagraph('One &lt;two&gt;.')}<w:tbl>${row('a', 'b')}${row('1', '2')}</w:tbl>`,
    );
    await expect(readDocument(file, 'a.docx')).resolves.toEqual([
      { kind: 'heading', level: 1, text: 'Report' },
      { kind: 'heading', level: 2, text: 'Scope' },
      { kind: 'paragraph', text: 'One <two>.' },
      { kind: 'table', text: '| a | b |\n| --- | --- |\n| 1 | 2 |' },
    ]);
  });

  it('has a sentence for a file that unpacks to too much, before it is unpacked', async () => {
    const bomb = docxFile(docxParagraph('x'), [{ name: 'word/x.xml', data: Buffer.alloc(60 * 1024 ** 2) }]);
    expect(bomb.length).toBeLessThan(100_000);
    await expect(refusal(readDocument(bomb, 'a.docx'))).resolves.toContain('a.docx unpacks to more than 200 MiB');
  });

  it('has a sentence for an entry that lies about its size', async () => {
    const liar = docxFile('', [{ name: 'word/x.xml', data: Buffer.alloc(60 * 1024 ** 2), statedSize: 10 }]);
    await expect(refusal(readDocument(liar, 'a.docx'))).resolves.toMatch(/cannot be read as DOCX.*bytes/);
  });

  it('has a sentence for an encrypted file', async () => {
    const compound = Uint8Array.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1);
    await expect(refusal(readDocument(compound, 'a.docx'))).resolves.toContain(
      'is encrypted, or in the format of Word',
    );
    const entry = zipFile([{ name: 'word/document.xml', data: 'x', encrypted: true }]);
    await expect(refusal(readDocument(entry, 'a.docx'))).resolves.toContain('is encrypted: remove the password');
  });

  it.each([
    ['a file that is no ZIP file', bytes('no zip')],
    ['a ZIP file without a document', zipFile([{ name: 'a.txt', data: 'x' }])],
    ['a document that is cut', docxFile(docxParagraph('x')).subarray(0, 900)],
    ['a document of broken XML', docxFile('<w:p><w:r>')],
  ])('has a sentence for %s', async (_, file) => {
    await expect(refusal(readDocument(file, 'a.docx'))).resolves.toMatch(/^a\.docx .+\.$/);
  });

  it('has a sentence or parts for 100,000 nested tables', async () => {
    const file = docxFile(`${'<w:tbl><w:tr><w:tc>'.repeat(30_000)}${'</w:tc></w:tr></w:tbl>'.repeat(30_000)}`);
    await refusal(readDocument(file, 'a.docx'));
  }, 120_000);
});

describe('any document', () => {
  it('is refused if its extension is of no format', async () => {
    await expect(refusal(read('x', 'a.exe'))).resolves.toBe(
      'a.exe has no extension of a format that can be read: use one of .md, .markdown, .txt, .text, .html, .htm, .xhtml, .pdf, .docx.',
    );
    await expect(refusal(read('x', 'constructor'))).resolves.toContain('has no extension of a format');
  });

  it('is refused if it has no text', async () => {
    await expect(refusal(read(' \n', 'a.md'))).resolves.toBe('a.md has no text.');
  });

  it('is refused if it is too large', async () => {
    const limited = createReadDocument({ bytes: 1024 ** 2 });
    await expect(refusal(limited(new Uint8Array(1.5 * 1024 ** 2), 'a.txt'))).resolves.toBe(
      'a.txt has 1.5 MiB, and at most 1 MiB are read: split it into several files.',
    );
  });

  it('is refused if reading takes too long, and the next document is read', async () => {
    const limited = createReadDocument({ timeMs: 3000 });
    const slow = `${'*a **b '.repeat(200_000)}\n`;
    await expect(refusal(limited(bytes(slow), 'slow.md'))).resolves.toBe(
      'slow.md takes more than 3 seconds to read: split it into several files.',
    );
    await expect(limited(bytes('next'), 'a.md')).resolves.toHaveLength(1);
  }, 60_000);

  it('stays with its caller: the bytes are copied', async () => {
    const source = bytes('text');
    await readDocument(source, 'a.txt');
    expect(source).toEqual(bytes('text'));
  });

  it('is read beside others', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, (_, index) => read(`text ${index}`, 'a.txt')));
    expect(results.map(([block]) => block?.text)).toEqual(Array.from({ length: 6 }, (_, index) => `text ${index}`));
  });
});
