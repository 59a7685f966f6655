import { parseArgs } from 'node:util';
import type * as z from 'zod';
import { scalingStatusSchema } from '../../lambda/scaling/scaling-admin.ts';
import { policySchema } from '../../lambda/settings/policy-settings.ts';
import { API_HELP, apiClientOptions, apiOptions, callApi } from '../api-client.ts';
import { UsageError } from '../usage-error.ts';

const HELP = `Usage: budgetforce scaling [ACTION] [options]

Shows and changes how the copies of a model scale.

Actions:
  show                  copies, load, policy, the last decisions and why (default)
  set                   other bounds or policy: --min, --max, --policy
  wake                  start the first copy now
  pause, resume         no copy at all, and back
  schedule NAME WHEN    other bounds from a time on: "cron(0 7 ? * MON-FRI *)", with --min and --max
  unschedule NAME       take them back

Options:
  --model ID            which model (default: the first)
  --min N, --max N      copies
  --policy NAME=VALUE   a setting of the policy, as often as you like; --policy default: as deployed.
                        ${Object.keys(policySchema.shape).join(', ')}
  --timezone ZONE       of a schedule, for instance Europe/Berlin (default UTC)
${API_HELP}
  --json                the state as JSON
  --help                this text

Each action may be repeated: it comes to the same. Exit codes: 0 done, 1 failed, 2 wrong usage.
`;

export const scalingCommand = {
  name: 'scaling',
  summary: 'show and change how copies scale',
  help: HELP,
  async run(argv: readonly string[]): Promise<number> {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ...apiOptions,
        model: { type: 'string' },
        min: { type: 'string' },
        max: { type: 'string' },
        policy: { type: 'string', multiple: true },
        timezone: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const call = callOf(positionals, values);
    const query = values.model === undefined ? '' : `?model=${encodeURIComponent(values.model)}`;
    const answer = await callApi(
      apiClientOptions(values),
      call.method,
      `/admin/scaling${call.path}${query}`,
      call.body,
    );
    const status = scalingStatusSchema.parse(answer);
    process.stdout.write(values.json ? `${JSON.stringify(status)}\n` : text(status));
    return 0;
  },
};

interface Values {
  readonly min?: string;
  readonly max?: string;
  readonly policy?: readonly string[];
  readonly timezone?: string;
}

/** What to ask the API for. */
function callOf(
  [action = 'show', ...rest]: readonly string[],
  values: Values,
): { readonly method: string; readonly path: string; readonly body?: unknown } {
  const bounds = {
    ...(values.min === undefined ? {} : { min_copies: copies('--min', values.min) }),
    ...(values.max === undefined ? {} : { max_copies: copies('--max', values.max) }),
  };
  const [name, when] = rest;
  const takes = actions[action];
  if (takes === undefined) {
    throw new UsageError(
      `There is no action ${JSON.stringify(action)}. There are: ${Object.keys(actions).join(', ')}.`,
    );
  }
  if (rest.length > takes.words) throw new UsageError(`${action} does not take ${rest.slice(takes.words).join(' ')}.`);
  for (const option of ['min', 'max', 'policy', 'timezone'] as const) {
    if (values[option] !== undefined && !takes.options.includes(option)) {
      throw new UsageError(`${action} does not take --${option}, so nothing was done.`);
    }
  }
  switch (action) {
    case 'show':
      return { method: 'GET', path: '' };
    case 'wake':
    case 'pause':
    case 'resume':
      return { method: 'POST', path: `/${action}` };
    case 'set': {
      const body = { ...bounds, ...(values.policy === undefined ? {} : { policy: policyOf(values.policy) }) };
      if (Object.keys(body).length === 0) throw new UsageError('set changes nothing. Give --min, --max or --policy.');
      return { method: 'PATCH', path: '', body };
    }
    case 'schedule':
      if (name === undefined || when === undefined || values.min === undefined || values.max === undefined) {
        throw new UsageError('Write schedule NAME "cron(0 7 ? * MON-FRI *)" --min 1 --max 4.');
      }
      return {
        method: 'PUT',
        path: `/schedules/${encodeURIComponent(name)}`,
        body: { schedule: when, ...bounds, ...(values.timezone === undefined ? {} : { timezone: values.timezone }) },
      };
    case 'unschedule':
      if (name === undefined) throw new UsageError('Write unschedule NAME.');
      return { method: 'DELETE', path: `/schedules/${encodeURIComponent(name)}` };
    default:
      throw new UsageError(`There is no action ${JSON.stringify(action)}.`);
  }
}

