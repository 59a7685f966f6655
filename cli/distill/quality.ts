import type { Result } from '../../evaluate/results.ts';

/** Why a thought is not good enough to be trained on. */
export type Fault =
  | 'incomplete'
  | 'no thought'
  | 'no answer'
  | 'control strings'
  | 'a loop'
  | 'an image that is not there';

/** Signs of an image in a question: Markdown, HTML, TeX, Asymptote, words. The models see text alone. */
const IMAGE =
  /!\[[^\]\n]{0,200}\]\(|<img\b|\[asy\]|\\includegraphics|\b(?:figure|diagram|picture|image|graph) (?:below|above|shown|to the (?:right|left))\b/i;

/** Characters at the end of a thought that are looked at for a loop. */
const TAIL = 2_000;
/** A text of 8 to 200 characters that is there six times, to the end. */
const LOOP = /([\s\S]{8,200}?)\1{5}$/;

/**
 * s1's filter of quality, as far as a program can see it: answers that were cut or refused, missing parts, what a template left, loops,
 * questions about an image.
 *
 * @param controlsIn finds the control strings in a text
 * @returns `undefined` if nothing is wrong
 */
export function faultOf(
  question: string,
  { thought, answer, note }: Pick<Result, 'thought' | 'answer' | 'note'>,
  controlsIn: (text: string) => readonly string[],
): Fault | undefined {
  if (answer.trim() === '') return note === null ? 'no answer' : 'incomplete';
  if (note !== null) return 'incomplete';
  if (thought.trim() === '') return 'no thought';
  if (controlsIn(thought).length > 0 || controlsIn(answer).length > 0) return 'control strings';
  if (LOOP.test(thought.trimEnd().slice(-TAIL))) return 'a loop';
  return IMAGE.test(question) ? 'an image that is not there' : undefined;
}
