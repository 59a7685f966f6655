/** A point with its 95 % interval. Accuracy 0 to 1. */
export interface PlotPoint {
  /** 0 or more. */
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly PlotPoint[];
  /** Whether a line joins the points. @default true */
  readonly joined?: boolean;
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** What a value on the x axis is called. @default 'tokens' */
  readonly unit?: string;
  /** Points that no other point beats in both accuracy and cost, joined by a dashed line. @default false */
  readonly frontier?: boolean;
}

const WIDTH = 820;
const HEIGHT = 420;
const BOX = { left: 60, right: 250, top: 44, bottom: 52 };
const INNER = { width: WIDTH - BOX.left - BOX.right, height: HEIGHT - BOX.top - BOX.bottom };
/** Width at the left of a logarithmic axis for points at 0, which it cannot show otherwise. */
const ZERO_WIDTH = 40;
const COLORS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#64748b', '#0891b2', '#be185d'];
const SHAPES = ['circle', 'square', 'diamond', 'triangle'] as const;

/**
 * Plots accuracy against a cost as an SVG for light and dark pages: x is logarithmic, y fits the intervals. Series differ in shape as
 * well as in colour.
 */
export function accuracyPlot({ title, xLabel, series, unit = 'tokens', frontier = false }: Plot): string {
  const drawn = series.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const xAxis = logAxis(all.map((point) => point.x));
  const yAxis = shareAxis(all);
  const grid = yAxis.ticks.map(
    (share) =>
      `<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${yAxis.at(share)}" y2="${yAxis.at(share)}"/><text x="${BOX.left - 8}" y="${yAxis.at(share) + 4}" text-anchor="end">${round(share * 100)} %</text>`,
  );
  const ticks = xAxis.ticks.map(
    (value) =>
      `<line class="grid" x1="${xAxis.at(value)}" x2="${xAxis.at(value)}" y1="${BOX.top}" y2="${HEIGHT - BOX.bottom}"/><text x="${xAxis.at(value)}" y="${HEIGHT - BOX.bottom + 20}" text-anchor="middle">${shortNumber(value)}</text>`,
  );
  const curves = drawn.map(({ name, points, joined = true }, index) => {
    const color = COLORS[index % COLORS.length] ?? '#000';
    const shape = SHAPES[index % SHAPES.length] ?? 'circle';
    const sorted = points.toSorted((a, b) => a.x - b.x);
    const line = sorted.map((point) => `${xAxis.at(point.x)},${yAxis.at(point.y)}`).join(' ');
    const marks = sorted.map(
      (point) =>
        `<g><title>${escapeText(`${name}, ${point.label}: ${percent(point.y)} (${percent(point.low)} to ${percent(point.high)}) at ${shortNumber(point.x)} ${unit}`)}</title><line x1="${xAxis.at(point.x)}" x2="${xAxis.at(point.x)}" y1="${yAxis.at(point.low)}" y2="${yAxis.at(point.high)}" stroke="${color}" stroke-width="1.5" opacity="0.55"/>${mark(shape, xAxis.at(point.x), yAxis.at(point.y), color)}</g>`,
    );
    const legendY = BOX.top + 10 + index * 22;
    return `${joined ? `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>` : ''}${marks.join('')}${mark(shape, WIDTH - BOX.right + 20, legendY - 4, color)}<text x="${WIDTH - BOX.right + 32}" y="${legendY}">${escapeText(name)}</text>`;
  });
  const best = frontier ? frontierOf(all) : [];
  const frontLine = best.map((point) => `${xAxis.at(point.x)},${yAxis.at(point.y)}`).join(' ');
  const legendY = BOX.top + 10 + drawn.length * 22;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(title)}">
