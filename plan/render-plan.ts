import { groupDigits } from '../lib/facts/group-digits.ts';
import type { ModelPlan, Plan, RoutePlan, TokensPerRequest } from './plan.ts';

/** A section of the plan: a table if it has a head, otherwise a list. Text and Markdown are rendered from the same sections. */
interface Section {
  readonly title: string;
  readonly head?: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Renders the plan for a terminal. */
export function planAsText(plan: Plan): string {
  return `${titleOf(plan)}\n\n${sectionsOf(plan).map(sectionAsText).join('\n\n')}\n`;
}

/** Renders the plan for a pull request. */
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
    ...gpuSection(plan),
    ...bringUpSection(plan),
    ...updateSection(plan),
    ...requestSection(plan),
    ...batchSection(plan),
    ...monthSection(plan),
    ...plan.routes.flatMap(routeSections),
    ...breakEvenSection(plan),
    ...plan.models.flatMap(modelSections),
    notesSection(plan),
  ];
}

function breakEvenSection({ estimatedBreakEven: even }: Plan): readonly Section[] {
  if (even === undefined) return [];
  const { price, traffic, cheaper, capacityPerDay, dollarsPerMonth } = even;
  const tokens = [promptText(traffic), groupDigits(traffic.thinkingTokens), groupDigits(traffic.answerTokens)];
  const [first] = cheaper;
  const ranges = cheaper.map(({ from, to }) => `${groupDigits(from)} to ${groupDigits(to)}`).join(', ');
  return [
    {
      title: `Break-even against an API at $${price.input} and $${price.output} per million input and output tokens`,
      head: ['figure', 'value'],
      rows: [
        ['tokens per request: prompt, thinking, answer', tokens.join(', ')],
        ['the API charges per request', `$${even.apiDollarsPerRequest.toPrecision(3)}`],
        [
          'the deployment is cheaper at requests per day of',
          first === undefined ? `never, up to its capacity of ${groupDigits(capacityPerDay)}` : ranges,
        ],
        ...(dollarsPerMonth === undefined ? [] : [['cost of a month there, of either', estimate(dollarsPerMonth)]]),
        ['capacity of the maximum copies, requests per day', groupDigits(capacityPerDay)],
      ],
    },
  ];
}

/** The tokens of a prompt, and how many of them are passages. */
function promptText({ promptTokens, passageTokens = 0 }: TokensPerRequest): string {
  const passages = passageTokens === 0 ? '' : ` (${groupDigits(passageTokens)} of passages)`;
  return `${groupDigits(promptTokens)}${passages}`;
}

function createdSection({ created }: Plan): Section {
  return {
    title: 'Resources',
    head: ['stack', 'type', 'count'],
    rows: created.map(({ stack, type, count }) => [stack, type, String(count)]),
  };
}

function quotaSections({ quotas }: Plan): readonly Section[] {
  return [
    {
      title: 'Required quotas',
      head: ['quota', 'code', 'at least', 'why'],
      rows: quotas.map(({ service, name, code, value, why }) => [
        `${service}: ${name}`,
        code ?? 'unknown',
        groupDigits(value),
        why,
      ]),
    },
    { title: 'Commands that request the quotas, or find their codes', rows: quotas.map(({ command }) => [command]) },
  ];
}

function hourlySection({ estimatedDollarsPerHour: hourly, instanceType, prices }: Plan): readonly Section[] {
  if (hourly === undefined) return [];
  if (instanceType === undefined) {
    const rows = [['without requests: secrets, alarms, dashboard and similar', estimate(hourly.fixed, 4)]];
    return [{ title: hourlyTitle(prices), head: ['when', 'dollars'], rows }];
  }
  const instances = (count: number) => `${count} × ${instanceType}`;
  return [
    {
      title: hourlyTitle(prices),
      head: ['when', 'dollars', 'instances'],
      rows: [
        ['idle: after a time without requests', estimate(hourly.idle), instances(hourly.instances.idle)],
        ['minimum: one request can be answered', estimate(hourly.minimum), instances(hourly.instances.minimum)],
        ['maximum: all instances run', estimate(hourly.maximum), instances(hourly.instances.maximum)],
        ['of which secrets, alarms, dashboard and similar', estimate(hourly.fixed, 4), ''],
      ],
    },
  ];
}

function gpuSection({ gpus, instanceType }: Plan): readonly Section[] {
  if (gpus === undefined || gpus.every(({ idle }) => idle === 0)) return [];
  const names = { 'one copy': 'one copy of each model', first: 'the initial copies', maximum: 'all copies' } as const;
  return [
    {
      title: `GPUs of ${instanceType} that no copy uses`,
      head: ['with', 'instances', 'GPUs', 'used', 'idle', 'dollars per hour for idle ones'],
      rows: gpus.map(({ when, instances, gpus: all, used, idle, idleDollarsPerHour: dollars }) => [
        names[when],
        ...[instances, all, used, idle].map(String),
        dollars === undefined ? 'unknown' : estimate(dollars),
      ]),
    },
  ];
}

function bringUpSection({ bringUp }: Plan): readonly Section[] {
  if (bringUp.length === 0) return [];
  return [
    {
      title: 'Bring-up in stages',
      head: ['stage', 'instances', 'copies', 'starts in', 'dollars per hour', 'config', 'go on if'],
      rows: bringUp.map(({ instances, copies, startSeconds, dollarsPerHour, change, check }, index) => [
        String(index + 1),
        String(instances),
        String(copies),
        startSeconds === undefined ? 'unknown' : `${minutes(startSeconds)} (estimate)`,
        dollarsPerHour === undefined ? 'unknown' : estimate(dollarsPerHour),
        change,
        check,
      ]),
    },
  ];
}