/** How many words follow each action, and which options change what it does. */
const actions: Readonly<Record<string, { readonly words: number; readonly options: readonly (keyof Values)[] }>> = {
  show: { words: 0, options: [] },
  set: { words: 0, options: ['min', 'max', 'policy'] },
  wake: { words: 0, options: [] },
  pause: { words: 0, options: [] },
  resume: { words: 0, options: [] },
  schedule: { words: 2, options: ['min', 'max', 'timezone'] },
  unschedule: { words: 1, options: [] },
};

function copies(name: string, value: string): number {
  if (/^\d{1,4}$/.test(value)) return Number(value);
  throw new UsageError(`${name} is ${JSON.stringify(value)}. It must be a whole number of copies.`);
}

function policyOf(entries: readonly string[]): Readonly<Record<string, number>> | null {
  if (entries.length === 1 && entries[0] === 'default') return null;
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = '', value = '', ...more] = entry.split('=');
      const known = Object.hasOwn(policySchema.shape, name) && more.length === 0;
      if (!known || value.trim() === '' || !Number.isFinite(Number(value))) {
        const names = Object.keys(policySchema.shape).join(', ');
        throw new UsageError(`--policy is ${JSON.stringify(entry)}. Write NAME=NUMBER with a name of: ${names}.`);
      }
      return [name, Number(value)];
    }),
  );
}

function text(status: z.infer<typeof scalingStatusSchema>): string {
  const { copies: there, load, speed, policy } = status;
  const time = (at: number) => new Date(at * 1_000).toISOString().slice(0, 19).replace('T', ' ');
  const thinking =
    load.wanted_thinking_tokens === 0
      ? 'none under way'
      : `${load.granted_thinking_tokens} of ${load.wanted_thinking_tokens} tokens granted`;
  const lines = [
    `${status.model} on ${status.endpoint}, ${time(status.as_of)} UTC${status.paused ? ', PAUSED' : ''}`,
    `  copies     ${there.running} running, ${there.starting} starting, ${there.wanted} wanted (bounds ${there.min} to ${there.max})${status.at_zero === null ? '' : `, ${status.at_zero}`}`,
    ...(status.failure === null ? [] : [`  failure    ${status.failure}`]),
    `  load       ${load.requests} requests, ${load.committed_tokens} tokens committed${load.pressure === null ? '' : `, pressure ${load.pressure}`}`,
    `  thinking   ${thinking}`,
    `  speed      ${Math.round(speed.asked_tokens_per_second)} tokens/s asked for, ${Math.round(speed.copy_tokens_per_second)} a copy; a start takes ${Math.round(speed.start_seconds)} s`,
    `  policy     ${Object.entries(policy)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
    ...status.schedules.map(
      (entry) =>
        `  schedule   ${entry.name}: ${entry.schedule} ${entry.timezone}, ${entry.min_copies} to ${entry.max_copies}`,
    ),
    'Last decisions:',
    ...(status.decisions.length === 0 ? ['  none yet'] : []),
    ...status.decisions.slice(0, 8).map(({ at, have, want, reason }) => `  ${time(at)}  ${have} → ${want}  ${reason}`),
    ...(status.changes.length === 0 ? [] : ['Last changes:']),
    ...status.changes.slice(0, 8).map(({ at, by, what }) => `  ${time(at)}  ${by}: ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}
