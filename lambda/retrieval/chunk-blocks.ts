import { createHash } from 'node:crypto';
import type { Block, Chunk, Chunking } from './document.ts';

export interface ChunkOptions extends Chunking {
  /** Counts the tokens of a text. */
  readonly count: (text: string) => number;
}

/**
 * Cuts a document into chunks by its structure. A chunk has text under one heading. A block stays whole if it fits into a chunk; if not, a
 * paragraph is cut at sentences, a list at items, code at lines, and each part of a table has its header row. Inside of long sections, the
 * text decides where chunks end, so that an insertion changes only the chunks around it.
 *
 * @throws {RangeError} if an option is out of its range
 */
export function chunkBlocks(blocks: readonly Block[], options: ChunkOptions): readonly Chunk[] {
  const { maxTokens, overlapTokens } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 16) {
    throw new RangeError(`maxTokens is ${maxTokens}: use a whole number of at least 16.`);
  }
  if (!Number.isInteger(overlapTokens) || overlapTokens < 0 || overlapTokens > maxTokens / 2) {
    throw new RangeError(
      `overlapTokens is ${overlapTokens}: use a whole number from 0 to ${maxTokens / 2}, half of maxTokens.`,
    );
  }
  return sections(blocks).flatMap(({ titlePath, body }) =>
    packPieces(
      body.flatMap((block) => pieces(block, options)),
      options,
    ).map((text) => ({ titlePath, text })),
  );
}

/**
 * Returns the ids of the chunks of a file. The text and the title path of a chunk decide its id, and among equal chunks their order:
 * what is inserted elsewhere changes no id.
 */
export function passageIds(fileId: string, chunks: readonly Chunk[]): readonly string[] {
  const seen = new Map<string, number>();
  return chunks.map(({ titlePath, text }) => {
    const hash = createHash('sha256')
      .update(JSON.stringify([titlePath, text]))
      .digest('hex')
      .slice(0, 24);
    const ordinal = seen.get(hash) ?? 0;
    seen.set(hash, ordinal + 1);
    return `${fileId}-${hash}-${ordinal}`;
  });
}

interface Section {
  readonly titlePath: readonly string[];
  readonly body: readonly Content[];
}

type Content = Exclude<Block, { readonly kind: 'heading' }>;

/** Groups blocks under their headings. A heading with nothing below it is text of the section above it. */
function sections(blocks: readonly Block[]): readonly Section[] {
  const result: { titlePath: readonly string[]; body: Content[] }[] = [];
  let path: { readonly level: number; readonly text: string }[] = [];
  let body: Content[] | undefined;
  for (const [index, block] of blocks.entries()) {
    if (block.kind === 'heading') {
      path = path.filter(({ level }) => level < block.level);
      const next = blocks[index + 1];
      if (next === undefined || (next.kind === 'heading' && next.level <= block.level)) {
        result.push({ titlePath: path.map(({ text }) => text), body: [{ kind: 'paragraph', text: block.text }] });
      }
      path.push(block);
      body = undefined;
    } else {
      if (body === undefined) {
        body = [];
        result.push({ titlePath: path.map(({ text }) => text), body });
      }
      body.push(block);
    }
  }
  return result;
}

/** Text that is not cut further, of at most `maxTokens`. */
interface Piece {
  /** What stands between it and the piece before it, if both are in one chunk. */
  readonly separator: string;
  readonly text: string;
  readonly tokens: number;
  /** Whether a next chunk may repeat its end. Rows of a table say nothing without their header. */
  readonly repeats: boolean;
}

/** Tokens of this many characters on average are seen in runs of spaces alone. */
const MAX_TOKEN_CHARACTERS = 128;

