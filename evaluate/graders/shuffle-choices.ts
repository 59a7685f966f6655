import { createHash } from 'node:crypto';

/** The options of a multiple-choice question in the order in which they are asked. */
export interface ShuffledChoices {
  readonly options: readonly string[];
  /** Letter of the right option: A for the first. */
  readonly letter: string;
}

/** Most options of a question: one letter each. */
const MAX_CHOICES = 26;
const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/**
 * Shuffles the options of a question, the same way for the same `id` and options in every run, so that the right one has no usual
 * place. `right` is one of `choices`.
 */
export function shuffleChoices(id: string, choices: readonly string[], right: string): ShuffledChoices {
  const rank = (index: number) => createHash('sha256').update(`${id}|${index}`).digest('hex');
  const order = choices.map((choice, index) => ({ choice, index, rank: rank(index) }));
  const sorted = order.toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.index - b.index));
  const place = sorted.findIndex(({ choice }) => choice === right);
  return { options: sorted.map(({ choice }) => choice), letter: letterAt(place) };
}

interface AnyQuestion {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  readonly grader?: string | undefined;
  readonly choices?: readonly string[] | undefined;
}

/** A question with `choices` as it is asked: its options shuffled below it, the letter of the right one as its answer. Others as they are. */
export function arrangeChoices<T extends AnyQuestion>(question: T): (T & { readonly grader?: 'choice' }) | string {
  const { id, choices, answer, grader = 'choice' } = question;
  if (choices === undefined) return question as T & { readonly grader?: 'choice' };
  if (choices.length < 2 || choices.length > MAX_CHOICES)
    return `"choices" has ${choices.length} options. Write 2 to ${MAX_CHOICES}.`;
  if (new Set(choices).size < choices.length) return '"choices" has an option twice. Write each once.';
  if (grader !== 'choice')
    return `the grader of a question with "choices" is choice, not ${grader}. Leave "grader" out.`;
  const right = choices.includes(answer) ? answer : choices[letters.indexOf(answer.trim().toUpperCase())];
  if (right === undefined)
    return `the answer ${JSON.stringify(answer)} is none of the "choices". Write one of them, or its letter in the order of the file.`;
  const { options, letter } = shuffleChoices(id, choices, right);
  return { ...question, question: choicesPrompt(question.question, options), answer: letter, grader: 'choice' };
}

/** The question with its options, a letter before each. */
function choicesPrompt(question: string, options: readonly string[]): string {
  const lines = options.map((option, index) => `${letterAt(index)}) ${option}`);
  return `${question}\n\n${lines.join('\n')}\n\nGive the letter of the right option.`;
}

function letterAt(index: number): string {
  return letters[index] ?? '';
}
