import type { Comparison } from './against/compare.ts';
import type { Thresholds } from './methods.ts';
import type { Gain } from './metrics.ts';
import { escapeText, percent } from './plot.ts';
import type { Row, Summary } from './summarize.ts';

/** What is reported of a folder: the summary, and the other API if it was asked. */
export interface Report extends Summary {
  readonly model: string;
  /** Thresholds of the rules by confidence. `undefined` if no condition has one. */
  readonly thresholds?: Thresholds | undefined;
  readonly against?: Comparison | undefined;
}

/** The report as tables for a terminal. */
export function reportText({ against, thresholds, ...summary }: Report): string {
  return `${summaryText(summary)}${thresholds === undefined ? '' : thresholdsText(thresholds)}${against === undefined ? '' : `\n${againstText(against)}`}`;
}

function thresholdsText({ measure, unsureBelow, sureAbove, calibration }: Thresholds): string {
  const source =
    calibration === null
      ? 'the defaults, which were not chosen for this model'
      : `the calibration ${calibration}, which was made on other questions`;
  return `Thresholds: unsure below ${unsureBelow} (${measure}), sure above ${sureAbove}, from ${source}.\n`;
}

function againstText(against: Comparison): string {
  const { model, accuracy, inputTokens, outputTokens, dollarsPerAnswer, dollarsPerRightAnswer, pairs, notes } = against;
  const dollars = (value: number | undefined) => (value === undefined ? 'unknown' : `$${value.toPrecision(3)}`);
  const tokens = (value: number | undefined) => (value === undefined ? 'unknown' : value.toFixed(1));
  const figures = [
    `${model}: ${percent(accuracy.share)} right (${percent(accuracy.low)} to ${percent(accuracy.high)})`,
    `tokens per answer: ${tokens(inputTokens)} in, ${tokens(outputTokens)} out`,
    `dollars: ${dollars(dollarsPerAnswer)} per answer, ${dollars(dollarsPerRightAnswer)} per right answer`,
  ];
  const perDay = (value: number | undefined) => (value === undefined ? '-' : Math.ceil(value).toLocaleString('en'));
  const withBreakEven = pairs.some((pair) => pair.breakEvenRequestsPerDay !== undefined);
  const table = pairs.map((pair) => [
    pair.condition,
    pair.gain === undefined ? '-' : gainText(pair.gain),
    pair.dollarsPerRightAnswer === undefined ? '-' : dollars(pair.dollarsPerRightAnswer),
    ...(withBreakEven
      ? [perDay(pair.breakEvenRequestsPerDay?.perAnswer), perDay(pair.breakEvenRequestsPerDay?.perRightAnswer)]
      : []),
  ]);
  const head = [
    'condition',
    `against ${model}`,
    '$ per right',
    ...(withBreakEven ? ['break-even/day', 'per right answer'] : []),
  ];
  const explanation = withBreakEven
    ? [
        'Break-even: requests per day above which the deployment costs less than the other API, for answers and for right answers.',
      ]
    : [];
  return `${figures.join('\n')}\n\n${columns([head, ...table])}\n\n${[...explanation, ...notes].map((note) => `${note}\n`).join('')}`;
}