function pieces(block: Content, options: ChunkOptions): readonly Piece[] {
  const { count, maxTokens } = options;
  const text = block.text;
  if (text.trim() === '') return [];
  const repeats = block.kind !== 'table';
  // A text of so many characters is not counted as a whole: it is cut in any case, and its pieces are packed again.
  const tokens = text.length > maxTokens * MAX_TOKEN_CHARACTERS ? undefined : count(text);
  if (tokens !== undefined && tokens <= maxTokens) return [{ separator: '\n\n', text, tokens, repeats }];
  const texts = block.kind === 'table' ? cutTable(text, options) : cutText(text, block.kind, options);
  const inner = block.kind === 'paragraph' ? '' : block.kind === 'table' ? '\n\n' : '\n';
  return texts.map((part, index) => ({
    separator: index === 0 ? '\n\n' : inner,
    text: part,
    tokens: count(part),
    repeats,
  }));
}

const sentences = new Intl.Segmenter(undefined, { granularity: 'sentence' });
const words = new Intl.Segmenter(undefined, { granularity: 'word' });
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cuts text at the largest units of which each fits: items or lines, sentences, words, characters. */
function cutText(text: string, kind: 'paragraph' | 'list' | 'code', options: ChunkOptions): readonly string[] {
  const { count, maxTokens } = options;
  if (kind !== 'paragraph') {
    return text.split('\n').flatMap((line) => {
      if (count(line) <= maxTokens) return [line];
      return kind === 'list' ? cutText(line, 'paragraph', options) : gather(segments(words, line), options);
    });
  }
  return segments(sentences, text).flatMap((sentence) =>
    count(sentence) <= maxTokens ? [sentence] : gather(segments(words, sentence), options),
  );
}

/** Joins small units to texts that fill a chunk. A unit that does not fit is cut into characters. */
function gather(units: readonly string[], options: ChunkOptions): readonly string[] {
  const { count, maxTokens } = options;
  const fitting = units.flatMap((unit) => {
    if (count(unit) <= maxTokens) return [unit];
    // A character of many code points, such as a letter with a hundred accents, may not fit either. Four code units are at most 12 bytes,
    // and so at most 12 tokens.
    return segments(graphemes, unit).flatMap((character) =>
      character.length <= 4 || count(character) <= maxTokens ? [character] : [...character],
    );
  });
  const result: string[] = [];
  let start = 0;
  while (start < fitting.length) {
    const end = longestFit(start, fitting.length, (to) => count(fitting.slice(start, to).join('')) <= maxTokens);
    result.push(fitting.slice(start, end).join(''));
    start = end;
  }
  return result;
}

/** Finds the end of the longest run from `start` that fits: it grows by doubling, and then by halves. One unit always counts as fitting. */
function longestFit(start: number, length: number, fits: (end: number) => boolean): number {
  let step = 1;
  let good = start + 1;
  while (good + step <= length && fits(good + step)) {
    good += step;
    step *= 2;
  }
  for (; step >= 1; step = Math.floor(step / 2)) {
    if (good + step <= length && fits(good + step)) good += step;
  }
  return good;
}

function segments(segmenter: Intl.Segmenter, text: string): readonly string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Cuts a table between rows. Each part begins with the header row and the line below it. */
function cutTable(text: string, options: ChunkOptions): readonly string[] {
  const { count, maxTokens } = options;
  const [header = '', rule = '', ...rows] = text.split('\n');
  const head = `${header}\n${rule}\n`;
  // A header that leaves no room for rows is text like theirs.
  if (count(head) > maxTokens / 2) return cutText(text, 'list', options);
  const result: string[] = [];
  let start = 0;
  while (start < rows.length) {
    const part = (to: number) => head + rows.slice(start, to).join('\n');
    if (count(part(start + 1)) > maxTokens) {
      const room = maxTokens - count(head) - 1;
      const cut = { ...options, maxTokens: Math.max(room, 1) };
      for (const piece of gather(segments(words, rows[start] ?? ''), cut))
        result.push(...fitHead(head, piece, options));
      start += 1;
    } else {
      const end = longestFit(start, rows.length, (to) => count(part(to)) <= maxTokens);
      result.push(part(end));
      start = end;
    }
  }
  return result;
}

/** Puts the header before a part of a row. Tokens of a whole can be more than those of its parts: the part then stands alone. */
function fitHead(head: string, part: string, { count, maxTokens }: ChunkOptions): readonly string[] {
  const whole = head + part;
  return count(whole) <= maxTokens ? [whole] : [part];
}

