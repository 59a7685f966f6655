import type { Block } from '../document.ts';
import { decodeText } from './decode-text.ts';

/** Reads plain text. Blank lines part its paragraphs. */
export function readText(bytes: Uint8Array): readonly Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  const end = () => {
    if (lines.length > 0) blocks.push({ kind: 'paragraph', text: lines.join('\n') });
    lines = [];
  };
  for (const line of decodeText(bytes).replaceAll('\f', '\n\n').split('\n')) {
    if (line.trim() === '') end();
    else lines.push(line.trimEnd());
  }
  end();
  return blocks;
}
