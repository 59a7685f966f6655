import * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import { describeIssue } from '../../http/describe-issue.ts';
import { dayOf } from '../../keys/ledger.ts';

const DAY_SECONDS = 86_400;
const MAX_DAYS = 93;
const FIRST_DAY = '2000-01-01';
const LAST_DAY = '9999-12-31';
const groups = ['key', 'model', 'day', 'work'] as const;
/** Rows of all work together, as before there was any in the background. */
const defaultGroups = 'key,model,day';

/** A day that has a year of four digits, also six days before. */
export const day = z.iso
  .date()
  .refine((date) => date >= FIRST_DAY && date <= LAST_DAY, `must be a day from ${FIRST_DAY} to ${LAST_DAY}`);

export const usageQuerySchema = z.strictObject({
  /** First day, in UTC. @default - six days before `to` */
  from: day.optional(),
  /** Last day, in UTC. @default - today */
  to: day.optional(),
  /** Id of a key. Ignored without an admin key: then the caller's own key is used. */
  key: z.string().max(64).optional(),
  /** `key`, `model`, `day` or `work`, or several separated by commas. @default key,model,day */
  group_by: z
    .string()
    .regex(
      /^(key|model|day|work)(,(key|model|day|work))*$/,
      `must list some of ${groups.join(', ')}, separated by commas`,
    )
    .optional(),
});
type UsageQuery = z.infer<typeof usageQuerySchema>;

/**
 * Parses the query of `GET /v1/usage`.
 *
 * @throws {ApiError} 400 that names the parameter.
 */
export function parseUsageQuery(input: Readonly<Record<string, string>>): UsageQuery {
  const parsed = usageQuerySchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const { field, message } =
    issue === undefined ? { field: 'from', message: 'The query is not valid.' } : describeIssue(issue, input);
  throw invalidRequest(field, message);
}

/** The fields by which rows are grouped, in a fixed order. */
export function groupsOf(query: UsageQuery): readonly (typeof groups)[number][] {
  return groups.filter((group) => (query.group_by ?? defaultGroups).split(',').includes(group));
}

/**
 * The days of the query, as `YYYY-MM-DD`.
 *
 * @param now Unix time, in seconds
 * @throws {ApiError} 400 if the days are not in order, or are too many.
 */
export function daysOf(query: Pick<UsageQuery, 'from' | 'to'>, now: number): readonly string[] {
  const to = query.to === undefined ? now : Date.parse(query.to) / 1_000;
  const from = query.from === undefined ? to - 6 * DAY_SECONDS : Date.parse(query.from) / 1_000;
  const count = Math.floor(to / DAY_SECONDS) - Math.floor(from / DAY_SECONDS) + 1;
  if (count < 1) throw invalidRequest('from', 'from is after to. Give an earlier from.');
  if (count > MAX_DAYS)
    throw invalidRequest(
      'from',
      `The query spans ${count} days, from ${query.from ?? 'six days before to'} to ${query.to ?? 'today'}. The maximum is ${MAX_DAYS}.`,
    );
  return Array.from({ length: count }, (_, index) => dayOf(from + index * DAY_SECONDS));
}
