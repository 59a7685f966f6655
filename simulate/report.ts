import { escapeText, percent } from '../evaluate/plot.ts';
import type { Comparison, Result } from './compare.ts';
import type { TimelineBin } from './engine/measures.ts';
import type { Outcome } from './engine/outcome.ts';
import { costPlot, type Line, type Panel, timePlot } from './plot.ts';

/** Inputs of a simulation, for the head of the report. */
export interface ReportHead {
  readonly profile: { readonly name: string; readonly source: string };
  readonly traffic: string;
  readonly prices: string;
}

const HEADINGS = [
  'policy',
  'GPU h',
  '$',
  'of AWS',
  'p95 of AWS',
  'first token p50',
  'p95',
  'p99',
  'answer p50',
  'p95',
  'p99',
  'on time',
  'refused',
  'granted',
  'thought',
  'copies',
] as const;

/** Tables of all comparisons, as text for a terminal. */
export function comparisonText(comparisons: readonly Comparison[], head: ReportHead): string {
  const parts = comparisons.map((comparison) => {
    const rows = rowsOf(comparison);
    return `${comparison.scenario}: ${comparison.requests} requests\n${columns([[...HEADINGS], ...rows])}\n${loadTestLine(comparison)}\n`;
  });
  return `${head.profile.name} (${head.profile.source})\n${head.traffic}\n\n${parts.join('\n')}\n${LEGEND}\n${head.prices}\n`;
}

const LEGEND = `Times in seconds. "of AWS": GPU hours relative to aws-concurrency; "p95 of AWS": its first tokens likewise. "on time": first
tokens that meet the objective. "granted": granted fraction of the requested maxima. "thought": fraction of the
natural thinking that was done. "copies": mean running copies. A row with ▸ is the cheapest setting of its kind that meets the objective.`;

function loadTestLine({ loadTest, boundGpuHours }: Comparison): string {
  if (!loadTest.met)
    return `No load of one copy meets the objective for the first token, so a load test advises no target, and the rows of aws-* have none that means anything. Set --first-token higher, or --per-prompt-token for long prompts. Lower bound, if every copy were always full: ${boundGpuHours.toFixed(1)} GPU h.`;
  return `Load test of one copy: ${loadTest.maxRequestsPerSecond.toFixed(3)} requests/s with ${loadTest.maxConcurrency.toFixed(1)} in flight. Lower bound, if every copy were always full: ${boundGpuHours.toFixed(1)} GPU h.`;
}

function rowsOf(comparison: Comparison): readonly (readonly string[])[] {
  const base = comparison.results.find(({ policy }) => policy === 'aws-concurrency')?.outcome;
  return [
    ...comparison.results.map((result) => rowOf(result, base)),
    ...comparison.cheapest.map(({ kind, result, tried }) =>
      result === undefined
        ? [`▸ ${kind}: none of ${tried}`, ...HEADINGS.slice(1).map(() => '-')]
        : rowOf({ ...result, policy: `▸ ${shortNumber(result.policy)}` }, base),
    ),
  ];
}

function rowOf({ policy, outcome }: Result, base: Outcome | undefined): readonly string[] {
  const { firstToken, answer, thinking } = outcome;
  return [
    policy,
    outcome.gpuHours.toFixed(1),
    outcome.dollars.toFixed(0),
    base === undefined ? '-' : percent(outcome.gpuHours / base.gpuHours),
    base === undefined ? '-' : `${(firstToken.p95 / base.firstToken.p95).toFixed(2)}×`,
    ...[firstToken.p50, firstToken.p95, firstToken.p99].map((seconds) => seconds.toFixed(2)),
    ...[answer.p50, answer.p95, answer.p99].map((seconds) => seconds.toFixed(0)),
    percent(outcome.onTime),
    percent(outcome.refused / Math.max(1, outcome.requests)),
    percent(thinking.granted / Math.max(1, thinking.wanted)),
    percent(thinking.done / Math.max(1, thinking.natural)),
    outcome.copies.mean.toFixed(1),
  ];
}

function shortNumber(policy: string): string {
  const [kind, value] = policy.split(':');
  return value === undefined ? policy : `${kind}:${Number(Number(value).toPrecision(3))}`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

/** Plots of all comparisons, by file name. */
export function plotsOf(comparisons: readonly Comparison[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    comparisons.flatMap((comparison) => {
      const name = comparison.scenario
        .replaceAll('×', 'x')
        .replaceAll(/[^a-z0-9]+/gi, '-')
        .toLowerCase();
      return [
        [`${name}-time.svg`, overTime(comparison)],
        [`${name}-cost.svg`, costs(comparison)],
      ];
    }),
  );
}

function costs({ scenario, results }: Comparison): string {
  return costPlot(
    `${scenario}: GPU hours, and the first token's 95th percentile`,
    results.map(({ policy, outcome }) => ({
      name: policy,
      gpuHours: outcome.gpuHours,
      seconds: outcome.firstToken.p95,
    })),
  );
}

/** End of the timeline that is plotted, in seconds. */
const SHOWN_SECONDS = 7_200;

function overTime({ scenario, results }: Comparison): string {
  const shown = results.filter(({ policy }) => !/^(oracle|fixed|aws-invocations)/.test(policy));
  const line = (value: (bin: TimelineBin) => number): Line[] =>
    shown.map(({ policy, outcome }) => {
      const last = outcome.timeline.at(-1)?.at ?? 0;
      const bins = outcome.timeline.filter(({ at }) => at >= last - SHOWN_SECONDS);
      return { name: policy, points: bins.map((bin) => [bin.at, value(bin)] as const) };
    });
  const first = line((bin) => bin.arrivalsPerSecond)[0];
  const panels: readonly Panel[] = [
    { title: 'requests per second', lines: first === undefined ? [] : [{ ...first, name: 'requests' }] },
    { title: 'running copies', lines: line((bin) => bin.copies), steps: true },
    { title: 'billed instances', lines: line((bin) => bin.instances), steps: true },
    { title: 'granted fraction of the requested thinking', lines: line((bin) => bin.grantedShare) },
    {
      title: 'first token, 95th percentile per minute, in seconds',
      lines: line((bin) => bin.firstTokenP95 ?? Number.NaN),
      scale: 'log',
    },
  ];
  return timePlot(scenario, panels);
}

/** A self-contained page with tables and plots. */
export function reportPage(comparisons: readonly Comparison[], head: ReportHead): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Scaling, simulated</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem}svg{width:100%;height:auto;border:1px solid #8884;border-radius:8px;margin:.5rem 0}pre{overflow-x:auto;font-size:12px;padding:1rem;border:1px solid #8884;border-radius:8px}</style>
<h1>Scaling, simulated</h1>
<pre>${escapeText(comparisonText(comparisons, head))}</pre>
${Object.values(plotsOf(comparisons)).join('\n')}
</html>
`;
}