/** The summary as a table for a terminal. */
function summaryText({ rows, methods, savings, samples }: Summary): string {
  const looksUp = rows.some(({ retrieval }) => retrieval !== undefined);
  const table = rows.map((row) => [
    row.id,
    percent(row.accuracy.share),
    `${percent(row.accuracy.low)} to ${percent(row.accuracy.high)}`,
    row.gain === undefined ? '-' : gainText(row.gain),
    row.gain === undefined ? '-' : pText(row.gain.p),
    row.thinkingTokens.toFixed(1),
    ...(looksUp ? [(row.retrievedTokens ?? 0).toFixed(1)] : []),
    row.spentTokens.toFixed(1),
    row.promptTokens.toFixed(1),
    percent(row.control),
    `${Math.round(row.medianMs)}`,
    row.tokensPerRightAnswer === undefined ? '-' : row.tokensPerRightAnswer.toFixed(1),
    ...dollarsText(row),
  ]);
  const priced = rows.some((row) => row.dollarsPerRightAnswer !== undefined);
  const head = [
    'condition',
    'right',
    '95 % interval',
    'against natural',
    'McNemar p',
    'thinking',
    ...(looksUp ? ['passages'] : []),
    'sampled',
    'prompt',
    'in budget',
    'ms',
    'tokens per right answer',
    ...(priced ? ['$ per right answer'] : []),
  ];
  const metrics = Object.entries(methods).map(([method, found]) => [
    method,
    percent(found.control),
    found.controlOfRuns === null ? '-' : percent(found.controlOfRuns),
    found.scaling === null ? '-' : found.scaling.toFixed(1),
    percent(found.performance),
    String(found.runs),
  ]);
  const methodHead = ['method', 'answers in budget', 'Control (runs)', 'Scaling', 'Performance', 'runs'];
  const votes = samples.map(({ k, ...shares }) => [
    String(k),
    ...[shares.pass, shares.majority, shares.consensus].map(
      ({ share, low, high }) => `${percent(share)} (${percent(low)} to ${percent(high)})`,
    ),
  ]);
  return [
    columns([head, ...table]),
    columns([methodHead, ...metrics]),
    ...(savings.length === 0 ? [] : [savingsText(savings)]),
    ...(votes.length === 0 ? [] : [columns([['k', 'pass@k', 'maj@k', 'cons@k'], ...votes])]),
    `"Against natural" is in percentage points, paired by question, with its 95 % interval. Tokens are means over answers, of all\ncalls and attempts. Control is the share of runs whose mean thinking is within the budget. Scaling is in percentage points\nper 1,000 thinking tokens.${unequalNote(rows)}\n`,
  ].join('\n\n');
}

function savingsText(savings: Summary['savings']): string {
  const priced = savings.some(({ dollars }) => dollars !== undefined);
  const share = (value: number | undefined) => (value === undefined ? '-' : percent(value));
  return columns([
    ['condition', 'instead of', 'right, difference', 'tokens of it', ...(priced ? ['dollars of it'] : [])],
    ...savings.map(({ condition, insteadOf, gain, tokens, dollars }) => [
      condition,
      insteadOf,
      gain === undefined ? '-' : gainText(gain),
      share(tokens),
      ...(priced ? [share(dollars)] : []),
    ]),
  ]);
}

function pText(p: number): string {
  return p < 0.0001 ? '<0.0001' : p.toPrecision(2);
}

/** Dollars per right answer with its interval, if there is a price and a right answer. */
function dollarsText({ dollarsPerRightAnswer, dollarsPerRightAnswerInterval: interval }: Row): readonly string[] {
  if (dollarsPerRightAnswer === undefined) return [];
  const dollars = (value: number) => (Number.isFinite(value) ? `$${value.toPrecision(3)}` : 'unbounded');
  const range = interval === undefined ? '' : ` (${dollars(interval.low)} to ${dollars(interval.high)})`;
  return [`${dollars(dollarsPerRightAnswer)}${range}`];
}

function gainText({ share, low, high }: Gain): string {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value * 100).toFixed(1)}`;
  return `${points(share)} (${points(low)} to ${points(high)})`;
}

/** Rows as text in aligned columns: the first one to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
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
export function plotsPage(title: string, plots: readonly string[], text: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeText(title)}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem}svg{width:100%;height:auto;border:1px solid #8884;border-radius:8px;margin:.5rem 0}pre{overflow-x:auto;font-size:13px;padding:1rem;border:1px solid #8884;border-radius:8px}</style>
<h1>${escapeText(title)}</h1>
${plots.join('\n')}
<pre>${escapeText(text)}</pre>
</html>
`;
}

/** Says that conditions were asked different numbers of answers, as in a folder whose extension was interrupted. */
function unequalNote(rows: Summary['rows']): string {
  const counts = rows.map((row) => row.accuracy.of);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (rows.length === 0 || least === most) return '';
  return ` The conditions have ${least} to ${most} answers: compare them by "against natural", which is paired.`;
}
