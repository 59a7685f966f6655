import { type Method, methodNames, methods } from './methods.ts';
import { accuracyPlot, type PlotPoint, type Series } from './plot.ts';
import type { Report } from './report.ts';
import type { Row } from './summarize.ts';

/** The plots of a run by file name. */
export function plotsOf(report: Report): Readonly<Record<string, string>> {
  const { rows, against } = report;
  const thinking = (row: Row) => row.thinkingTokens;
  const of = (method: string, x = thinking) =>
    rows.filter((row) => row.method === method && row.retrieval === undefined).map((row) => toPoint(row, x));
  const named = (name: string, method: string, x = thinking): Series => ({ name, points: of(method, x) });
  // Zero Waits and one sample are the natural run, so those curves start there.
  const withNatural = (name: string, method: string, x = thinking): Series => {
    const points = of(method, x);
    return { name, points: points.length === 0 ? [] : [...of('natural', x), ...points] };
  };
  const curves = methodNames
    .filter((method) => method !== 'natural')
    .map((method) => {
      const { label, rejects }: Method = methods[method];
      if (method === 'wait') return withNatural(label, method);
      // Thoughts that were thrown away were thought too.
      return named(label, method, rejects === true ? (row) => row.spentTokens : thinking);
    });
  const priced = rows.length > 0 && rows.every((row) => row.dollarsPerAnswer !== undefined);
  const cost = (row: Row) => (priced ? (row.dollarsPerAnswer ?? 0) * 1_000 : row.spentTokens);
  const other = against === undefined ? [] : [againstPoint(against, priced)].filter((point) => point !== undefined);
  return {
    'accuracy.svg': accuracyPlot({
      title: 'Accuracy against thinking tokens',
      xLabel: 'thinking tokens, mean (logarithmic)',
      series: [
        ...curves,
        named('text cut, no answer', 'cut-text'),
        { name: methods.natural.label, points: of('natural'), joined: false },
      ],
    }),
    'sequential-parallel.svg': accuracyPlot({
      title: 'One longer thought, or a vote over several',
      xLabel: 'thinking tokens spent, mean (logarithmic)',
      series: [withNatural('Waits (sequential)', 'wait'), withNatural('vote (parallel)', 'vote')],
    }),
    ...retrievalPlot(rows),
    'cost.svg': accuracyPlot({
      title: 'Accuracy against cost',
      xLabel: priced ? 'dollars per 1,000 answers (logarithmic)' : 'tokens spent per answer, mean (logarithmic)',
      unit: priced ? 'dollars per 1,000 answers' : 'tokens',
      frontier: true,
      series: [
        ...methodNames.map((method) => ({ ...named(methods[method].label, method, cost), joined: false })),
        {
          name: 'with passages',
          points: rows.filter(({ retrieval }) => retrieval !== undefined).map((row) => toPoint(row, cost)),
          joined: false,
        },
        { ...named('vote of natural samples', 'vote', cost), joined: false },
        ...(against === undefined ? [] : [{ name: against.model, points: other, joined: false }]),
      ],
    }),
  };
}

/** Accuracy against the tokens of passages, a curve for each way to think. Only if something was looked up. */
function retrievalPlot(rows: readonly Row[]): Readonly<Record<string, string>> {
  if (rows.every(({ retrieval }) => retrieval === undefined)) return {};
  const nameOf = ({ method, setting }: Row) => (method === 'natural' ? method : `${method}-${setting}`);
  const read = new Set(rows.filter(({ retrieval }) => retrieval !== undefined).map(nameOf));
  const series = [...read].map((name) => ({
    name,
    points: rows.filter((row) => nameOf(row) === name).map((row) => toPoint(row, (each) => each.retrievedTokens ?? 0)),
  }));
  return {
    'retrieval.svg': accuracyPlot({
      title: 'Accuracy against tokens of passages, for each budget of thinking',
      xLabel: 'tokens of passages read, mean (logarithmic)',
      series,
    }),
  };
}

function againstPoint(against: NonNullable<Report['against']>, priced: boolean): PlotPoint | undefined {
  const { accuracy, dollarsPerAnswer, outputTokens, model } = against;
  const x = priced ? (dollarsPerAnswer === undefined ? undefined : dollarsPerAnswer * 1_000) : outputTokens;
  return x === undefined ? undefined : { x, y: accuracy.share, low: accuracy.low, high: accuracy.high, label: model };
}

function toPoint(row: Row, x: (row: Row) => number): PlotPoint {
  return { x: x(row), y: row.accuracy.share, low: row.accuracy.low, high: row.accuracy.high, label: row.id };
}
