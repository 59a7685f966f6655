import { escapeText } from '../plot.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Whether points are marked. @default false */
  readonly marked?: boolean;
}

interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  /** Range of the y axis. @default - that of the points */
  readonly yRange?: readonly [number, number];
  /** A vertical line, with its label. @default - none */
  readonly chosen?: { readonly x: number; readonly label: string };
  /** Whether a dashed line joins (0, 0) and (1, 1). @default false */
  readonly diagonal?: boolean;
}

const WIDTH = 860;
const HEIGHT = 380;
const BOX = { left: 64, right: 290, top: 44, bottom: 52 };
const INNER = { width: WIDTH - BOX.left - BOX.right, height: HEIGHT - BOX.top - BOX.bottom };
const COLORS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#64748b', '#0891b2', '#be185d'];
const DASHES = ['', '7 3', '2 3', '8 3 2 3'];

/** Plots lines over x from 0 to 1 as an SVG for light and dark pages. Lines differ in colour and in dashes. */
export function linePlot({ title, xLabel, yLabel, lines, yRange, chosen, diagonal = false }: LinePlot): string {
  const drawn = lines.filter(({ points }) => points.length > 0);
  const values = drawn.flatMap(({ points }) => points.map(({ y }) => y));
  const [low, high] = yRange ?? roundRange(Math.min(...values), Math.max(...values));
  const x = (value: number) => round(BOX.left + value * INNER.width);
  const y = (value: number) => round(BOX.top + (1 - (value - low) / (high - low)) * INNER.height);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const grid = ticks.map((share) => {
    const value = low + share * (high - low);
    return `<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${y(value)}" y2="${y(value)}"/><text x="${BOX.left - 8}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(3))}</text><text x="${x(share)}" y="${HEIGHT - BOX.bottom + 20}" text-anchor="middle">${share}</text>`;
  });
  const curves = drawn.map(({ name, points, marked = false }, index) => {
    const color = COLORS[index % COLORS.length] ?? '#000';
    const dash = DASHES[index % DASHES.length] ?? '';
    const stroke = `stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"`;
    const path = points.map((point) => `${x(point.x)},${y(point.y)}`).join(' ');
    const legendY = BOX.top + 10 + index * 22;
    const marks = marked
      ? points.map((point) => `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="4" fill="${color}"/>`)
      : [];
    return `<polyline points="${path}" fill="none" ${stroke}/>${marks.join('')}<line x1="${WIDTH - BOX.right + 12}" x2="${WIDTH - BOX.right + 34}" y1="${legendY - 4}" y2="${legendY - 4}" ${stroke}/><text x="${WIDTH - BOX.right + 40}" y="${legendY}">${escapeText(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(title)}">
<style>svg{background:#fff;color:#111}text{font:13px system-ui,sans-serif;fill:currentColor}.grid{stroke:currentColor;opacity:.15}.mark{stroke:currentColor;stroke-dasharray:5 4;opacity:.7}@media(prefers-color-scheme:dark){svg{background:#15171c;color:#e6e6e6}}</style>
<text x="${BOX.left}" y="24" style="font-size:16px;font-weight:600">${escapeText(title)}</text>
${grid.join('')}
<text x="${BOX.left + INNER.width / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeText(xLabel)}</text>
<text x="16" y="${BOX.top + INNER.height / 2}" text-anchor="middle" transform="rotate(-90 16 ${BOX.top + INNER.height / 2})">${escapeText(yLabel)}</text>
${diagonal ? `<line class="mark" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>` : ''}
${chosen === undefined ? '' : `<line class="mark" x1="${x(chosen.x)}" x2="${x(chosen.x)}" y1="${BOX.top}" y2="${HEIGHT - BOX.bottom}"/><text x="${WIDTH - BOX.right + 12}" y="${BOX.top + 10 + drawn.length * 22}">${escapeText(chosen.label)}</text>`}
${curves.join('\n')}
</svg>
`;
}

/** A range with round ends that holds both values. */
function roundRange(low: number, high: number): readonly [number, number] {
  const span = Math.max(high - low, 1e-9);
  const step = 10 ** Math.floor(Math.log10(span));
  const from = Math.floor(low / step) * step;
  return [from, Math.max(from + step, Math.ceil(high / step) * step)];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
