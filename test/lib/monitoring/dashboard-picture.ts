/** A widget of a dashboard; position and size in cells of its grid. */
export interface Box {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** Labels of the lines in its graph. */
  readonly labels: readonly string[];
}

const CELL = 40;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Draws the layout of a dashboard as an SVG: each box with its title and the labels of its lines, without data. */
export function dashboardPicture(boxes: readonly Box[]): string {
  const rows = Math.max(...boxes.map(({ y, height }) => y + height));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${24 * CELL} ${rows * CELL}" font-family="sans-serif" font-size="13">
<title>Layout of the dashboard</title>
<rect width="100%" height="100%" fill="#eef"/>
${boxes.map(draw).join('\n')}
</svg>
`;
}

function draw({ x, y, width, height, title, labels }: Box): string {
  const [left, top] = [x * CELL + 4, y * CELL + 4];
  const letters = Math.floor((width * CELL - 24) / 7);
  const lines = [title.length > letters ? `${title.slice(0, letters - 1)}…` : title, ...labels];
  const texts = lines.map(
    (line, index) =>
      `<text x="${left + 10}" y="${top + 22 + index * 20}" ${index === 0 ? 'font-weight="bold"' : 'fill="#456"'}>${escaped(line)}</text>`,
  );
  return `<rect x="${left}" y="${top}" width="${width * CELL - 8}" height="${height * CELL - 8}" rx="6" fill="#fff" stroke="#99b"/>${texts.join('')}`;
}
