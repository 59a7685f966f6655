import { defineApi, route } from '../../apis/api.ts';
import type { AppDependencies } from '../../context.ts';
import { invalidRequest } from '../../errors/api-error.ts';
import { goodnessOf, type StoredFeedback } from '../../feedback/feedback.ts';
import type { FeedbackPlace, FeedbackStore } from '../../feedback/feedback-store.ts';
import { requireFeedback } from '../../feedback/require-feedback.ts';
import { parseQuery } from '../../http/parse-query.ts';
import { daysOf } from '../usage/query.ts';
import {
  deletionQuerySchema,
  type FeedbackGroup,
  type FeedbackQuery,
  feedbackQuerySchema,
  fromCursor,
  groupsOf,
  storedQuerySchema,
  toCursor,
} from './query.ts';

const DEFAULT_PAGE = 20;
/** A conversation with long thoughts may have hundreds of kilobytes. */
const DEFAULT_STORED = 10;

/** Lists and counts feedback of all keys, lists the stored conversations, and deletes what is stored of a key or a user. */
export const adminFeedback = defineApi({
  routes: {
    listFeedback: route('GET', '/v1/admin/feedback', (dependencies) => async (context) => {
      const store = requireFeedback(dependencies);
      const query = parseQuery(feedbackQuerySchema, context.req.query());
      const days = daysOf(query, dependencies.unixTime());
      const { page, next } = await pageOf(store, query, days);
      const range = { object: 'list', from: days[0], to: days.at(-1) };
      const listed = { data: await Promise.all(page.map((given) => toListed(store, given))), next };
      // A further page has no counts: they are the same on every page.
      if (query.after !== undefined) return context.json({ ...range, ...listed });
      return context.json({ ...range, counts: await countsOf(store, query, days), ...listed });
    }),
    listStored: route('GET', '/v1/admin/stored', (dependencies) => async (context) => {
      const store = requireFeedback(dependencies);
      const query = parseQuery(storedQuerySchema, context.req.query());
      const days = daysOf(query, dependencies.unixTime());
      const after = query.after === undefined ? undefined : fromCursor(query.after, days);
      const size = query.limit === undefined ? DEFAULT_STORED : Number(query.limit);
      const data: unknown[] = [];
      let last: FeedbackPlace | undefined;
      let next: string | null = null;
      for await (const { key, content, day, place } of store.generations(days, after)) {
        if ((query.key ?? key) !== key || (query.model ?? content.model) !== content.model) continue;
        if (data.length === size && last !== undefined) {
          next = toCursor(last);
          break;
        }
        data.push({ key, ...content });
        last = { day, place };
      }
      return context.json({ object: 'list', from: days[0], to: days.at(-1), data, next });
    }),
    deleteStoredOf: route('DELETE', '/v1/admin/feedback', (dependencies) => async (context) => {
      const store = requireFeedback(dependencies);
      const { key, user } = parseQuery(deletionQuerySchema, context.req.query());
      if (key === undefined && user === undefined) {
        throw invalidRequest('key', 'Nothing says what to delete. Give key, user, or both.');
      }
      const deleted = await store.deleteAll(
        user === undefined ? { key: key ?? '' } : { user, ...(key === undefined ? {} : { key }) },
      );
      audit(dependencies, context.get('requestId'), { key, ofUser: user !== undefined, deleted });
      return context.json({
        deleted,
        ...(key === undefined ? {} : { key }),
        ...(user === undefined ? {} : { user }),
      });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

/** Never the name of the user. */
function audit(
  { log }: AppDependencies,
  requestId: string,
  what: { readonly key: string | undefined; readonly ofUser: boolean; readonly deleted: number },
): void {
  const { key, ofUser, deleted } = what;
  log('info', 'admin', { action: 'delete stored', key, of_user: ofUser, deleted, request_id: requestId });
}

type PlacedFeedback = StoredFeedback & FeedbackPlace;

/** A page of the matching feedback, and the cursor of the next one. */
async function pageOf(
  store: FeedbackStore,
  query: FeedbackQuery,
  days: readonly string[],
): Promise<{ readonly page: readonly PlacedFeedback[]; readonly next: string | null }> {
  const size = query.limit === undefined ? DEFAULT_PAGE : Number(query.limit);
  const after = query.after === undefined ? undefined : fromCursor(query.after, days);
  const page: PlacedFeedback[] = [];
  for await (const given of store.feedback(days, after)) {
    if (!matches(given, query)) continue;
    const last = page.at(-1);
    if (page.length === size && last !== undefined) return { page, next: toCursor(last) };
    page.push(given);
  }
  return { page, next: null };
}

function matches({ metric, model, budget, policy, key }: StoredFeedback, query: FeedbackQuery): boolean {
  return (
    (query.metric ?? metric) === metric &&
    (query.model ?? model) === model &&
    Number(query.max_tokens ?? budget.max_tokens) === budget.max_tokens &&
    (query.policy ?? policy) === policy &&
    (query.key ?? key) === key
  );
}

async function toListed(store: FeedbackStore, given: PlacedFeedback) {
  const { id, key, metric, value, created, model, budget, policy, thinking_tokens, answer_tokens } = given;
  const { correction, comment, tags } = await store.texts(given);
  return {
    ...{ id, key, metric },
    value: correction === undefined ? (value ?? null) : { answer: correction },
    ...(comment === undefined ? {} : { comment }),
    ...(tags === undefined ? {} : { tags }),
    ...{ created, model, budget, policy },
    ...(thinking_tokens === undefined ? {} : { thinking_tokens }),
    ...(answer_tokens === undefined ? {} : { answer_tokens }),
  };
}

type Group = Partial<Pick<StoredFeedback, FeedbackGroup>>;

/** Feedback of each group, with how much of it judges an answer, and how good those answers are together. */
async function countsOf(store: FeedbackStore, query: FeedbackQuery, days: readonly string[]) {
  const by = groupsOf(query);
  const counts = new Map<string, { readonly group: Group; count: number; judged: number; good: number }>();
  for await (const given of store.feedback(days)) {
    if (!matches(given, query)) continue;
    const group: Group = Object.fromEntries(by.map((name) => [name, given[name]]));
    const name = JSON.stringify(group);
    const row = counts.get(name) ?? { group, count: 0, judged: 0, good: 0 };
    counts.set(name, row);
    const good = goodnessOf(given);
    row.count++;
    if (good === undefined) continue;
    row.judged++;
    row.good += good;
  }
  return [...counts.values()].map(({ group, ...row }) => ({ ...group, ...row }));
}
