import type { Exported, ExportFormat } from './export-rows.ts';

interface CardFacts extends Pick<Exported, 'train' | 'heldOut' | 'counts' | 'dropped'> {
  readonly format: ExportFormat;
  readonly modelFormat: string;
  readonly conversations: number;
  readonly feedback: number;
  readonly date: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Filters as the command has them. */
  readonly filters: Readonly<Record<string, string | number>>;
}

const columns: Readonly<Record<ExportFormat, string>> = {
  dpo: '`prompt`, `chosen`, `rejected` (TRL’s DPOTrainer); `kind`, `chosen_model`, `rejected_model`, `chosen_tokens`, `rejected_tokens`',
  kto: '`prompt`, `completion`, `label` (TRL’s KTOTrainer); `by`, `model`',
  grpo: '`prompt`, `answer` (TRL’s GRPOTrainer, with a reward that compares the answer)',
  sft: '`question`, `thought`, `answer`, `system` (training/sft); `model`',
};

/** The card of a data set: what it is, where it comes from, and what was left out. */
export function cardOf(facts: CardFacts): string {
  const { format, modelFormat, conversations, feedback, date, from, to, filters, train, heldOut, counts, dropped } =
    facts;
  const list = (entries: Iterable<readonly [string, unknown]>) =>
    [...entries].map(([name, value]) => `| ${name} | ${String(value)} |`).join('\n') || '| none | |';
  return `---
license: other
tags: [preferences, reasoning, budgetforce]
---

# Preferences (${format})

Made by \`budgetforce preferences export\` on ${date} from ${conversations} stored conversations and ${feedback} judgements of ${from ?? 'the last days'} to ${to ?? 'today'}, of clients whose key allows it.
The texts belong to those who wrote them: use them as your agreement with them says. Conversations may have personal data, which the export does not look for.

| file | rows |
| --- | --- |
| train.jsonl | ${train.length} |
| held-out.jsonl | ${heldOut.length} |

Columns: ${columns[format]}. Texts are in the format \`${modelFormat}\`, with its control tokens; no text of a person has one. All rows of a prompt are in the same file.

| rows by | |
| --- | --- |
${list(counts)}

| left out because of | rows |
| --- | --- |
${list(dropped)}

| filter | |
| --- | --- |
${list(Object.entries(filters))}
`;
}
