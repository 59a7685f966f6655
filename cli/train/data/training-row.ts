/** Names of the columns that hold a row, as training/sft/data.py has them. */
interface Columns {
  readonly thought: string;
  /** Of several, the first that a row has counts. */
  readonly answers: readonly [string, ...string[]];
  /** Text before an answer that lacks it. */
  readonly answerStart?: string;
}

export const columnNames = ['plain', 's1k-1.1', 's1k'] as const;
export type ColumnsName = (typeof columnNames)[number];

/** Supported sets of columns, each with `question` and optionally `system`. */
const columnSets: Readonly<Record<ColumnsName, Columns>> = {
  plain: { thought: 'thought', answers: ['answer'] },
  's1k-1.1': { thought: 'deepseek_thinking_trajectory', answers: ['deepseek_attempt'] },
  // s1's data/tokenization.py writes "Answer: " before an attempt that does not contain it.
  s1k: { thought: 'thinking_trajectories', answers: ['attempt', 'solution'], answerStart: 'Answer: ' },
};

/** A row of training data. Texts have no white space at their ends. */
export interface TrainingRow {
  readonly system?: string | undefined;
  readonly question: string;
  readonly thought: string;
  readonly answer: string;
}

type Record_ = Readonly<Record<string, unknown>>;

/** The columns that a record has. `undefined` if it has no thought. */
export function columnsOf(record: unknown): ColumnsName | undefined {
  return isObject(record) ? columnNames.find((name) => columnSets[name].thought in record) : undefined;
}

/** A record as a row, or why it is none: a sentence without its subject. */
export function toTrainingRow(record: unknown, columns: ColumnsName | undefined): TrainingRow | string {
  if (!isObject(record)) return 'is no JSON object. Write {question, thought, answer}';
  if (columns === undefined) {
    const known = columnNames.map((name) => `{question, ${columnSets[name].thought}, ${columnSets[name].answers[0]}}`);
    return `has no thought; its columns are ${Object.keys(record).join(', ') || 'none'}. Write ${known.join(', or ')}`;
  }
  const { thought: thoughtColumn, answers, answerStart = '' } = columnSets[columns];
  const answerColumn = answers.find((name) => (record[name] ?? null) !== null) ?? answers[0];
  const texts = { question: textOf(record, 'question'), thought: textOf(record, thoughtColumn) };
  const answer = textOf(record, answerColumn);
  const system = (record['system'] ?? null) === null ? undefined : textOf(record, 'system');
  const problems = [texts.question, texts.thought, answer, system].flatMap((text) =>
    text?.problem ? [text.problem] : [],
  );
  if (problems.length > 0) return problems.join(', and ');
  const written = answer.text.includes(answerStart.trim()) ? answer.text : answerStart + answer.text;
  return { system: system?.text, question: texts.question.text, thought: texts.thought.text, answer: written };
}

interface Text {
  readonly text: string;
  readonly problem?: string;
}

/** A column as text without white space at its ends. A list of texts (s1K's trajectories) is joined by newlines. */
function textOf(record: Record_, column: string): Text {
  const value = record[column];
  const found =
    Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'string')
      ? value.join('\n')
      : value;
  if (found === undefined || found === null) return { text: '', problem: `lacks the column "${column}"` };
  if (typeof found !== 'string')
    return { text: '', problem: `has ${shown(found)} in the column "${column}" instead of a text` };
  const text = trim(found).toWellFormed();
  return text === '' ? { text, problem: `has an empty column "${column}"` } : { text };
}

function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** White space as Python's `strip` knows it. JavaScript's `trim` also removes U+FEFF, and not U+0085 and U+001C to U+001F. */
const SPACE = new Set(
  '\t\n\v\f\r \u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && SPACE.has(text.charAt(from))) from++;
  while (to > from && SPACE.has(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

function isObject(value: unknown): value is Record_ {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
