import type { Parser } from 'htmlparser2';
import { type Block, UnreadableDocumentError } from '../document.ts';
import { decodeText } from './decode-text.ts';
import { readLimits } from './read-limits.ts';
import { writeTable } from './write-table.ts';

/** Reads an HTML page. What a browser does not show is left out. */
export async function readHtml(bytes: Uint8Array): Promise<readonly Block[]> {
  return htmlBlocks(decodeText(bytes, declaredEncoding(bytes)));
}

/** Reads HTML text as a stream of tags and text. */
export async function htmlBlocks(html: string): Promise<readonly Block[]> {
  const { Parser } = await import('htmlparser2');
  const collector = new BlockCollector();
  const parser: Parser = new Parser({
    onopentag: (name, attributes) => collector.open(name, attributes),
    ontext: (text) => collector.text(text),
    onclosetag: (name) => collector.close(name),
  });
  parser.end(html);
  return collector.end();
}

/** The time of the parser grows with the square of the depth. */
const MAX_DEPTH = 5000;

/** Elements without text for readers. Navigation is no part of the content. */
const skipped = new Set(
  'head title script style template noscript svg math iframe object nav select textarea button dialog'.split(' '),
);
/** Elements that begin and end a line. */
const breaking = new Set(
  `address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header hr html legend main p
  section summary caption`.split(/\s/),
);
const lists = new Set(['ul', 'ol', 'menu']);

interface OpenList {
  readonly ordered: boolean;
  items: number;
}

