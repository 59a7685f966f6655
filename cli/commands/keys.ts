import * as z from 'zod';
import { apiClientOptions, apiOptions, callApi } from '../api-client.ts';
import { type Action, defineCommand, findAction } from '../command.ts';
import { parseBoolean, parseJsonObject, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

interface KeysAction extends Action {
  /** What the argument is, for the error if it is missing. */
  readonly subject?: string;
  request(input: {
    readonly subject: string;
    readonly limits: Readonly<Record<string, unknown>>;
    readonly store: boolean | undefined;
    readonly rawPrompts: boolean | undefined;
    readonly expiresInDays: number | undefined;
    readonly graceSeconds: number;
    readonly url: string | undefined;
    readonly events: readonly string[] | undefined;
  }): { readonly method: string; readonly path: string; readonly body?: unknown };
  /** The answer of the API as text. */
  text(answer: unknown): string;
}

const keyPath = (id: string) => `/${encodeURIComponent(id)}`;
const ID = 'the id of a key, which keys list shows';

const actions: Readonly<Record<string, KeysAction>> = {
  list: {
    arguments: [],
    summary: 'show all keys, without their values',
    request: () => ({ method: 'GET', path: '' }),
    text: keyListText,
  },
  create: {
    arguments: ['NAME', '[limits]'],
    summary: 'create a key and show its value, once',
    subject: 'a name',
    request: ({ subject, limits, store, rawPrompts, expiresInDays }) => ({
      method: 'POST',
      path: '',
      body: { name: subject, limits, store, raw_prompts: rawPrompts, expires_in_days: expiresInDays },
    }),
    text: keyText,
  },
  limits: {
    arguments: ['ID', '[limits]'],
    summary: 'replace all limits of a key; with only --store or --raw-prompts, they stay as they are',
    subject: ID,
    request: ({ subject, limits, store, rawPrompts }) => ({
      method: 'PATCH',
      path: keyPath(subject),
      body: {
        // JSON omits undefined values.
        limits:
          (store ?? rawPrompts) === undefined || Object.values(limits).some((limit) => limit !== undefined)
            ? limits
            : undefined,
        store,
        raw_prompts: rawPrompts,
      },
    }),
    text: keyText,
  },
  rotate: {
    arguments: ['ID'],
    summary: 'replace the value of a key and show the new one, once',
    subject: ID,
    request: ({ subject, graceSeconds }) => ({
      method: 'POST',
      path: `${keyPath(subject)}/rotate`,
      body: { grace_seconds: graceSeconds },
    }),
    text: keyText,
  },
  webhook: {
    arguments: ['ID'],
    summary: 'set its webhook with --url and show the signing secret, once; without --url, show the webhook',
    subject: `${ID}; admin for the admin key, anonymous for callers without a key`,
    request({ subject, url, events, graceSeconds }) {
      const path = `${keyPath(subject)}/webhook`;
      if (url === 'none') return { method: 'DELETE', path };
      return url === undefined
        ? { method: 'GET', path }
        : { method: 'PUT', path, body: { url, events, grace_seconds: graceSeconds } };
    },
    text: webhookText,
  },
  revoke: {
    arguments: ['ID'],
    summary: 'revoke a key and all its values',
    subject: ID,
    request: ({ subject }) => ({ method: 'DELETE', path: keyPath(subject) }),
    text: keyText,
  },
};

const LIMITS = 'Limits (an omitted limit is not enforced)';

/** `budgetforce keys`. */
export const keysCommand = defineCommand({
  name: 'keys',
  description:
    'Manages the keys of an API, local or deployed, and their limits. The variable BUDGETFORCE_ADMIN_KEY holds the admin key.',
  actions,
  options: {
    'requests-per-minute': { type: 'string', placeholder: 'N', group: LIMITS, description: 'requests per minute' },
    'tokens-per-day': { type: 'string', placeholder: 'N', group: LIMITS, description: 'tokens per day' },
    'concurrent-requests': { type: 'string', placeholder: 'N', group: LIMITS, description: 'concurrent requests' },
    'max-thinking-tokens': {
      type: 'string',
      placeholder: 'N',
      group: LIMITS,
      description: 'maximum thinking tokens of a request',
    },
    thinking: {
      type: 'string',
      placeholder: 'JSON',
      group: LIMITS,
      defaultText: "the model's config",
      description:
        'rules by confidence if a request sets none (docs/adaptive.md), for instance {"waits":1,"wait_when":"unsure"}',
    },
    models: { type: 'string', placeholder: 'ID,ID', group: LIMITS, description: 'models that the key may use' },
    elastic: {
      type: 'string',
      placeholder: 'true|false',
      group: LIMITS,
      defaultText: "the model's config",
      description: 'whether thinking may shrink under load, if a request does not set it',
    },
    store: {
      type: 'string',
      placeholder: 'true|false',
      defaultText: 'false',
      description: 'of create and limits: whether content of its requests may be stored (docs/feedback.md)',
    },
    'raw-prompts': {
      type: 'string',
      placeholder: 'true|false',
      defaultText: 'false',
      description: 'of create and limits: whether it may use /v1/completions, if the API offers it',
    },
    'base-url': apiOptions['base-url'],
    'expires-in-days': { type: 'string', placeholder: 'N', description: 'of create: days until the key expires' },
    grace: {
      type: 'string',
      placeholder: 'SECONDS',
      default: '0',
      description: 'of rotate: how long the old value stays valid; of webhook: how long the old secret signs as well',
    },
    url: {
      type: 'string',
      placeholder: 'URL',
      description: 'of webhook: where events are posted to, with https://; "none" deletes the webhook',
    },
    events: {
      type: 'string',
      placeholder: 'TYPE,TYPE',
      defaultText: 'all',
      description: 'of webhook: types of events, such as batch.completed (docs/webhooks.md)',
    },
    json: { type: 'boolean', description: "print the API's answer as JSON" },
  },
  exitCodes: ['done', 'the API refused or cannot be reached'],
  async run({ values, positionals }) {
    const [name, subject, ...more] = positionals;
    if (more.length > 0)
      throw new UsageError(`keys takes one action and one name or id, but also got ${more.join(' ')}.`);
    const number = (option: string, text: string | undefined) =>
      text === undefined ? undefined : parseWholeNumber(option, text, { min: 0 });
    const limits = {
      requests_per_minute: number('requests-per-minute', values['requests-per-minute']),
      tokens_per_day: number('tokens-per-day', values['tokens-per-day']),
      concurrent_requests: number('concurrent-requests', values['concurrent-requests']),
      max_thinking_tokens: number('max-thinking-tokens', values['max-thinking-tokens']),
      thinking: values.thinking === undefined ? undefined : parseJsonObject('thinking', values.thinking),
      models: values.models?.split(','),
      elastic: values.elastic === undefined ? undefined : parseBoolean('elastic', values.elastic),
    };
    const action = findAction(actions, name);
    if (action.subject !== undefined && subject === undefined)
      throw new UsageError(`keys ${name} takes ${action.subject}.`);
    const { method, path, body } = action.request({
      subject: subject ?? '',
      limits,
      store: values.store === undefined ? undefined : parseBoolean('store', values.store),
      rawPrompts: values['raw-prompts'] === undefined ? undefined : parseBoolean('raw-prompts', values['raw-prompts']),
      expiresInDays: number('expires-in-days', values['expires-in-days']),
      graceSeconds: parseWholeNumber('grace', values.grace, { min: 0 }),
      url: values.url,
      events: values.events?.split(','),
    });
    const answer = await callApi(
      { ...apiClientOptions(values), apiKey: process.env['BUDGETFORCE_ADMIN_KEY'] || undefined },
      method,
      `/admin/keys${path}`,
      body,
    );
    process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : action.text(answer));
    return 0;
  },
});

