import type { PromptPart, Turn } from '../forcing/format.ts';

/** A non-empty list. */
type Some<T> = readonly [T, ...T[]];

/** Groups the turns: `tool` turns that follow each other are one group, any other turn is its own. */
export function inRuns(turns: readonly Turn[]): readonly Some<Turn>[] {
  const runs: [Turn, ...Turn[]][] = [];
  for (const turn of turns) {
    const last = runs.at(-1);
    if (turn.role === 'tool' && last?.[0].role === 'tool') last.push(turn);
    else runs.push([turn]);
  }
  return runs;
}

/** Whether the parts are more than white space. */
export function hasText(parts: readonly PromptPart[]): boolean {
  return parts.some((part) => 'control' in part || part.text.trim() !== '');
}

/** Removes white space at both ends, as the templates' `trim`. */
export function trimmed(parts: readonly PromptPart[]): readonly PromptPart[] {
  const whole = parts.filter((part) => 'control' in part || part.text !== '');
  const first = whole.findIndex((part) => 'control' in part || part.text.trim() !== '');
  const last = whole.findLastIndex((part) => 'control' in part || part.text.trim() !== '');
  return whole.slice(first < 0 ? whole.length : first, last + 1).map((part, index, { length }) => {
    if ('control' in part || part.ids !== undefined) return part;
    const text = index === 0 ? part.text.trimStart() : part.text;
    return { text: index === length - 1 ? text.trimEnd() : text };
  });
}

/** A control token that a vocabulary may lack: then it is text. */
export function tag(token: string): PromptPart {
  return { control: token, orText: true };
}

/** Splits a text at some control strings, which become control tokens. For a format's own texts, never for a client's. */
export function withTags(text: string, tags: readonly string[]): readonly PromptPart[] {
  const parts: PromptPart[] = [];
  let rest = text;
  while (rest !== '') {
    const [at, found] = tags.reduce<readonly [number, string]>(
      (best, candidate) => {
        const index = rest.indexOf(candidate);
        return index >= 0 && index < best[0] ? [index, candidate] : best;
      },
      [rest.length, ''],
    );
    if (at > 0) parts.push({ text: rest.slice(0, at) });
    if (found !== '') parts.push(tag(found));
    rest = rest.slice(at + found.length);
  }
  return parts;
}

/** Index of the last turn of the user. -1 if there is none. */
export function lastUserIndex(turns: readonly Turn[]): number {
  return turns.findLastIndex((turn) => turn.role === 'user');
}

/** Takes the system messages out of a conversation and joins them with an empty line, for families with one at the beginning. */
export function systemFirst(turns: readonly Turn[]): {
  readonly system: readonly PromptPart[] | undefined;
  readonly rest: readonly Turn[];
} {
  const systems = turns.filter((turn) => turn.role === 'system');
  const system = systems.flatMap(({ content }, index) => [{ text: index === 0 ? '' : '\n\n' }, ...content]);
  return { system: systems.length === 0 ? undefined : system, rest: turns.filter((turn) => turn.role !== 'system') };
}
