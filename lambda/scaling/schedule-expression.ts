import { cronSchedule } from './cron-expression.ts';
import { findTimeZone, isDate, offsetZone, properlySpelled, type TimeZone } from './time-zone.ts';

/**
 * Run times of a scheduled action of Application Auto Scaling: `at(…)`, `rate(…)`, or `cron(…)` with six fields. Synth, the local
 * endpoint and its API accept and refuse the same expressions, with the same sentences.
 *
 * Sources: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html (formats, time zone, lengths),
 * https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html (number of fields) and
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html (fields and wildcards of cron, units of rate)
 */
export interface Schedule {
  /**
   * Returns the next run after a time, as Unix time in seconds, or `undefined` if there is none.
   *
   * @param since when the schedule was created, from which `rate` counts
   */
  next(after: number, since: number): number | undefined;
}

/** An expression or a time zone that Application Auto Scaling would reject. The message says what to write instead. */
export class ScheduleExpressionError extends Error {
  override readonly name = 'ScheduleExpressionError';
}

/** Longest expression, in characters. */
const MAX_CHARACTERS = 1_600;

/**
 * @param timezone IANA name, for `at` and `cron`
 * @throws {ScheduleExpressionError}
 *
 * @example
 * parseSchedule('cron(0 7 ? * MON-FRI *)', 'Europe/Berlin').next(Date.now() / 1_000, 0);
 */
export function parseSchedule(expression: string, timezone = 'UTC'): Schedule {
  const zone = zoneNamed(timezone);
  const schedule = expression.length > MAX_CHARACTERS ? tooLong(expression) : read(expression, zone);
  if ('problem' in schedule) throw new ScheduleExpressionError(schedule.problem);
  return schedule;
}

/**
 * @param name name of a scheduled action
 * @throws {ScheduleExpressionError} if Application Auto Scaling would reject the name
 */
export function checkScheduleName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what AWS refuses.
  if (name.length <= 256 && /^(?! )[^\u0000-\u001f\u007f-\u009f:/|]+(?<! )$/.test(name)) return;
  throw new ScheduleExpressionError(
    `the name ${JSON.stringify(name)} is invalid: write 1 to 256 characters without ":", "/", "|", control characters, and blanks at its ends.`,
  );
}

/** What is wrong with an expression, as a sentence that ends with what to write instead. */
interface Problem {
  readonly problem: string;
}

function read(expression: string, zone: TimeZone): Schedule | Problem {
  const [, kind, inner = ''] = /^(at|rate|cron)\((.*)\)$/.exec(expression) ?? [];
  switch (kind) {
    case 'at':
      return at(inner, zone);
    case 'rate':
      return rate(inner);
    case 'cron':
      return cronSchedule(inner, zone);
    default:
      return notAnExpression(expression, zone);
  }
}

function tooLong(expression: string): Problem {
  return { problem: `an expression of ${expression.length} characters is too long: write at most ${MAX_CHARACTERS}.` };
}

/** Suggests the expression that the text would be inside `cron()`, or without spaces around it, if that is one. */
function notAnExpression(text: string, zone: TimeZone): Problem {
  const trimmed = text.trim();
  const [, kind = '', inner = ''] = /^(at|rate|cron)\s*\((.*)\)$/i.exec(trimmed) ?? [];
  const expression = kind === '' ? `cron(${trimmed.replace(/\s+/g, ' ')})` : `${kind.toLowerCase()}(${inner})`;
  const result = read(expression, zone);
  const [, better] = 'problem' in result ? (/: write ("(?:cron|at|rate)\([^"]*\)")\.$/.exec(result.problem) ?? []) : [];
  const instead = 'problem' in result ? better : `"${expression}"`;
  return {
    problem: `${JSON.stringify(text)} is not a schedule expression: write ${instead ?? '"cron(0 7 ? * MON-FRI *)", "at(2027-01-01T07:00:00)" or "rate(1 day)"'}.`,
  };
}

function at(text: string, zone: TimeZone): Schedule | Problem {
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (
    /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)$/.exec(text) ?? []
  ).map(Number);
  if (!isDate(year, month, day) || hour > 23 || minute > 59 || second > 59) return notATime(text);
  const time = zone.unixTime({ year, month, day, hour, minute });
  return { next: (after) => (time !== undefined && time + second > after ? time + second : undefined) };
}

/** Suggests the time in the right format if one can be read. */
function notATime(text: string): Problem {
  const [, date, year, month, day, hour, minute, second = '00', offset] =
    /^\s*((\d{4})-(\d\d)-(\d\d))(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?\s*$/.exec(text) ?? [];
  const isTime =
    isDate(Number(year), Number(month), Number(day)) &&
    Number(hour ?? 0) < 24 &&
    Number(minute ?? 0) < 60 &&
    Number(second) < 60;
  const time = isTime ? `${date}T${hour ?? '00'}:${minute ?? '00'}:${second}` : '2027-01-01T07:00:00';
  const why = offset === undefined ? 'is not a time in the format yyyy-mm-ddThh:mm:ss' : 'has a UTC offset';
  const zone = offset === undefined ? '' : ', and the time zone into timezone';
  return { problem: `at(${text}) ${why}: write "at(${time})"${zone}.` };
}

const SECONDS = { minute: 60, hour: 3_600, day: 86_400 } as const;

function rate(text: string): Schedule | Problem {
  const [, value = '', unit, plural = ''] = /^([1-9]\d{0,8}) +(minute|hour|day)(s?)$/.exec(text) ?? [];
  if (unit !== 'minute' && unit !== 'hour' && unit !== 'day') {
    return {
      problem: `rate(${text}) is not a positive whole number and minutes, hours or days: write for example "rate(5 minutes)" or "rate(1 hour)".`,
    };
  }
  const count = Number(value);
  if ((count === 1) !== (plural === '')) {
    const right = count === 1 ? `1 ${unit}` : `${count} ${unit}s`;
    return {
      problem: `rate(${text}) has the wrong unit, which is singular after 1 and plural otherwise: write "rate(${right})".`,
    };
  }
  const every = count * SECONDS[unit];
  return { next: (after, since) => since + (Math.floor((after - since) / every) + 1) * every };
}

/** @throws {ScheduleExpressionError} */
function zoneNamed(timezone: string): TimeZone {
  const zone = findTimeZone(timezone);
  if (zone !== undefined) return zone;
  const instead = properlySpelled(timezone) ?? offsetZone(timezone);
  throw new ScheduleExpressionError(
    `timezone ${JSON.stringify(timezone)} is not the name of an IANA time zone: write ${instead === undefined ? 'a name, for example "Europe/Berlin" or "UTC"' : `"${instead}"`}.`,
  );
}
