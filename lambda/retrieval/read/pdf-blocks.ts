import type { Block } from '../document.ts';

/** A line of a page, from top to bottom. */
export interface PdfLine {
  readonly text: string;
  /** Height of the letters, in points. */
  readonly size: number;
  /** Distance of the baseline from the bottom of the page, in points. */
  readonly y: number;
}
export type PdfPage = readonly PdfLine[];

/** Letters this much larger than those of most text are a heading's. */
const HEADING_RATIO = 1.15;
const MAX_HEADING_CHARACTERS = 200;
/** A gap this much larger than that between most lines parts paragraphs. */
const PARAGRAPH_RATIO = 1.3;
const bullets = /^[•◦▪‣●○·]\s*/;

/** Rebuilds headings, paragraphs and lists from the lines of a PDF. */
export function pdfBlocks(pages: readonly PdfPage[]): readonly Block[] {
  const kept = withoutRunningTitles(pages);
  const lines = kept.flat();
  const bodySize = mostText(lines, ({ size }) => size);
  const lineGap = mostText(lines, (line, index) => {
    const above = lines[index - 1];
    const gap = above?.size === line.size ? above.y - line.y : 0;
    return gap > 0 && gap < line.size * 3 ? Math.round(gap) : undefined;
  });
  const levels = headingLevels(lines, bodySize);
  const blocks: Block[] = [];
  let open: { readonly size: number; readonly kind: 'paragraph' | 'list'; text: string } | undefined;
  const end = () => {
    if (open === undefined) return;
    const { kind, size, text } = open;
    open = undefined;
    const level = text.length <= MAX_HEADING_CHARACTERS ? levels.get(size) : undefined;
    if (level !== undefined) blocks.push({ kind: 'heading', level, text: text.replaceAll('\n', ' ') });
    else blocks.push({ kind, text });
  };
  for (const page of kept) {
    let previous: PdfLine | undefined;
    for (const line of page) {
      const isItem = bullets.test(line.text);
      if (open !== undefined && !continues(open.text, previous, line, lineGap, open.size)) {
        if (!(isItem && open.kind === 'list')) end();
      }
      const text = line.text.replace(bullets, '- ');
      if (open === undefined) open = { size: line.size, kind: isItem ? 'list' : 'paragraph', text };
      else if (isItem && open.kind === 'list') open.text += `\n${text}`;
      else if (isItem) {
        end();
        open = { size: line.size, kind: 'list', text };
      } else open.text = joinLines(open.text, text);
      previous = line;
    }
  }
  end();
  return blocks;
}

/** Whether a line goes on with what is above it. */
function continues(
  text: string,
  previous: PdfLine | undefined,
  line: PdfLine,
  lineGap: number | undefined,
  size: number,
): boolean {
  if (line.size !== size) return false;
  // On a new page or column, only a sentence that has no end goes on.
  const gap = previous === undefined ? -1 : previous.y - line.y;
  if (gap < 0) return /^\p{Ll}/u.test(line.text) && !/[.!?:]$/.test(text);
  return lineGap === undefined || gap <= lineGap * PARAGRAPH_RATIO;
}

/** Joins two lines of a paragraph. A word that a hyphen parts becomes whole. */
function joinLines(text: string, line: string): string {
  if (/\p{L}-$/u.test(text) && /^\p{Ll}/u.test(line)) return `${text.slice(0, -1)}${line}`;
  const spaceless = /\p{Script=Han}$|\p{Script=Hiragana}$|\p{Script=Katakana}$|\p{Script=Thai}$/u;
  return spaceless.test(text) ? `${text}${line}` : `${text} ${line}`;
}

/** Drops first and last lines that most pages share but for their digits: titles and page numbers. */
function withoutRunningTitles(pages: readonly PdfPage[]): readonly PdfPage[] {
  const shape = (line: PdfLine | undefined) => line?.text.replaceAll(/\d+/g, '#') ?? '';
  const firsts = counts(pages.map((page) => shape(page[0])));
  const lasts = counts(pages.map((page) => shape(page.at(-1))));
  const isShared = (count: number | undefined) => count !== undefined && count >= 3 && count > pages.length / 2;
  return pages.map((page) => {
    const start = isShared(firsts.get(shape(page[0]))) ? 1 : 0;
    const end = page.length > start && isShared(lasts.get(shape(page.at(-1)))) ? page.length - 1 : page.length;
    return page.slice(start, end);
  });
}

function counts(values: readonly string[]): ReadonlyMap<string, number> {
  const result = new Map<string, number>();
  for (const value of values) result.set(value, (result.get(value) ?? 0) + 1);
  return result;
}

/** Returns the value that most characters have. */
function mostText(
  lines: readonly PdfLine[],
  value: (line: PdfLine, index: number) => number | undefined,
): number | undefined {
  const characters = new Map<number, number>();
  for (const [index, line] of lines.entries()) {
    const key = value(line, index);
    if (key !== undefined) characters.set(key, (characters.get(key) ?? 0) + line.text.length);
  }
  return [...characters].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Levels of headings by the size of their letters, the largest first. */
function headingLevels(lines: readonly PdfLine[], bodySize = 0): ReadonlyMap<number, 1 | 2 | 3 | 4 | 5 | 6> {
  const sizes = [...new Set(lines.map(({ size }) => size))].filter((size) => size >= bodySize * HEADING_RATIO);
  const levels = [1, 2, 3, 4, 5, 6] as const;
  return new Map(sizes.sort((a, b) => b - a).map((size, index) => [size, levels[Math.min(index, 5)] ?? 6]));
}
