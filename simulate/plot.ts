import { escapeText } from '../evaluate/plot.ts';

/** A line over time. */
export interface Line {
  readonly name: string;
  /** Times in seconds and values. `NaN` interrupts the line. */
  readonly points: readonly (readonly [number, number])[];
}

/** One diagram of a stack that shares its time axis. */
export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** @default 'linear' */
  readonly scale?: 'linear' | 'log';
  /** Draws step lines, for example for a number of copies. */
  readonly steps?: boolean;
}

const WIDTH = 860;
const PANEL = 150;
const BOX = { left: 62, right: 176, top: 56, gap: 46, bottom: 40 };
const COLORS = ['#64748b', '#d97706', '#2563eb', '#059669', '#9333ea', '#dc2626'];
const DASHES = ['', '6 3', '', '2 3', '8 3 2 3', '1 4'];
const STYLE =
  '<style>svg{background:#fff;color:#111}text{font:12px system-ui,sans-serif;fill:currentColor}.grid{stroke:currentColor;opacity:.15}@media(prefers-color-scheme:dark){svg{background:#15171c;color:#e6e6e6}}</style>';

/** Stacked diagrams over one time axis. A name has the same colour and dash in all of them. */
export function timePlot(title: string, panels: readonly Panel[]): string {
  const height = BOX.top + panels.length * (PANEL + BOX.gap) + BOX.bottom - BOX.gap;
  const times = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([at]) => at)));
  const from = Math.min(...times);
  const until = Math.max(from + 1, ...times);
  const width = WIDTH - BOX.left - BOX.right;
  const x = (at: number) => round(BOX.left + ((at - from) / (until - from)) * width);
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const drawn = panels.map((panel, index) => {
    const top = BOX.top + index * (PANEL + BOX.gap);
    const scale = scaleOf(panel, top);
    const grid = scale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${scale.y(tick)}" y2="${scale.y(tick)}"/><text x="${BOX.left - 6}" y="${scale.y(tick) + 4}" text-anchor="end">${short(tick)}</text>`,
    );
    const lines = panel.lines.map(({ name, points }, line) => {
      const order = names.indexOf(name);
      const path = points
        .map(([at, value], point) => {
          if (Number.isNaN(value)) return '';
          const place = `${x(at)},${scale.y(value)}`;
          if (Number.isNaN(points[point - 1]?.[1] ?? Number.NaN)) return `M${place}`;
          return panel.steps === true ? `H${x(at)}V${scale.y(value)}` : `L${place}`;
        })
        .join('');
      return `<path d="${path}" fill="none" stroke="${COLORS[order % COLORS.length]}" stroke-width="1.6" stroke-dasharray="${DASHES[order % DASHES.length]}"/>${legend(order, name, top + 10 + line * 18)}`;
    });
    return `<text x="${BOX.left}" y="${top - 8}" style="font-weight:600">${escapeText(panel.title)}</text>${grid.join('')}${lines.join('')}`;
  });
  const bottom = height - BOX.bottom;
  const hours = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = from + part * (until - from);
    return `<text x="${x(at)}" y="${bottom + 18}" text-anchor="middle">${Math.round(at / 60)} min</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">
${STYLE}
<text x="${BOX.left}" y="22" style="font-size:15px;font-weight:600">${escapeText(title)}</text>
${drawn.join('\n')}
${hours.join('')}
</svg>
`;
}

/** Policies as points: GPU hours, and the first token's 95th percentile. Lower left is better. */
export function costPlot(
  title: string,
  points: readonly { readonly name: string; readonly gpuHours: number; readonly seconds: number }[],
): string {
  const height = 320;
  const bottom = height - 56;
  const width = WIDTH - BOX.left - BOX.right;
  const maxHours = niceMax(Math.max(1, ...points.map(({ gpuHours }) => gpuHours)));
  const low = Math.min(0.1, ...points.map(({ seconds }) => Math.max(0.001, seconds)));
  const high = Math.max(1, ...points.map(({ seconds }) => seconds)) * 1.3;
  const x = (hours: number) => round(BOX.left + (hours / maxHours) * width);
  const y = (seconds: number) =>
    round(BOX.top + (bottom - BOX.top) * (1 - Math.log(Math.max(low, seconds) / low) / Math.log(high / low)));
  const rows = decades(low, high).map(
    (tick) =>
      `<line class="grid" x1="${BOX.left}" x2="${BOX.left + width}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${BOX.left - 6}" y="${y(tick) + 4}" text-anchor="end">${short(tick)} s</text>`,
  );
  const columns = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<text x="${x(part * maxHours)}" y="${bottom + 18}" text-anchor="middle">${short(part * maxHours)}</text>`,
  );
  const marks = points.map(({ name, gpuHours, seconds }, index) => {
    const color = COLORS[index % COLORS.length];
    const mark = (cx: number, cy: number, radius: number) =>
      `<circle cx="${cx}" cy="${cy}" r="${radius}" fill="${color}" fill-opacity="0.85"/>`;
    const legendAt = { x: WIDTH - BOX.right + 20, y: BOX.top + 10 + index * 20 };
    // Policies with equal results overlap, so later points are smaller.
    return `<g><title>${escapeText(`${name}: ${gpuHours.toFixed(1)} GPU hours, ${seconds.toFixed(2)} s`)}</title>${mark(x(gpuHours), y(seconds), 8 - (index % COLORS.length))}</g>${mark(legendAt.x, legendAt.y - 4, 5)}<text x="${legendAt.x + 12}" y="${legendAt.y}">${escapeText(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">
${STYLE}
<text x="${BOX.left}" y="22" style="font-size:15px;font-weight:600">${escapeText(title)}</text>
${rows.join('')}${columns.join('')}
<text x="${BOX.left + width / 2}" y="${height - 12}" text-anchor="middle">GPU hours</text>
${marks.join('\n')}
</svg>
`;
}

function legend(order: number, name: string, y: number): string {
  const left = WIDTH - BOX.right + 12;
  return `<line x1="${left}" x2="${left + 22}" y1="${y - 4}" y2="${y - 4}" stroke="${COLORS[order % COLORS.length]}" stroke-width="2" stroke-dasharray="${DASHES[order % DASHES.length]}"/><text x="${left + 28}" y="${y}">${escapeText(name)}</text>`;
}

function scaleOf(
  { lines, scale }: Panel,
  top: number,
): { readonly y: (value: number) => number; readonly ticks: readonly number[] } {
  const values = lines
    .flatMap(({ points }) => points.map(([, value]) => value))
    .filter((value) => !Number.isNaN(value));
  if (scale === 'log') {
    const positive = values.filter((value) => value > 0);
    const low = Math.min(0.1, ...positive);
    const high = Math.max(low * 10, ...positive);
    const y = (value: number) => round(top + PANEL * (1 - Math.log(Math.max(low, value) / low) / Math.log(high / low)));
    return { y, ticks: decades(low, high) };
  }
  const max = niceMax(Math.max(1e-9, ...values));
  return { y: (value) => round(top + PANEL * (1 - value / max)), ticks: [0, max / 2, max] };
}

/** 0.1, 1, 10, … within a range. */
function decades(low: number, high: number): readonly number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => 10 ** (first + index));
}

function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
