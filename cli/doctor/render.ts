import type { Finding } from './finding.ts';

const MARKS: Readonly<Record<Finding['status'], string>> = {
  ok: 'ok',
  warning: 'WARNING',
  problem: 'PROBLEM',
  unchecked: 'not checked',
};
const WIDTH = 12;

/** The findings for a terminal: what needs a hand last, so that it is in view. */
export function renderFindings(findings: readonly Finding[]): string {
  const order = ['ok', 'unchecked', 'warning', 'problem'] as const;
  const sorted = order.flatMap((status) => findings.filter((finding) => finding.status === status));
  const lines = sorted.flatMap(({ status, check, text, fix }) => [
    `${MARKS[status].padEnd(WIDTH)}${check}: ${text}`,
    ...(fix === undefined || status === 'ok' ? [] : [`${' '.repeat(WIDTH)}${fix}`]),
  ]);
  const counts = order.map(
    (status) => `${findings.filter((finding) => finding.status === status).length} ${MARKS[status].toLowerCase()}`,
  );
  return `${lines.join('\n')}\n\n${counts.join(', ')}\n`;
}
