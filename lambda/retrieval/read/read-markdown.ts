import type { Block } from '../document.ts';
import { decodeText } from './decode-text.ts';
import { htmlBlocks } from './read-html.ts';

/** Reads GitHub Flavored Markdown. Text stays as it is written, so links and inline code keep their marks. */
export async function readMarkdown(bytes: Uint8Array): Promise<readonly Block[]> {
  const [{ fromMarkdown }, { gfmFromMarkdown }, { gfm }, { toString: plainText }] = await Promise.all([
    import('mdast-util-from-markdown'),
    import('mdast-util-gfm'),
    import('micromark-extension-gfm'),
    import('mdast-util-to-string'),
  ]);
  const source = withoutFrontMatter(decodeText(bytes));
  const root = fromMarkdown(source, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  const blocks: Block[] = [];
  for (const node of root.children) {
    if (node.type === 'heading') {
      const text = plainText(node, { includeHtml: false }).trim();
      if (text !== '') blocks.push({ kind: 'heading', level: node.depth, text });
    } else if (node.type === 'code') {
      if (node.value.trim() !== '') blocks.push({ kind: 'code', text: node.value });
    } else if (node.type === 'html') {
      for (const block of await htmlBlocks(node.value)) blocks.push(block);
    } else if (node.type !== 'thematicBreak' && node.type !== 'definition') {
      const text = source.slice(node.position?.start.offset, node.position?.end.offset);
      const kind = node.type === 'list' || node.type === 'table' ? node.type : 'paragraph';
      if (text.trim() !== '') blocks.push({ kind, text });
    }
  }
  return blocks;
}

/** Cuts the YAML at the start of a page of a site generator. */
function withoutFrontMatter(source: string): string {
  if (!source.startsWith('---\n')) return source;
  const end = source.indexOf('\n---\n', 3);
  return end === -1 ? source : source.slice(end + '\n---\n'.length);
}
