import type { Context } from 'hono';
import { defineApi, route } from '../../apis/api.ts';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { UsageRecord } from '../../keys/ledger.ts';
import type { ServedModel } from '../../models/served-model.ts';
import { dollarsOf } from './dollars-of.ts';
import { daysOf, groupsOf, parseUsageQuery } from './query.ts';

/** `GET /v1/usage`: sums requests, tokens and dollars by key, model and day. */
export const usage = defineApi({
  routes: { getUsage: route('GET', '/v1/usage', getUsage) },
  describe: async () => (await import('./operations.ts')).description,
});

function getUsage({ ledger, models, unixTime }: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    if (ledger === undefined) {
      throw new ApiError(404, 'This deployment does not record usage. Set a table in its config.', {
        code: 'no_ledger',
      });
    }
    const query = parseUsageQuery(context.req.query());
    const caller = context.get('caller');
    const days = daysOf(query, unixTime());
    const by = groupsOf(query);
    const rows = new Map<string, Row>();
    for await (const record of ledger.records(days, caller.admin ? query.key : caller.id)) {
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
  probe_tokens: 0,
  aborted_tokens: 0,
  retrieved_tokens: 0,
  searches: 0,
  dollars: 0,
};
type Row = typeof emptyRow & { readonly group: Readonly<Record<string, string>> };

function add(row: Row, record: UsageRecord, models: readonly ServedModel[]): Row {
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
    probe_tokens: row.probe_tokens + record.probe,
    aborted_tokens: row.aborted_tokens + record.aborted,
    retrieved_tokens: row.retrieved_tokens + record.retrieved,
    searches: row.searches + record.searches,
    dollars: row.dollars + dollarsOf(record, models),
  };
}

const round = (dollars: number): number => Math.round(dollars * 1e6) / 1e6;
