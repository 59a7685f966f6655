import type { Gain } from './metrics.ts';
import { accuracyPlot, escapeText, type PlotPoint, percent } from './plot.ts';
import type { Row, Summary } from './summarize.ts';

/** The plots of a run by file name. */
export function plotsOf({ rows }: Summary): Readonly<Record<string, string>> {
  const series = (name: string, method: string, x: (row: Row) => number = (row) => row.thinkingTokens) => ({
    name,
    points: rows.filter((row) => row.method === method).map((row) => toPoint(row, x)),
  });
  const natural = rows
    .filter((row) => row.method === 'natural')
    .map((row) => toPoint(row, (found) => found.thinkingTokens));
  const withNatural = (name: string, method: string) => ({
    name,
    points: [...natural, ...series(name, method).points],
  });
  return {
    'accuracy.svg': accuracyPlot('Accuracy against thinking tokens', 'thinking tokens, mean', [
      series('maximum', 'budget'),
      withNatural('Waits', 'wait'),
      series('text cut, no answer', 'cut-text'),
      series('budget in the prompt', 'token-conditional'),
      series('rejection sampling', 'rejection'),
    ]),
    'sequential-parallel.svg': accuracyPlot(
      'One longer thought, or a vote over several',
      'thinking tokens spent, mean',
      [withNatural('Waits (sequential)', 'wait'), withNatural('vote (parallel)', 'vote')],
    ),
  };
}

function toPoint(row: Row, x: (row: Row) => number): PlotPoint {
  return { x: x(row), y: row.accuracy.share, low: row.accuracy.low, high: row.accuracy.high, label: row.id };
}

/** The summary as a table for a terminal. */
export function summaryText({ rows, methods }: Summary): string {
  const table = rows.map((row) => [
    row.id,
    percent(row.accuracy.share),
    `${percent(row.accuracy.low)} to ${percent(row.accuracy.high)}`,
    row.gain === undefined ? '-' : gainText(row.gain),
    row.thinkingTokens.toFixed(1),
    row.spentTokens.toFixed(1),
    percent(row.control),
    `${Math.round(row.medianMs)}`,
    ...(row.dollarsPerRightAnswer === undefined ? [] : [`$${row.dollarsPerRightAnswer.toPrecision(3)}`]),
  ]);
  const head = ['condition', 'right', '95 % interval', 'against natural', 'thinking', 'spent', 'in budget', 'ms'];
  const metrics = Object.entries(methods).map(([method, found]) => [
    method,
    percent(found.control),
    found.scaling === null ? '-' : found.scaling.toFixed(1),
    percent(found.performance),
    String(found.runs),
  ]);
  return `${columns([head, ...table])}\n\n${columns([['method', 'Control', 'Scaling', 'Performance', 'runs'], ...metrics])}\n\n"Against natural" is in percentage points, paired by question, with its 95 % interval. Tokens are means. Scaling is in percentage points per 1,000 thinking tokens.\n`;
}

function gainText({ share, low, high }: Gain): string {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value * 100).toFixed(1)}`;
  return `${points(share)} (${points(low)} to ${points(high)})`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

/** A page with plots and figures that loads nothing else. */
export function reportPage(title: string, summary: Summary, plots: Readonly<Record<string, string>>): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeText(title)}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem}svg{width:100%;height:auto;border:1px solid #8884;border-radius:8px;margin:.5rem 0}pre{overflow-x:auto;font-size:13px;padding:1rem;border:1px solid #8884;border-radius:8px}</style>
<h1>${escapeText(title)}</h1>
${Object.values(plots).join('\n')}
<pre>${escapeText(summaryText(summary))}</pre>
</html>
`;
}