function updateSection({ updates }: Plan): readonly Section[] {
  if (updates.length === 0) return [];
  return [
    {
      title: 'What an update needs',
      head: ['change', 'instances at once', 'how'],
      rows: updates.map(({ change, instances, how }) => [change, String(instances), how]),
    },
  ];
}

function hourlyTitle({ source, date }: Plan['prices']): string {
  return `Dollars per hour (${source}, ${date})`;
}

function requestSection({ estimatedRequestDollars: cost, externalModels }: Plan): readonly Section[] {
  if (cost === undefined) return [];
  return [
    {
      title: `Dollars of requests to ${externalModels.map(({ id }) => id).join(', ')}, beside the cost of the server`,
      head: ['what', 'dollars'],
      rows: [
        ['API Gateway and Lambda, for a million requests', estimate(cost.perMillionRequests)],
        ['the function, for each hour in which one request runs', estimate(cost.perRunningHour, 4)],
      ],
    },
  ];
}

function batchSection({ estimatedBatchDollars: cost }: Plan): readonly Section[] {
  if (cost === undefined) return [];
  const { lookPerMonth, perThousandLines, perRunningHour, linesAtOnce } = cost;
  const batches = [
    ['S3 and the table, for 1,000 lines', estimate(perThousandLines, 4)],
    [`the function, for each hour in which it runs up to ${linesAtOnce} lines at once`, estimate(perRunningHour, 4)],
  ];
  return [
    {
      title: `Dollars of ${linesAtOnce > 0 ? 'batches and webhooks' : 'webhooks'}, beside the cost of the copies`,
      head: ['what', 'dollars'],
      rows: [['the look each minute, for a month', estimate(lookPerMonth)], ...(linesAtOnce > 0 ? batches : [])],
    },
  ];
}

function monthSection({ estimatedMonth: month }: Plan): readonly Section[] {
  if (month === undefined) return [];
  const { traffic, load, dollars } = month;
  return [
    {
      title: `Month at ${groupDigits(traffic.requestsPerDay)} requests per day to ${month.model}, within ${traffic.activeHours} hours`,
      head: ['item', 'amount'],
      rows: [
        [
          'tokens per request',
          `${promptText(traffic)} prompt, ${groupDigits(traffic.thinkingTokens)} thinking, ${groupDigits(traffic.answerTokens)} answer`,
        ],
        ['time per request', `${load.secondsPerRequest.toFixed(1)} s (estimate)`],
        ['requests in flight', `${load.requestsInFlight.toFixed(1)} (estimate)`],
        ['copies in active hours', `${load.copies} (estimate)`],
        ['copies are removed after', `${Math.round(month.scaleInSeconds / 60)} minutes without need`],
        ['instance hours', `${groupDigits(Math.round(month.instanceHours))} (estimate)`],
        ['instances', estimate(dollars.instances)],
        ['API Gateway and Lambda', estimate(dollars.requests)],
        ['secrets, alarms, dashboard and similar', estimate(dollars.fixed)],
        ['total', estimate(dollars.total)],
        ['per million tokens of thinking and answer', estimate(dollars.perMillionTokens)],
      ],
    },
  ];
}

function routeSections({
  id,
  models,
  tokens,
  unpriced,
  breakEvenRate,
  dollarsPerRequest,
}: RoutePlan): readonly Section[] {
  const title = `Route ${id}: ${models.join(', then ')}`;
  const last = models.at(-1) ?? '';
  if (breakEvenRate === undefined || dollarsPerRequest === undefined) {
    const why = `the price of ${unpriced.join(' and ')} is unknown: write models[].dollarsPerMillionTokens`;
    return [{ title, rows: [[`The break-even rate of escalations was not estimated: ${why}.`]] }];
  }
  const { thinkingTokens, answerTokens } = tokens;
  const request = `${promptText(tokens)} prompt, ${groupDigits(thinkingTokens)} thinking, ${groupDigits(answerTokens)} answer`;
  return [
    {
      title,
      head: ['what', 'amount'],
      rows: [
        ['tokens per request, on every model', request],
        ['a request if none is escalated', estimate(dollarsPerRequest.never, 6)],
        ['a request if half are escalated by each model', estimate(dollarsPerRequest.half, 6)],
        [`a request if ${last} is always asked`, estimate(dollarsPerRequest.last, 6)],
        [
          'break-even: share of escalations at which the route costs as much',
          `${(breakEvenRate * 100).toFixed(1)} % (estimate)`,
        ],
        [
          'formula',
          'cost(e) = sum over models i of e^i (prompt + thought + (1 - e) answer), of the last its answer too; break-even: cost(e) = cost of the last',
        ],
      ],
    },
  ];
}

function modelSections({
  id,
  memory,
  estimatedColdStart: start,
  estimatedSpeed: speed,
}: ModelPlan): readonly Section[] {
  const sections: Section[] = [];
  if (memory !== undefined) {
    sections.push({
      title: `Memory of ${id}`,
      rows: [
        ...memory.inWords.split('; ').map((part) => [part]),
        [`so ${memory.longestRequestsAtOnce} requests of the whole window fit at the same time`],
      ],
    });
  }
  if (speed !== undefined) {
    sections.push({
      title: `Speed of one copy of ${id}`,
      rows: [
        [
          `${Math.round(speed.tokensPerSecond)} tokens per second with ${speed.requests} concurrent requests, each with ${groupDigits(speed.contextTokens)} tokens of context (estimate, from the GPUs’ memory bandwidth)`,
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

/** Pads the cells of each column to one width, except in the last column, which may be long. */
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