/** Collects the blocks of a page from the events of its parser. */
class BlockCollector {
  readonly #blocks: Block[] = [];
  #text = '';
  #depth = 0;
  /** Elements that are open inside a skipped one, and that one. */
  #hiddenDepth = 0;
  #preDepth = 0;
  #headingLevel: 1 | 2 | 3 | 4 | 5 | 6 | undefined;
  readonly #lists: OpenList[] = [];
  #listLines: string[] = [];
  #itemMark = '';
  #tableDepth = 0;
  #rows: string[][] = [];

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw new UnreadableDocumentError(`nests elements more than ${MAX_DEPTH} deep: it may be broken`);
    }
    if (this.#hiddenDepth > 0 || skipped.has(name) || isHidden(attributes)) {
      this.#hiddenDepth += 1;
      return;
    }
    if (name === 'br') this.#text += '\n';
    else if (name === 'img') this.text(attributes['alt'] ?? '');
    else if (this.#tableDepth > 0) this.#openInTable(name);
    else if (this.#preDepth > 0 || name === 'pre') this.#openPre(name);
    else if (lists.has(name)) this.#openList(name);
    else if (name === 'li') this.#openItem();
    else if (name === 'table') {
      this.#endLine();
      this.#endList();
      this.#tableDepth = 1;
      this.#rows = [];
    } else if (/^h[1-6]$/.test(name)) {
      this.#endLine();
      this.#endList();
      this.#headingLevel = Number(name[1]) as 1 | 2 | 3 | 4 | 5 | 6;
    } else if (breaking.has(name)) this.#endLine();
  }

  text(text: string): void {
    if (this.#hiddenDepth > 0) return;
    this.#text += this.#preDepth > 0 ? text : text.replaceAll(/[\t\n\f\r ]+/g, ' ');
  }

  close(name: string): void {
    this.#depth -= 1;
    if (this.#hiddenDepth > 0) {
      this.#hiddenDepth -= 1;
      return;
    }
    if (this.#tableDepth > 0) this.#closeInTable(name);
    else if (name === 'pre' && this.#preDepth > 0) {
      this.#preDepth -= 1;
      if (this.#preDepth === 0) this.#endCode();
    } else if (this.#preDepth > 0) return;
    else if (lists.has(name)) {
      this.#endLine();
      this.#lists.pop();
      if (this.#lists.length === 0) this.#endList();
    } else if (name === 'li' || breaking.has(name)) this.#endLine();
    else if (/^h[1-6]$/.test(name)) {
      this.#endLine();
      this.#headingLevel = undefined;
    }
  }

  end(): readonly Block[] {
    if (this.#tableDepth > 0) this.#endTable();
    if (this.#preDepth > 0) this.#endCode();
    this.#endLine();
    this.#endList();
    return this.#blocks;
  }

  #openInTable(name: string): void {
    if (name === 'table') this.#tableDepth += 1;
    else if (name === 'tr' && this.#tableDepth === 1) {
      this.#endCell();
      this.#rows.push([]);
    } else if ((name === 'td' || name === 'th') && this.#tableDepth === 1) {
      this.#endCell();
      if (this.#rows.length === 0) this.#rows.push([]);
      this.#rows.at(-1)?.push('');
    } else if (breaking.has(name) || name === 'li' || name === 'tr' || name === 'td' || name === 'th') {
      this.#text += ' ';
    }
  }

  #closeInTable(name: string): void {
    if (name === 'table') {
      this.#tableDepth -= 1;
      if (this.#tableDepth === 0) this.#endTable();
    } else if (name === 'caption' && this.#tableDepth === 1) {
      this.#push({ kind: 'paragraph', text: tidy(this.#text) });
      this.#text = '';
    }
  }

  /** Adds the collected text to the last cell. */
  #endCell(): void {
    const row = this.#rows.at(-1);
    const text = tidy(this.#text);
    this.#text = '';
    if (text === '') return;
    if (row === undefined || row.length === 0) this.#push({ kind: 'paragraph', text });
    else row[row.length - 1] = text;
  }

  #endTable(): void {
    this.#endCell();
    this.#tableDepth = 0;
    const rows = this.#rows.filter((row) => row.some((cell) => cell !== ''));
    // A table of one cell is a layout, not a table.
    if (rows.length === 1 && rows[0]?.length === 1) this.#push({ kind: 'paragraph', text: rows[0][0] ?? '' });
    else if (rows.length > 0) this.#push({ kind: 'table', text: writeTable(rows) });
    this.#rows = [];
  }

  #openPre(name: string): void {
    if (name !== 'pre') return;
    if (this.#preDepth === 0) {
      this.#endLine();
      this.#endList();
    }
    this.#preDepth += 1;
  }

  #endCode(): void {
    this.#preDepth = 0;
    const text = trimBlankLines(this.#text);
    this.#text = '';
    if (text !== '') this.#push({ kind: 'code', text });
  }

  #openList(name: string): void {
    this.#endLine();
    this.#lists.push({ ordered: name === 'ol', items: 0 });
  }

  #openItem(): void {
    this.#endLine();
    const list = this.#lists.at(-1);
    if (list !== undefined) list.items += 1;
    // Deeper levels say no more to a reader, and cost tokens.
    const indent = '  '.repeat(Math.min(Math.max(this.#lists.length - 1, 0), 8));
    this.#itemMark = `${indent}${list?.ordered ? `${list.items}.` : '-'} `;
  }

  /** Ends a heading, a paragraph, or a line of a list. */
  #endLine(): void {
    const text = tidy(this.#text);
    this.#text = '';
    if (text === '') return;
    if (this.#headingLevel !== undefined) {
      this.#push({ kind: 'heading', level: this.#headingLevel, text: text.replaceAll('\n', ' ') });
    } else if (this.#lists.length > 0 || this.#itemMark !== '') {
      const mark = this.#itemMark === '' ? '  ' : this.#itemMark;
      this.#listLines.push(`${mark}${text.replaceAll('\n', ' ')}`);
      this.#itemMark = '';
    } else {
      this.#endList();
      this.#push({ kind: 'paragraph', text });
    }
  }

  #endList(): void {
    if (this.#listLines.length > 0) this.#push({ kind: 'list', text: this.#listLines.join('\n') });
    this.#listLines = [];
    this.#itemMark = '';
  }

  #push(block: Block): void {
    if (block.text === '') return;
    this.#blocks.push(block);
    if (this.#blocks.length > readLimits.blocks) {
      throw new UnreadableDocumentError(`has more than ${readLimits.blocks} parts: split it into several files`);
    }
  }
}

function isHidden(attributes: Readonly<Record<string, string>>): boolean {
  if ('hidden' in attributes) return true;
  const style = attributes['style']?.replaceAll(' ', '').toLowerCase() ?? '';
  return style.includes('display:none') || style.includes('visibility:hidden');
}

/** Trims each line, and lets one line end stand for several. */
function tidy(text: string): string {
  const lines = text.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '));
  return lines.filter((line) => line !== '').join('\n');
}

function trimBlankLines(text: string): string {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const first = lines.findIndex((line) => line !== '');
  const last = lines.findLastIndex((line) => line !== '');
  return first === -1 ? '' : lines.slice(first, last + 1).join('\n');
}

/** Encoding in a page's `<meta>`, which is in its first 1,024 bytes. https://html.spec.whatwg.org/#charset */
function declaredEncoding(bytes: Uint8Array): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).toLowerCase();
  const at = start.indexOf('charset=');
  if (at === -1) return 'utf-8';
  const label = /^["']?([a-z0-9_:-]{2,40})/.exec(start.slice(at + 'charset='.length))?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).encoding;
  } catch {
    // An unknown label: browsers guess; UTF-8 is what nearly every page is.
    return 'utf-8';
  }
}
