import type { Context } from 'hono';
import * as z from 'zod';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { ApiError, invalidRequest } from '../errors/api-error.ts';
import { describeIssue } from '../http/describe-issue.ts';
import { dayOf, type UsageRecord } from '../keys/ledger.ts';
import type { ServedModel } from '../models/served-model.ts';

const DAY_SECONDS = 86_400;
const MAX_DAYS = 93;
const groups = ['key', 'model', 'day'] as const;

export const usageQuerySchema = z.strictObject({
  /** First day, UTC. Default: six days before `to`. */
  from: z.iso.date().optional(),
  /** Last day, UTC. Default: today. */
  to: z.iso.date().optional(),
  /** One key; without an admin key it is always one's own. */
  key: z.string().max(64).optional(),
  /** `key`, `model`, `day`, or several with commas. Default: all three. */
  group_by: z
    .string()
    .regex(/^(key|model|day)(,(key|model|day))*$/, `must be of ${groups.join(', ')}, with commas between`)
    .optional(),
});

/** `GET /v1/usage`: requests, tokens and dollars by key, model and day. */
export function usage({ ledger, models, unixTime }: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    if (ledger === undefined) {
      throw new ApiError(404, 'This deployment keeps no usage: its config names no table.', { code: 'no_ledger' });
    }
    const input = context.req.query();
    const parsed = usageQuerySchema.safeParse(input);
    const issue = parsed.error?.issues[0];
    if (!parsed.success) {
      const { field, message } =
        issue === undefined ? { field: 'from', message: 'Wrong query.' } : describeIssue(issue, input);
      throw invalidRequest(field, message);
    }
    const caller = context.get('caller');
    const days = daysOf(parsed.data, unixTime());
    const by = groups.filter((group) => (parsed.data.group_by ?? groups.join(',')).split(',').includes(group));
    const rows = new Map<string, Row>();
    for await (const record of ledger.records(days, caller.admin ? parsed.data.key : caller.id)) {
      const group = Object.fromEntries(by.map((name) => [name, record[name]]));
      const name = JSON.stringify(group);
      rows.set(name, add(rows.get(name) ?? { group, ...emptyRow }, record, models));
    }
    const data = [...rows.values()].map(({ group, dollars, ...counts }) => ({
      ...group,
      ...counts,
      dollars: round(dollars),
    }));
    return context.json({ object: 'list', from: days[0], to: days.at(-1), data });
  };
}

const emptyRow = {
  requests: 0,
  running: 0,
  lost: 0,
  prompt_tokens: 0,
  cached_tokens: 0,
  thinking_tokens: 0,
  answer_tokens: 0,
  forced_tokens: 0,
  dollars: 0,
};
type Row = typeof emptyRow & { readonly group: Readonly<Record<string, string>> };

function add(row: Row, record: UsageRecord, models: readonly ServedModel[]): Row {
  const price = models.find(({ settings }) => settings.id === record.model)?.settings.dollarsPerMillionTokens;
  const dollars =
    price === undefined
      ? 0
      : (record.prompt * price.prompt + (record.thinking + record.answer) * price.completion) / 1_000_000;
  return {
    group: row.group,
    requests: row.requests + 1,
    running: row.running + (record.status === 'running' ? 1 : 0),
    lost: row.lost + (record.status === 'lost' ? 1 : 0),
    prompt_tokens: row.prompt_tokens + record.prompt,
    cached_tokens: row.cached_tokens + record.cached,
    thinking_tokens: row.thinking_tokens + record.thinking,
    answer_tokens: row.answer_tokens + record.answer,
    forced_tokens: row.forced_tokens + record.forced,
    dollars: row.dollars + dollars,
  };
}

function daysOf(query: z.infer<typeof usageQuerySchema>, now: number): readonly string[] {
  const to = query.to === undefined ? now : Date.parse(query.to) / 1_000;
  const from = query.from === undefined ? to - 6 * DAY_SECONDS : Date.parse(query.from) / 1_000;
  const count = Math.floor(to / DAY_SECONDS) - Math.floor(from / DAY_SECONDS) + 1;
  if (count < 1) throw invalidRequest('from', 'from is after to. Give an earlier first day.');
  if (count > MAX_DAYS) throw invalidRequest('from', `from to to are ${count} days. Ask for at most ${MAX_DAYS}.`);
  return Array.from({ length: count }, (_, index) => dayOf(from + index * DAY_SECONDS));
}

const round = (dollars: number): number => Math.round(dollars * 1e6) / 1e6;
