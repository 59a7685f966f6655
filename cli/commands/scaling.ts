import type * as z from 'zod';
import { scalingPolicyNames } from '../../lambda/policy/scaling-policies.ts';
import { scalingStatusSchema } from '../../lambda/scaling/scaling-admin.ts';
import { policySchema } from '../../lambda/settings/policy-settings.ts';
import { apiClientOptions, apiOptions, callApi } from '../api-client.ts';
import { type Action, defineCommand, findAction } from '../command.ts';
import { parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

interface ScalingAction extends Action {
  /** Options that change what it does. The others of `Changes` are refused. */
  readonly options: readonly (keyof Changes)[];
  request(input: {
    readonly rest: readonly string[];
    readonly bounds: { readonly min_copies?: number; readonly max_copies?: number };
    /** `null` is the deployed policy. */
    readonly policy: Readonly<Record<string, number | string>> | null | undefined;
    readonly timezone: string | undefined;
  }): { readonly method: string; readonly path: string; readonly body?: unknown };
}

interface Changes {
  readonly min?: string;
  readonly max?: string;
  readonly policy?: readonly string[];
  readonly timezone?: string;
}

const actions: Readonly<Record<string, ScalingAction>> = {
  show: {
    arguments: [],
    options: [],
    summary: 'copies, load, policy, and the last decisions with their reasons (default)',
    request: () => ({ method: 'GET', path: '' }),
  },
  set: {
    arguments: [],
    options: ['min', 'max', 'policy'],
    summary: 'change bounds or policy: --min, --max, --policy',
    request({ bounds, policy }) {
      const body = { ...bounds, ...(policy === undefined ? {} : { policy }) };
      if (Object.keys(body).length === 0) throw new UsageError('set changes nothing. Give --min, --max or --policy.');
      return { method: 'PATCH', path: '', body };
    },
  },
  wake: {
    arguments: [],
    options: [],
    summary: 'start the first copy now',
    request: () => ({ method: 'POST', path: '/wake' }),
  },
  pause: {
    arguments: [],
    options: [],
    summary: 'stop all copies until resume',
    request: () => ({ method: 'POST', path: '/pause' }),
  },
  resume: {
    arguments: [],
    options: [],
    summary: 'end a pause',
    request: () => ({ method: 'POST', path: '/resume' }),
  },
  schedule: {
    arguments: ['NAME', 'WHEN'],
    options: ['min', 'max', 'timezone'],
    summary: 'change bounds at set times: "cron(0 7 ? * MON-FRI *)", with --min and --max',
    request({ rest: [name, when], bounds, timezone }) {
      const { min_copies, max_copies } = bounds;
      if (name === undefined || when === undefined || min_copies === undefined || max_copies === undefined) {
        throw new UsageError('Write schedule NAME "cron(0 7 ? * MON-FRI *)" --min 1 --max 4.');
      }
      return {
        method: 'PUT',
        path: `/schedules/${encodeURIComponent(name)}`,
        body: { schedule: when, ...bounds, ...(timezone === undefined ? {} : { timezone }) },
      };
    },
  },
  unschedule: {
    arguments: ['NAME'],
    options: [],
    summary: 'remove a schedule',
    request({ rest: [name] }) {
      if (name === undefined) throw new UsageError('Write unschedule NAME.');
      return { method: 'DELETE', path: `/schedules/${encodeURIComponent(name)}` };
    },
  },
};

const settingNames = Object.keys(policySchema.shape);

/** `budgetforce scaling`. */
export const scalingCommand = defineCommand({
  name: 'scaling',
  description: 'Shows and changes how the copies of a model scale.',
  actions,
  options: {
    model: { type: 'string', placeholder: 'ID', defaultText: 'the first one', description: 'model to scale' },
    min: { type: 'string', placeholder: 'N', description: 'minimum copies' },
    max: { type: 'string', placeholder: 'N', description: 'maximum copies' },
    policy: {
      type: 'string',
      multiple: true,
      placeholder: 'NAME=VALUE',
      description: `a setting of the policy, repeatable; "default" restores the deployed policy. Settings: ${settingNames.join(', ')}`,
    },
    timezone: {
      type: 'string',
      placeholder: 'ZONE',
      defaultText: 'UTC',
      description: 'time zone of a schedule, for instance Europe/Berlin',
    },
    ...apiOptions,
    json: { type: 'boolean', description: 'print the state as JSON' },
  },
  note: 'Each action is idempotent.',
  exitCodes: ['done', 'failed'],
  async run({ values, positionals }) {
    const [name = 'show', ...rest] = positionals;
    const action = findAction(actions, name);
    const extra = rest.slice(action.arguments.length);
    if (extra.length > 0) throw new UsageError(`${name} does not take ${extra.join(' ')}.`);
    for (const option of ['min', 'max', 'policy', 'timezone'] as const) {
      if (values[option] !== undefined && !action.options.includes(option))
        throw new UsageError(`${name} does not take --${option}, so nothing was done.`);
    }
    const { method, path, body } = action.request({
      rest,
      bounds: {
        ...(values.min === undefined ? {} : { min_copies: parseCopies('min', values.min) }),
        ...(values.max === undefined ? {} : { max_copies: parseCopies('max', values.max) }),
      },
      policy: values.policy && parsePolicy(values.policy),
      timezone: values.timezone,
    });
    const query = values.model === undefined ? '' : `?model=${encodeURIComponent(values.model)}`;
    const answer = await callApi(apiClientOptions(values), method, `/admin/scaling${path}${query}`, body);
    const status = scalingStatusSchema.parse(answer);
    process.stdout.write(values.json ? `${JSON.stringify(status)}\n` : statusText(status));
    return 0;
  },
});

const parseCopies = (option: string, text: string) => parseWholeNumber(option, text, { min: 0, max: 9_999 });

function parsePolicy(entries: readonly string[]): Readonly<Record<string, number | string>> | null {
  if (entries.length === 1 && entries[0] === 'default') return null;
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = '', value = '', ...more] = entry.split('=');
      if (name === 'scaling_policy') {
        const policy = scalingPolicyNames.find((known) => known === value);
        if (policy !== undefined && more.length === 0) return [name, policy];
        throw new UsageError(
          `--policy is ${JSON.stringify(entry)}. Write scaling_policy= and one of: ${scalingPolicyNames.join(', ')}.`,
        );
      }
      const known = settingNames.includes(name) && more.length === 0;
      if (!known || value.trim() === '' || !Number.isFinite(Number(value))) {
        throw new UsageError(
          `--policy is ${JSON.stringify(entry)}. Write NAME=NUMBER with a name of: ${settingNames.join(', ')}.`,
        );
      }
      return [name, Number(value)];
    }),
  );
}

