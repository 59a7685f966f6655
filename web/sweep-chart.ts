import { element } from './element.ts';
import { svg } from './svg.ts';
import { answerKey, interval, type SweepBudget } from './sweep-budgets.ts';

/** An answer of a sweep. */
export interface SweepAnswer {
  readonly budget: SweepBudget;
  readonly answer: string;
  readonly thinkingTokens: number;
}

const WIDTH = 640;
const LEFT = 90;
const RIGHT = 16;
const ROW = 26;
const ACCURACY_HEIGHT = 186;
const MOST_ROWS = 7;

/** Accuracy, if an answer is expected, and each answer against the thinking tokens that it took; and the same as a table. */
export function sweepFigure(
  budgets: readonly SweepBudget[],
  answers: readonly SweepAnswer[],
  expected: string,
): HTMLElement {
  const most = Math.max(1, ...answers.map(({ thinkingTokens }) => thinkingTokens)) * 1.05;
  const x = (tokens: number) => LEFT + (tokens / most) * (WIDTH - LEFT - RIGHT);
  const groups = budgets.map((budget) => groupOf(budget, answers, expected)).filter(({ count }) => count > 0);
  return element(
    'div',
    {},
    ...(expected === '' || groups.length === 0 ? [] : [accuracyChart(groups, x, most)]),
    ...(answers.length === 0 ? [] : [answersChart(answers, x, most, expected)]),
    tableOf(groups, expected),
  );
}

interface Group {
  readonly name: string;
  readonly count: number;
  readonly right: number;
  readonly meanTokens: number;
  readonly answers: readonly (readonly [answer: string, count: number])[];
}

function groupOf(budget: SweepBudget, all: readonly SweepAnswer[], expected: string): Group {
  const own = all.filter((answer) => answer.budget.name === budget.name);
  const right = own.filter(({ answer }) => answerKey(answer) === answerKey(expected)).length;
  const meanTokens = own.reduce((sum, { thinkingTokens }) => sum + thinkingTokens, 0) / Math.max(1, own.length);
  return { name: budget.name, count: own.length, right, meanTokens, answers: countsOf(own) };
}

/** Answers with how often each was given, most first. */
function countsOf(answers: readonly SweepAnswer[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { answer } of answers) counts.set(answerKey(answer), (counts.get(answerKey(answer)) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

function accuracyChart(groups: readonly Group[], x: (tokens: number) => number, most: number): SVGSVGElement {
  const top = 12;
  const height = ACCURACY_HEIGHT - 58;
  const y = (share: number) => top + (1 - share) * height;
  const sorted = groups.toSorted((a, b) => a.meanTokens - b.meanTokens);
  const label = `Accuracy against mean thinking tokens: ${sorted.map(({ name, right, count }) => `${name} ${right} of ${count}`).join(', ')}`;
  const chart = svg('svg', { viewBox: `0 0 ${WIDTH} ${ACCURACY_HEIGHT}`, role: 'img', 'aria-label': label });
  for (const share of [0, 0.5, 1]) {
    chart.append(
      svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
      svg('text', { x: LEFT - 12, y: y(share) + 4, 'text-anchor': 'end' }, `${share * 100} %`),
    );
  }
  chart.append(...axis(x, most, ACCURACY_HEIGHT));
  const points = sorted.map(({ meanTokens, right, count }) => `${x(meanTokens)},${y(right / count)}`);
  chart.append(svg('polyline', { class: 'line', points: points.join(' ') }));
  for (const { name, meanTokens, right, count } of sorted) {
    const [low, high] = interval(right, count);
    chart.append(
      svg('line', { class: 'spread', x1: x(meanTokens), x2: x(meanTokens), y1: y(low), y2: y(high) }),
      svg(
        'circle',
        { class: 'point', cx: x(meanTokens), cy: y(right / count), r: 5 },
        svg('title', {}, `${name}: ${right} of ${count}`),
      ),
    );
  }
  return chart;
}

/** A row for each answer, a dot for each time that it was given. */
function answersChart(
  answers: readonly SweepAnswer[],
  x: (tokens: number) => number,
  most: number,
  expected: string,
): SVGSVGElement {
  const counts = countsOf(answers);
  const rows = counts.slice(0, MOST_ROWS).map(([answer]) => answer);
  const more = counts.length > rows.length;
  const height = (rows.length + (more ? 1 : 0)) * ROW + 44;
  const label = `Answers against thinking tokens: ${counts
    .slice(0, MOST_ROWS)
    .map(([answer, count]) => `${shortened(answer)} ${count} times`)
    .join(', ')}`;
  const chart = svg('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label });
  const y = (index: number) => 14 + index * ROW;
  for (const [index, name] of [...rows, ...(more ? ['others'] : [])].entries()) {
    const right = expected !== '' && name === answerKey(expected);
    chart.append(
      svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(index), y2: y(index) }),
      svg('text', { x: LEFT - 12, y: y(index) + 4, 'text-anchor': 'end' }, `${right ? '✓ ' : ''}${shortened(name)}`),
    );
  }
  for (const { answer, thinkingTokens, budget } of answers) {
    const found = rows.indexOf(answerKey(answer));
    const index = found < 0 ? rows.length : found;
    const right = expected !== '' && answerKey(answer) === answerKey(expected);
    chart.append(
      svg(
        'circle',
        { class: right ? 'dot right' : 'dot', cx: x(thinkingTokens), cy: y(index), r: 5 },
        svg('title', {}, `${budget.name}: ${thinkingTokens} tokens`),
      ),
    );
  }
  chart.append(...axis(x, most, height));
  return chart;
}

function axis(x: (tokens: number) => number, most: number, height: number): readonly SVGElement[] {
  const step = niceStep(most / 5);
  const ticks: SVGElement[] = [
    svg('text', { x: WIDTH - RIGHT, y: height - 5, 'text-anchor': 'end' }, 'thinking tokens'),
  ];
  for (let tokens = 0; tokens <= most; tokens += step) {
    ticks.push(svg('text', { x: x(tokens), y: height - 20, 'text-anchor': 'middle' }, String(tokens)));
  }
  return ticks;
}

/** 1, 2 or 5 times a power of ten, at least `least`, and a whole number. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power;
}

function tableOf(groups: readonly Group[], expected: string): HTMLElement {
  const head = ['Budget', 'Answers', 'Mean thinking', ...(expected === '' ? [] : ['Right']), 'Given'];
  const scroll = element(
    'div',
    { className: 'scroll', tabIndex: 0 },
    element(
      'table',
      {},
      element('caption', { className: 'hidden-text' }, 'Answers at each budget'),
      element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text)))),
      element(
        'tbody',
        {},
        ...groups.map(({ name, count, right, meanTokens, answers }) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row' }, name),
            element('td', {}, String(count)),
            element('td', {}, `${meanTokens.toFixed(0)} tokens`),
            ...(expected === '' ? [] : [element('td', {}, `${right} of ${count}`)]),
            element(
              'td',
              {},
              answers
                .slice(0, 4)
                .map(([answer, times]) => `${shortened(answer)} × ${times}`)
                .join(', '),
            ),
          ),
        ),
      ),
    ),
  );
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', 'Answers at each budget, as a table');
  return scroll;
}

function shortened(answer: string): string {
  if (answer === '') return 'no answer';
  return answer.length > 12 ? `${answer.slice(0, 11)}…` : answer;
}