/** Packs pieces of one section into chunks. */
function packPieces(all: readonly Piece[], options: ChunkOptions): readonly string[] {
  const { count, maxTokens } = options;
  const result: string[] = [];
  let start = 0;
  let overlap: readonly Piece[] = [];
  while (start < all.length) {
    const first = all[start];
    if (first === undefined) break;
    while (overlap.length > 0 && count(trimEnds(joined([...overlap, first]))) > maxTokens) overlap = overlap.slice(1);
    const lead = overlap;
    const textTo = (end: number) => trimEnds(joined([...lead, ...all.slice(start, end)]));
    const full = lastFit(all, start, lead, (end) => count(textTo(end)) <= maxTokens, maxTokens);
    const end = full === all.length ? full : settledEnd(all, start, full);
    result.push(textTo(end));
    overlap = trailing(all.slice(start, end), options);
    start = end;
  }
  return result.filter((text) => text !== '');
}

/** Finds the last end whose text fits. The sum of the pieces' tokens is nearly that of the text, so few texts are counted. */
function lastFit(
  all: readonly Piece[],
  start: number,
  lead: readonly Piece[],
  fits: (end: number) => boolean,
  maxTokens: number,
): number {
  let sum = lead.reduce((tokens, piece) => tokens + piece.tokens, 0);
  let end = start;
  while (end < all.length && sum + (all[end]?.tokens ?? 0) <= maxTokens) {
    sum += all[end]?.tokens ?? 0;
    end += 1;
  }
  while (end > start + 1 && !fits(end)) end -= 1;
  if (end <= start) return start + 1;
  while (end < all.length && fits(end + 1)) end += 1;
  return end;
}

/**
 * Chooses where a chunk ends that could go on: in its second half, after the piece with the smallest hash. Two versions of a text that
 * differ at one place soon choose the same ends again (content-defined chunking).
 */
function settledEnd(all: readonly Piece[], start: number, full: number): number {
  const total = all.slice(start, full).reduce((tokens, piece) => tokens + piece.tokens, 0);
  let tokens = 0;
  let best = full;
  let bestHash: string | undefined;
  for (let end = start + 1; end <= full; end += 1) {
    const piece = all[end - 1];
    tokens += piece?.tokens ?? 0;
    if (tokens * 2 < total) continue;
    const hash = createHash('sha256')
      .update(piece?.text ?? '')
      .digest('hex');
    if (bestHash === undefined || hash < bestHash) {
      best = end;
      bestHash = hash;
    }
  }
  return best;
}

/** The end of a chunk that the next one repeats: whole sentences or lines. */
function trailing(chunk: readonly Piece[], { overlapTokens, count }: ChunkOptions): readonly Piece[] {
  let result: readonly Piece[] = [];
  if (overlapTokens === 0) return result;
  for (const piece of chunk.toReversed()) {
    if (!piece.repeats) return result;
    for (const unit of unitsOf(piece).toReversed()) {
      const longer = [{ ...unit, tokens: count(unit.text) }, ...result];
      if (count(joined(longer)) > overlapTokens) return result;
      result = longer;
    }
  }
  return result;
}

/** Sentences of a piece, or its lines if it has several. */
function unitsOf({ separator, text, repeats }: Piece): readonly Omit<Piece, 'tokens'>[] {
  const isLines = text.includes('\n');
  const texts = isLines ? text.split('\n') : segments(sentences, text);
  return texts.map((part, index) => ({
    separator: index === 0 ? separator : isLines ? '\n' : '',
    text: part,
    repeats,
  }));
}

function joined(parts: readonly Piece[]): string {
  return parts.map(({ separator, text }, index) => (index === 0 ? text : separator + text)).join('');
}

/** Trims line ends, and spaces at the end. Spaces at the start may be the indent of code. */
function trimEnds(text: string): string {
  let start = 0;
  while (text[start] === '\n') start += 1;
  return text.slice(start).trimEnd();
}
