import { groupDigits } from '../../../lib/facts/group-digits.ts';
import type { DataFinding, DataReport } from './check-data.ts';
import type { DataCheck } from './data-checks.ts';
import { unitOf } from './read-records.ts';

/** Rows of a finding that a terminal shows. */
const SHOWN = 8;

const titles: Readonly<Record<DataCheck, string>> = {
  schema: 'cannot be read as rows: correct or remove them',
  length: 'are too long: shorten or remove them, write a larger --block-size, or train with too_long=drop',
  duplicate: 'repeat another row: remove them',
  'same-question': 'have a question that is there already, with another thought or answer',
  'near-duplicate': 'ask nearly what another row asks',
  overlap: 'are in the evaluation: remove them, or the evaluation says nothing',
  'control-string':
    'have control strings in their texts, which are trained as ordinary text: remove what a template left',
  secret: 'may have secrets, which a trained model can repeat: remove and revoke them',
};

/** The report as text for a terminal. */
export function renderDataReport({ files, rows, columns, tokens, characters, findings }: DataReport): string {
  const lines = [
    `${groupDigits(rows)} rows${columns.length === 0 ? '' : ` with the columns ${columns.join(' and ')}`} in ${files.join(', ')}`,
    tokens === undefined
      ? `${groupDigits(characters)} characters`
      : `${groupDigits(tokens.total)} tokens, ${groupDigits(tokens.trained)} of them trained; a row has ${tokens.shortest} to ${groupDigits(tokens.longest)}, median ${groupDigits(tokens.median)}, 90 % up to ${groupDigits(tokens.p90)}, 99 % up to ${groupDigits(tokens.p99)}; the longest is ${placeOf(tokens.longestRow, files)}`,
    ...findings.map((finding) => findingText(finding, files)),
    verdict(rows, findings),
  ];
  return `${lines.join('\n')}\n`;
}

function findingText({ check, repair, count, rows }: DataFinding, files: readonly string[]): string {
  const listed = rows.slice(0, SHOWN).map((row) => `  ${placeOf(row, files)} ${row.text}`);
  const more =
    count > listed.length ? [`  … and ${groupDigits(count - listed.length)} more (--json lists up to 1,000)`] : [];
  return [`${repair ? 'REPAIR' : 'note  '} ${check}: ${groupDigits(count)} ${titles[check]}`, ...listed, ...more].join(
    '\n',
  );
}

function placeOf({ file, row }: { readonly file: string; readonly row: number }, files: readonly string[]): string {
  return `${files.length > 1 ? `${file}, ` : ''}${unitOf(file)} ${row}`;
}

function verdict(rows: number, findings: readonly DataFinding[]): string {
  if (rows === 0) return 'There is no row to train on.';
  const repairs = findings.filter(({ repair }) => repair).map(({ check }) => check);
  return repairs.length === 0
    ? 'Nothing must be repaired.'
    : `Must be repaired: ${repairs.join(', ')}. What is intended is let through by --allow.`;
}

/** Whether data can be trained on as it is. */
export function isFit({ rows, findings }: Pick<DataReport, 'rows' | 'findings'>): boolean {
  return rows > 0 && findings.every(({ repair }) => !repair);
}
