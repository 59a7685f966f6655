/** A point with its 95 % interval. Accuracy 0 to 1. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly PlotPoint[];
}

const WIDTH = 760;
const HEIGHT = 420;
const BOX = { left: 60, right: 170, top: 44, bottom: 52 };
const COLORS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#64748b'];
const SHAPES = ['circle', 'square', 'diamond', 'triangle'] as const;

/** Plots accuracy against tokens as an SVG for light and dark pages. Series differ in shape as well as in colour. */
export function accuracyPlot(title: string, xLabel: string, series: readonly Series[]): string {
  const drawn = series.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const maxX = niceMax(Math.max(1, ...all.map((point) => point.x)));
  const inner = { width: WIDTH - BOX.left - BOX.right, height: HEIGHT - BOX.top - BOX.bottom };
  const x = (value: number) => round(BOX.left + (value / maxX) * inner.width);
  const y = (share: number) => round(BOX.top + (1 - share) * inner.height);

  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${y(share)}" y2="${y(share)}"/><text x="${BOX.left - 8}" y="${y(share) + 4}" text-anchor="end">${share * 100} %</text>`,
  );
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<text x="${x(part * maxX)}" y="${HEIGHT - BOX.bottom + 20}" text-anchor="middle">${round(part * maxX)}</text>`,
  );
  const curves = drawn.map(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length] ?? '#000';
    const sorted = points.toSorted((a, b) => a.x - b.x);
    const line = sorted.map((point) => `${x(point.x)},${y(point.y)}`).join(' ');
    const marks = sorted.map(
      (point) =>
        `<g><title>${escapeText(`${name}, ${point.label}: ${percent(point.y)} (${percent(point.low)} to ${percent(point.high)}) at ${round(point.x)} tokens`)}</title><line x1="${x(point.x)}" x2="${x(point.x)}" y1="${y(point.low)}" y2="${y(point.high)}" stroke="${color}" stroke-width="1.5" opacity="0.55"/>${mark(SHAPES[index % SHAPES.length] ?? 'circle', x(point.x), y(point.y), color)}</g>`,
    );
    const legendY = BOX.top + 10 + index * 22;
    return `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>${marks.join('')}${mark(SHAPES[index % SHAPES.length] ?? 'circle', WIDTH - BOX.right + 20, legendY - 4, color)}<text x="${WIDTH - BOX.right + 32}" y="${legendY}">${escapeText(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(title)}">
<style>svg{background:#fff;color:#111}text{font:13px system-ui,sans-serif;fill:currentColor}.grid{stroke:currentColor;opacity:.15}@media(prefers-color-scheme:dark){svg{background:#15171c;color:#e6e6e6}}</style>
<text x="${BOX.left}" y="24" style="font-size:16px;font-weight:600">${escapeText(title)}</text>
${grid.join('')}${ticks.join('')}
<text x="${BOX.left + inner.width / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeText(xLabel)}</text>
${curves.join('\n')}
</svg>
`;
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

/** The smallest round number that is at least `value`, for the end of an axis. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