<style>svg{background:#fff;color:#111}text{font:13px system-ui,sans-serif;fill:currentColor}.grid{stroke:currentColor;opacity:.15}.front{stroke:currentColor;stroke-dasharray:5 4;fill:none;opacity:.7}@media(prefers-color-scheme:dark){svg{background:#15171c;color:#e6e6e6}}</style>
<text x="${BOX.left}" y="24" style="font-size:16px;font-weight:600">${escapeText(title)}</text>
${grid.join('')}${ticks.join('')}
<text x="${BOX.left + INNER.width / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeText(xLabel)}</text>
${best.length > 1 ? `<polyline class="front" points="${frontLine}"/><line class="front" x1="${WIDTH - BOX.right + 12}" x2="${WIDTH - BOX.right + 28}" y1="${legendY - 4}" y2="${legendY - 4}"/><text x="${WIDTH - BOX.right + 32}" y="${legendY}">frontier</text>` : ''}
${curves.join('\n')}
</svg>
`;
}

/** The points that no other point beats: each is more accurate than all cheaper ones. In the order of cost. */
export function frontierOf<T extends Pick<PlotPoint, 'x' | 'y'>>(points: readonly T[]): readonly T[] {
  const best: T[] = [];
  for (const point of points.toSorted((a, b) => a.x - b.x || b.y - a.y)) {
    if (best.every(({ y }) => y < point.y)) best.push(point);
  }
  return best;
}

interface Axis {
  readonly ticks: readonly number[];
  /** Position of a value in the picture. */
  at(value: number): number;
}

function logAxis(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const zero = values.some((value) => value <= 0) ? ZERO_WIDTH : 0;
  const low = Math.min(...positive, Number.MAX_VALUE);
  const high = Math.max(...positive, Number.MIN_VALUE);
  if (positive.length === 0) return { ticks: [0], at: () => BOX.left + zero / 2 };
  // A margin at both ends; a single value stands in the middle.
  const [from, to] = [Math.log10(low) - 0.08, Math.log10(high) + 0.08];
  const at = (value: number) =>
    value <= 0
      ? BOX.left + zero / 2
      : round(BOX.left + zero + ((Math.log10(value) - from) / (to - from)) * (INNER.width - zero));
  return { at, ticks: [...(zero > 0 ? [0] : []), ...logTicks(from, to)] };
}

/** Round values between two powers of ten, at most eight: 1, 2, 5 of each decade, or finer or coarser. */
function logTicks(from: number, to: number): readonly number[] {
  const choices = [[1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]];
  const inside = (factors: readonly number[]) =>
    Array.from({ length: Math.ceil(to) - Math.floor(from) + 1 }, (_, index) => Math.floor(from) + index)
      .flatMap((power) => factors.map((factor) => Number((factor * 10 ** power).toPrecision(3))))
      .filter((value) => Math.log10(value) >= from && Math.log10(value) <= to);
  return choices.map(inside).find((ticks) => ticks.length <= 8) ?? inside([1]).filter((_, index) => index % 2 === 0);
}

/** An axis that fits the intervals, within 0 to 100 %. */
function shareAxis(points: readonly PlotPoint[]): Axis {
  const low = Math.min(...points.map((point) => point.low), 1);
  const high = Math.max(...points.map((point) => point.high), 0);
  const span = points.length === 0 ? 1 : Math.max(0.02, high - low);
  const step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find((size) => span / size <= 6) ?? 0.25;
  const from = points.length === 0 ? 0 : Math.max(0, Math.floor(low / step + 1e-9) * step);
  const to = points.length === 0 ? 1 : Math.min(1, Math.max(from + step, Math.ceil(high / step - 1e-9) * step));
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, index) => from + index * step);
  return {
    ticks: ticks.filter((tick) => tick <= to + 1e-9),
    at: (share) => round(BOX.top + (1 - (share - from) / (to - from)) * INNER.height),
  };
}

function mark(shape: (typeof SHAPES)[number], x: number, y: number, color: string): string {
  switch (shape) {
    case 'circle':
      return `<circle cx="${x}" cy="${y}" r="4.5" fill="${color}"/>`;
    case 'square':
      return `<rect x="${x - 4}" y="${y - 4}" width="8" height="8" fill="${color}"/>`;
    case 'diamond':
      return `<path d="M${x} ${y - 6}l6 6-6 6-6-6z" fill="${color}"/>`;
    case 'triangle':
      return `<path d="M${x} ${y - 6}l6 10h-12z" fill="${color}"/>`;
    default:
      return shape satisfies never;
  }
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** At most three significant digits, thousands as k: 1500 is `1.5k`. */
function shortNumber(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