function statusText(status: z.infer<typeof scalingStatusSchema>): string {
  const { copies, load, speed, policy } = status;
  const time = (at: number) => new Date(at * 1_000).toISOString().slice(0, 19).replace('T', ' ');
  const thinking =
    load.wanted_thinking_tokens === 0
      ? 'none'
      : `${load.granted_thinking_tokens} of ${load.wanted_thinking_tokens} tokens granted`;
  const lines = [
    `${status.model} on ${status.endpoint}, ${time(status.as_of)} UTC${status.paused ? ', PAUSED' : ''}`,
    `  copies     ${copies.running} running, ${copies.starting} starting, ${copies.wanted} desired (bounds ${copies.min} to ${copies.max})${status.at_zero === null ? '' : `, ${status.at_zero}`}`,
    ...(status.failure === null ? [] : [`  failure    ${status.failure}`]),
    `  load       ${load.requests} requests, ${load.committed_tokens} tokens committed${load.pressure === null ? '' : `, pressure ${load.pressure}`}`,
    `  thinking   ${thinking}`,
    `  speed      ${Math.round(speed.asked_tokens_per_second)} tokens/s requested, ${Math.round(speed.copy_tokens_per_second)} per copy; a start takes ${Math.round(speed.start_seconds)} s`,
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