const keySchema = z.object({ id: z.string(), key: z.string().optional() });
const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      ends_in: z.string(),
      revoked: z.boolean().optional(),
      store: z.boolean().optional(),
      raw_prompts: z.boolean().optional(),
      limits: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
});

function keyListText(answer: unknown): string {
  const { data } = listSchema.parse(answer);
  if (data.length === 0) return 'There are no keys yet. `budgetforce keys create NAME` creates one.\n';
  return data
    .map(({ id, ends_in, name, revoked, store, raw_prompts: rawPrompts, limits }) => {
      const set = Object.entries(limits).filter(([, value]) => value !== null && value !== undefined);
      const notes = [
        ...(revoked ? ['revoked'] : []),
        ...(store ? ['store: true'] : []),
        ...(rawPrompts ? ['raw_prompts: true'] : []),
        ...set.map(([limit, value]) => `${limit}: ${value}`),
      ];
      return `${id}  …${ends_in}  ${name}${notes.length === 0 ? '' : `  (${notes.join(', ')})`}\n`;
    })
    .join('');
}

function keyText(answer: unknown): string {
  const { id, key } = keySchema.parse(answer);
  return key === undefined ? `${id}: done\n` : `${id}\n${key}\nStore it now: it is not shown again.\n`;
}

const webhookTextSchema = z.object({
  url: z.string().optional(),
  events: z.array(z.string()).default([]),
  secret: z.string().optional(),
  disabled_at: z.int().optional(),
  failures: z
    .array(z.object({ type: z.string(), data: z.object({ id: z.string() }), attempts: z.int(), reason: z.string() }))
    .default([]),
});

function webhookText(answer: unknown): string {
  const { url, events, secret, disabled_at: disabled, failures } = webhookTextSchema.parse(answer);
  if (url === undefined) return 'The webhook is deleted.\n';
  if (secret !== undefined) return `${url}\n${secret}\nStore it now: it is not shown again.\n`;
  const lost = failures.map(
    ({ type, data, attempts, reason }) => `given up: ${type} ${data.id} after ${attempts} attempts (${reason})\n`,
  );
  const note = disabled === undefined ? '' : '  (disabled: the receiver answered 410)';
  return `${url}${note}\n${events.join(', ')}\n${lost.join('')}`;
}
