import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Format, PromptPart } from '../../../lambda/forcing/format.ts';

const addedTokensSchema = z.object({ added_tokens: z.array(z.object({ content: z.string() })).default([]) });

/** The control tokens of a format, and all added tokens of a tokenizer.json, as strings of more than one character. */
export async function controlStringsOf(format: Format, tokenizerPath: string | undefined): Promise<readonly string[]> {
  const parts = [
    ...format.renderTurns([
      { role: 'system', content: [{ text: 's' }] },
      { role: 'user', content: [{ text: 'q' }] },
    ]),
    ...format.openThinking,
    ...format.openAnswer,
    ...format.forceAnswer,
  ];
  const own = [...parts.flatMap(controlOf), ...format.thinkingEnds, ...format.answerEnds];
  const added =
    tokenizerPath === undefined
      ? []
      : addedTokensSchema.parse(JSON.parse(await readFile(tokenizerPath, 'utf8'))).added_tokens;
  return [...new Set([...own, ...added.map(({ content }) => content)])].filter((control) => control.length > 1);
}

function controlOf(part: PromptPart): readonly string[] {
  return 'control' in part ? [part.control] : [];
}

/** Returns a function that finds the control strings in a text, each once. Of several that begin at one place, the longest counts. */
export function controlStringFinder(controls: readonly string[]): (text: string) => readonly string[] {
  if (controls.length === 0) return () => [];
  const longestFirst = controls.toSorted((a, b) => b.length - a.length);
  const pattern = longestFirst.map((control) => control.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
  const all = new RegExp(pattern, 'gu');
  return (text) => [...new Set([...text.matchAll(all)].map(([found]) => found))];
}
