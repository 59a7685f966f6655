import * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import { describeIssue } from '../../http/describe-issue.ts';
import { dayOf } from '../../keys/ledger.ts';

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
type UsageQuery = z.infer<typeof usageQuerySchema>;

/** @throws {ApiError} 400 that names the parameter. */
export function parseUsageQuery(input: Readonly<Record<string, string>>): UsageQuery {
  const parsed = usageQuerySchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const { field, message } =
    issue === undefined ? { field: 'from', message: 'Wrong query.' } : describeIssue(issue, input);
  throw invalidRequest(field, message);
}

/** What the rows are grouped by. */
export function groupsOf(query: UsageQuery): readonly (typeof groups)[number][] {
  return groups.filter((group) => (query.group_by ?? groups.join(',')).split(',').includes(group));
}

export function daysOf(query: UsageQuery, now: number): readonly string[] {
  const to = query.to === undefined ? now : Date.parse(query.to) / 1_000;
  const from = query.from === undefined ? to - 6 * DAY_SECONDS : Date.parse(query.from) / 1_000;
  const count = Math.floor(to / DAY_SECONDS) - Math.floor(from / DAY_SECONDS) + 1;
  if (count < 1) throw invalidRequest('from', 'from is after to. Give an earlier first day.');
  if (count > MAX_DAYS) throw invalidRequest('from', `from to to are ${count} days. Ask for at most ${MAX_DAYS}.`);
  return Array.from({ length: count }, (_, index) => dayOf(from + index * DAY_SECONDS));
}
