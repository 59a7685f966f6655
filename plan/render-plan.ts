import { group } from '../lib/facts/aws-limits.ts';
import type { Plan } from './make-plan.ts';

/** A table of the plan, or a list of sentences. Both outputs are made from the same parts. */
interface Section {
  readonly title: string;
  readonly head?: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The plan for a terminal. */
export function planAsText(plan: Plan): string {
  return `${titleOf(plan)}\n\n${sectionsOf(plan).map(sectionAsText).join('\n\n')}\n`;
}

/** The plan for a pull request. */
export function planAsMarkdown(plan: Plan): string {
  return `## ${titleOf(plan)}\n\n${sectionsOf(plan).map(sectionAsMarkdown).join('\n\n')}\n`;
}

function titleOf({ name, region }: Plan): string {
  return `Plan of ${name} in ${region}`;
}

function sectionsOf(plan: Plan): readonly Section[] {
  return [
    createdSection(plan),
    ...quotaSections(plan),
    ...hourlySection(plan),
    ...monthSection(plan),
    ...plan.models.flatMap(modelSections),
    notesSection(plan),
  ];
}

function createdSection({ created }: Plan): Section {
  return {
    title: 'What is created',
    head: ['stack', 'type', 'count'],
    rows: created.map(({ stack, type, count }) => [stack, type, String(count)]),
  };
}

function quotaSections({ quotas }: Plan): readonly Section[] {
  return [
    {
      title: 'Quotas to have',
      head: ['quota', 'code', 'at least', 'why'],
      rows: quotas.map(({ service, name, code, value, why }) => [
        `${service}: ${name}`,
        code ?? 'not known here',
        group(value),
        why,
      ]),
    },
    { title: 'To ask for them, or to find their codes', rows: quotas.map(({ command }) => [command]) },
  ];
}

function hourlySection({ estimatedDollarsPerHour: hourly, instanceType, prices }: Plan): readonly Section[] {
  if (hourly === undefined) return [];
  const instances = (count: number) => `${count} × ${instanceType}`;
  return [
    {
      title: `Dollars an hour (${prices.source}, ${prices.date})`,
      head: ['when', 'dollars', 'instances'],
      rows: [
        ['idle: nobody has asked for long', estimate(hourly.idle), instances(hourly.instances.idle)],
        ['minimum: one request can be answered', estimate(hourly.minimum), instances(hourly.instances.minimum)],
        ['maximum: every copy is wanted', estimate(hourly.maximum), instances(hourly.instances.maximum)],
        ['of it secrets, alarms, dashboard and the like', estimate(hourly.fixed, 4), ''],
      ],
    },
  ];
}

function monthSection({ estimatedMonth: month }: Plan): readonly Section[] {
  if (month === undefined) return [];
  const { traffic, load, dollars } = month;
  return [
    {
      title: `A month at ${group(traffic.requestsPerDay)} requests a day of ${month.model}, in ${traffic.activeHours} hours`,
      head: ['what', 'how much'],
      rows: [
        [
          'tokens of a request',
          `${group(traffic.promptTokens)} prompt, ${group(traffic.thinkingTokens)} thinking, ${group(traffic.answerTokens)} answer`,
        ],
        ['time of a request', `${load.secondsPerRequest.toFixed(1)} s (estimate)`],
        ['requests in flight', `${load.requestsInFlight.toFixed(1)} (estimate)`],
        ['copies while active', `${load.copies} (estimate)`],
        ['hours of instances', `${group(Math.round(month.instanceHours))} (estimate)`],
        ['instances', estimate(dollars.instances)],
        ['API Gateway and Lambda', estimate(dollars.requests)],
        ['secrets, alarms, dashboard and the like', estimate(dollars.fixed)],
        ['together', estimate(dollars.total)],
        ['a million tokens of thinking and answer', estimate(dollars.perMillionTokens)],
      ],
    },
  ];
}

function modelSections({
  id,
  memory,
  estimatedColdStart: start,
  estimatedSpeed: speed,
}: Plan['models'][number]): readonly Section[] {
  const sections: Section[] = [];
  if (memory !== undefined) {
    sections.push({
      title: `Memory of ${id}`,
      rows: [
        ...memory.inWords.split('; ').map((part) => [part]),
        [`so ${memory.longestRequestsAtOnce} of the longest requests fit at once`],
      ],
    });
  }
  if (speed !== undefined) {
    sections.push({
      title: `Speed of one copy of ${id}`,
      rows: [
        [
          `${Math.round(speed.tokensPerSecond)} tokens a second with ${speed.requests} requests at once, each a quarter of its window (estimate, from the GPUs’ memory bandwidth)`,
        ],
      ],
    });
  }
  if (start !== undefined) {
    sections.push({
      title: `Cold start of ${id}: ${minutes(start.seconds)} (estimate)`,
      head: ['step', 'seconds', 'why'],
      rows: start.steps.map(({ name, seconds, why }) => [name, `${Math.round(seconds)} (estimate)`, why]),
    });
  }
  return sections;
}

function notesSection({ notes }: Plan): Section {
  return { title: 'Notes', rows: notes.map((note) => [note]) };
}

function sectionAsText({ title, head, rows }: Section): string {
  const lines = head === undefined ? rows.map((row) => `- ${row.join(' ')}`) : aligned(head, rows);
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Columns of one width each; the last one, which may be long, is left as it is. */
function aligned(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function sectionAsMarkdown({ title, head, rows }: Section): string {
  if (head === undefined) return `### ${title}\n\n${rows.map((row) => `- ${row.join(' ')}`).join('\n')}`;
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return `### ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}`;
}

function estimate(dollars: number, digits = 2): string {
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} (estimate)`;
}

function minutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} minutes`;
}
