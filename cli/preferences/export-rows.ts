import type { Format } from '../../lambda/forcing/format.ts';
import { extractAnswer } from '../../lambda/generation/extract-answer.ts';
import { secretsIn } from '../train/data/secrets.ts';
import { type Candidate, type PromptGroup, questionOf } from './candidates.ts';
import { type Pair, type PairKind, type PairOptions, pairsOf } from './pairs.ts';
import { completionText, promptText } from './render.ts';

/** What a trainer takes: pairs, judged answers, questions with answers, or right answers. */
export const exportFormats = ['dpo', 'kto', 'grpo', 'sft'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** A row of the file. The first columns are those of TRL's trainer, or of training/sft. */
export type Row = Readonly<Record<string, unknown>>;

/** Why something was left out. */
export const dropReasons = [
  'tools or a given beginning',
  'no thought',
  'a control string in a text',
  'a credential in a text',
  'several questions',
  'the same row again',
] as const;
export type DropReason = (typeof dropReasons)[number];

export interface ExportOptions extends PairOptions {
  readonly format: ExportFormat;
  /** Format of the model that will be trained. */
  readonly modelFormat: Format;
  /** Share of the prompts that are held out, 0 to below 1. */
  readonly heldOut: number;
  /** Finds control strings in a text. */
  readonly controlsIn: (text: string) => readonly string[];
}

export interface Exported {
  readonly train: readonly Row[];
  readonly heldOut: readonly Row[];
  /** Rows by kind of pair, or by the verdict of KTO. */
  readonly counts: ReadonlyMap<string, number>;
  /** Rows that were left out. */
  readonly dropped: ReadonlyMap<DropReason, number>;
}

/** Makes the rows of an export. All rows of a prompt are in the same split, so nothing held out has been seen. */
export function exportRows(groups: readonly PromptGroup[], options: ExportOptions): Exported {
  const split = { train: [] as Row[], heldOut: [] as Row[] };
  const counts = new Map<string, number>();
  const dropped = new Map<DropReason, number>();
  const seen = new Set<string>();
  const drop = (reason: DropReason) => dropped.set(reason, (dropped.get(reason) ?? 0) + 1);
  for (const group of groups) {
    if (group.hasTools) {
      drop('tools or a given beginning');
      continue;
    }
    for (const { label, texts, row } of draftsOf(group, options)) {
      const reason = wrongWith(group, texts, options);
      const key = JSON.stringify(row);
      if (reason !== undefined) drop(reason);
      else if (seen.has(key)) drop('the same row again');
      else {
        seen.add(key);
        split[isHeldOut(group.hash, options.heldOut) ? 'heldOut' : 'train'].push(row);
        counts.set(label, (counts.get(label) ?? 0) + 1);
      }
    }
  }
  return { ...split, counts, dropped };
}

/** A row before it is checked. */
interface Draft {
  /** What it is counted under. */
  readonly label: string;
  /** Thoughts and answers in it. */
  readonly texts: readonly { readonly thinking: string; readonly answer: string }[];
  readonly row: Row;
}

function draftsOf(group: PromptGroup, options: ExportOptions): readonly Draft[] {
  switch (options.format) {
    case 'dpo':
      return pairsOf(group, options).map((pair) => dpoDraft(group, pair, options.modelFormat));
    case 'kto':
      return group.candidates.flatMap((candidate) => ktoDraft(group, candidate, options.modelFormat));
    case 'grpo':
      return grpoDrafts(group, options.modelFormat);
    case 'sft':
      return sftDrafts(group);
  }
}

function dpoDraft({ messages }: PromptGroup, { kind, chosen, rejected }: Pair, format: Format): Draft {
  return {
    label: kind satisfies PairKind,
    texts: [chosen, rejected],
    row: {
      prompt: promptText(format, messages),
      chosen: completionText(format, chosen.thinking, chosen.answer),
      rejected: completionText(format, rejected.thinking, rejected.answer),
      kind,
      chosen_model: chosen.model,
      rejected_model: rejected.model,
      chosen_tokens: chosen.tokens ?? null,
      rejected_tokens: rejected.tokens ?? null,
    },
  };
}

function ktoDraft({ messages }: PromptGroup, candidate: Candidate, format: Format): readonly Draft[] {
  const { verdict, thinking, answer, model } = candidate;
  if (verdict === undefined) return [];
  const row = { prompt: promptText(format, messages), completion: completionText(format, thinking, answer) };
  const label = verdict.right ? 'right' : 'wrong';
  return [{ label, texts: [candidate], row: { ...row, label: verdict.right, by: verdict.by, model } }];
}

/** A prompt with its right answer, for the reward. */
function grpoDrafts({ messages, answer, candidates }: PromptGroup, format: Format): readonly Draft[] {
  const right = answer ?? candidates.find(({ verdict }) => verdict?.right === true)?.answer;
  if (right === undefined) return [];
  return [
    {
      label: 'question',
      texts: [{ thinking: '-', answer: right }],
      row: { prompt: promptText(format, messages), answer: extractAnswer(right) },
    },
  ];
}

/** The shortest right answer to each question, as a row of training/sft. */
function sftDrafts({ messages, candidates }: PromptGroup): readonly Draft[] {
  const [best] = candidates
    .filter(({ verdict }) => verdict?.right === true)
    .toSorted((a, b) => (a.tokens ?? 0) - (b.tokens ?? 0));
  if (best === undefined) return [];
  const system = messages.find(({ role }) => role === 'system')?.content;
  const row = { question: questionOf(messages), thought: best.thinking, answer: best.answer };
  return [
    {
      label: 'right',
      texts: [best],
      row: { ...row, ...(system === undefined ? {} : { system }), model: best.model },
    },
  ];
}

function wrongWith(
  { messages }: PromptGroup,
  texts: Draft['texts'],
  { format, controlsIn }: ExportOptions,
): DropReason | undefined {
  if (texts.some(({ thinking }) => thinking.trim() === '')) return 'no thought';
  if (format === 'sft' && messages.some(({ role }) => role === 'assistant' || role === 'tool'))
    return 'several questions';
  const all = [
    ...messages.map(({ content }) => content),
    ...texts.flatMap(({ thinking, answer }) => [thinking, answer]),
  ];
  if (all.some((text) => controlsIn(text).length > 0)) return 'a control string in a text';
  return all.some((text) => secretsIn(text).length > 0) ? 'a credential in a text' : undefined;
}

/** Whether a prompt is held out: by its hash, so that it stays so in later exports. */
function isHeldOut(hash: string, share: number): boolean {
  return Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32 < share;
}
