import { parseArgs } from 'node:util';
import * as z from 'zod';
import { apiClientOptions, callApi } from '../api-client.ts';
import type { Command } from '../command.ts';
import { UsageError } from '../usage-error.ts';

const HELP = `Usage: budgetforce keys ACTION [options]

Keys with limits, of an API on this machine or deployed. The admin key comes from the variable BUDGETFORCE_ADMIN_KEY.

Actions:
  list                      every key; never its value
  create NAME [limits]      a new key; its value is shown once
  limits ID [limits]        replaces all limits of a key
  rotate ID                 a new value for a key; --grace SECONDS lets the old one go on
  revoke ID                 ends a key, all its values

Limits (one that is absent does not hold):
  --requests-per-minute N   --tokens-per-day N        --concurrent-requests N
  --max-thinking-tokens N   --models ID,ID
  --elastic true|false      whether thinking may shrink under load, where a request says nothing (absent: as
                            the model's config says)

Options:
  --base-url URL            default http://localhost:8787/v1, or the variable BUDGETFORCE_BASE_URL
  --expires-in-days N       with create
  --grace SECONDS           with rotate (default 0)
  --json                    what the API answers, as JSON
  --help                    this text

Exit codes: 0 done, 1 the API refused or cannot be reached, 2 wrong usage.
`;

const keySchema = z.object({ id: z.string(), key: z.string().optional() });
const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      ends_in: z.string(),
      revoked: z.boolean().optional(),
      limits: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
});

/** `budgetforce keys`. */
export const keysCommand: Command = {
  name: 'keys',
  summary: 'make, list, limit, rotate and revoke keys',
  help: HELP,
  async run(argv) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'base-url': { type: 'string' },
        'requests-per-minute': { type: 'string' },
        'tokens-per-day': { type: 'string' },
        'concurrent-requests': { type: 'string' },
        'max-thinking-tokens': { type: 'string' },
        models: { type: 'string' },
        elastic: { type: 'string' },
        'expires-in-days': { type: 'string' },
        grace: { type: 'string', default: '0' },
        json: { type: 'boolean', default: false },
      },
    });
    const [action, subject, ...more] = positionals;
    if (more.length > 0)
      throw new UsageError(`keys takes one action and one name or id, but also got ${more.join(' ')}.`);
    const limits = {
      requests_per_minute: numberOf('requests-per-minute', values['requests-per-minute']),
      tokens_per_day: numberOf('tokens-per-day', values['tokens-per-day']),
      concurrent_requests: numberOf('concurrent-requests', values['concurrent-requests']),
      max_thinking_tokens: numberOf('max-thinking-tokens', values['max-thinking-tokens']),
      models: values.models?.split(','),
      elastic: flagOf('elastic', values.elastic),
    };
    const { baseUrl } = apiClientOptions(values);
    const apiKey = process.env['BUDGETFORCE_ADMIN_KEY'] || undefined;
    const call = async (method: string, path: string, body?: unknown) =>
      await callApi({ baseUrl, apiKey }, method, `/admin/keys${path}`, body);
    const named = (what: string) => {
      if (subject === undefined) throw new UsageError(`keys ${action} takes ${what}.`);
      return subject;
    };
    const ofKey = () => `/${encodeURIComponent(named("a key's id: see keys list"))}`;
    const answer = await (async () => {
      switch (action) {
        case 'list':
          return await call('GET', '');
        case 'create': {
          const days = numberOf('expires-in-days', values['expires-in-days']);
          return await call('POST', '', { name: named('a name'), limits, expires_in_days: days });
        }
        case 'limits':
          return await call('PATCH', ofKey(), { limits });
        case 'rotate':
          return await call('POST', `${ofKey()}/rotate`, { grace_seconds: numberOf('grace', values.grace) });
        case 'revoke':
          return await call('DELETE', ofKey());
        default:
          throw new UsageError('Say what to do: keys list, create, limits, rotate or revoke. keys --help tells more.');
      }
    })();
    process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : asText(action, answer));
    return 0;
  },
};

function asText(action: string | undefined, answer: unknown): string {
  if (action === 'list') {
    const { data } = listSchema.parse(answer);
    return data
      .map(({ id, ends_in, name, revoked, limits }) => {
        const set = Object.entries(limits).filter(([, value]) => value !== null && value !== undefined);
        const notes = [...(revoked ? ['revoked'] : []), ...set.map(([limit, value]) => `${limit}: ${value}`)];
        return `${id}  …${ends_in}  ${name}${notes.length === 0 ? '' : `  (${notes.join(', ')})`}\n`;
      })
      .join('');
  }
  const { id, key } = keySchema.parse(answer);
  return key === undefined ? `${id}: done\n` : `${id}\n${key}\nKeep it: it is not shown again.\n`;
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} is ${JSON.stringify(text)}. It must be a whole number.`);
  return Number(text);
}

function flagOf(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') {
    throw new UsageError(`--${name} is ${JSON.stringify(text)}. It must be true or false.`);
  }
  return text === 'true';
}
