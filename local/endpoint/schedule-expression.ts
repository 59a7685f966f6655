/**
 * Run times of a scheduled action of Application Auto Scaling: `at(…)`, `rate(…)`, or `cron(…)` with six fields.
 *
 * Sources: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html (formats, time zone) and
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html (fields and wildcards of cron)
 */
export interface Schedule {
  /**
   * Returns the next run after a time, as Unix time in seconds, or `undefined` if there is none.
   *
   * @param since when the schedule was created, from which `rate` counts
   */
  next(after: number, since: number): number | undefined;
}

/** An expression that Application Auto Scaling would reject. */
export class ScheduleExpressionError extends Error {
  override readonly name = 'ScheduleExpressionError';
}

/**
 * @param timezone IANA name, for `at` and `cron`
 * @throws {ScheduleExpressionError}
 *
 * @example
 * parseSchedule('cron(0 7 ? * MON-FRI *)', 'Europe/Berlin').next(Date.now() / 1_000, 0);
 */
export function parseSchedule(expression: string, timezone = 'UTC'): Schedule {
  const zone = zoneNamed(timezone);
  const [, kind, inner = ''] = /^(at|rate|cron)\((.*)\)$/.exec(expression.trim()) ?? [];
  switch (kind) {
    case 'at':
      return at(inner.trim(), zone);
    case 'rate':
      return rate(inner.trim());
    case 'cron':
      return cron(inner.trim(), zone);
    default:
      throw new ScheduleExpressionError(
        `The schedule ${JSON.stringify(expression)} is invalid. Write at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(fields).`,
      );
  }
}

function at(text: string, zone: Zone): Schedule {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)$/.exec(text);
  const numbers = match?.slice(1).map(Number) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59) {
    throw new ScheduleExpressionError(`at(${text}) is not a valid time. Write at(yyyy-mm-ddThh:mm:ss).`);
  }
  const time = zone.unixTime({ year, month, day, hour, minute });
  return { next: (after) => (time !== undefined && time + second > after ? time + second : undefined) };
}

const SECONDS = { minute: 60, hour: 3_600, day: 86_400 } as const;

function rate(text: string): Schedule {
  const [, value = '0', unit] = /^([1-9]\d{0,5}) +(minute|hour|day)s?$/.exec(text) ?? [];
  if (unit !== 'minute' && unit !== 'hour' && unit !== 'day') {
    throw new ScheduleExpressionError(
      `rate(${text}) is not a valid rate. Write for example rate(5 minutes) or rate(1 hour).`,
    );
  }
  const every = Number(value) * SECONDS[unit];
  return { next: (after, since) => since + (Math.floor((after - since) / every) + 1) * every };
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

function cron(text: string, zone: Zone): Schedule {
  const fields = text.split(/\s+/);
  const [minutes = '', hours = '', dayOfMonth = '', months = '', dayOfWeek = '', years = ''] = fields;
  if (fields.length !== 6) {
    throw new ScheduleExpressionError(
      `cron(${text}) has ${text === '' ? 0 : fields.length} fields. Write six: minutes, hours, day of month, month, day of week, year.`,
    );
  }
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new ScheduleExpressionError(
      `cron(${text}) must have ? as its day of month or as its day of week, but not as both.`,
    );
  }
  const minute = valuesOf('minutes', minutes, 0, 59);
  const hour = valuesOf('hours', hours, 0, 23);
  const month = valuesOf('month', months, 1, 12, MONTHS);
  const year = valuesOf('year', years, 1970, 2199);
  const days = dayOfMonth === '?' ? daysByWeek(dayOfWeek) : daysByMonth(dayOfMonth);
  return {
    next(after) {
      const from = zone.date(after);
      for (const y of year) {
        if (y < from.year) continue;
        for (const m of month) {
          if (y === from.year && m < from.month) continue;
          for (const d of days(y, m)) {
            if (y === from.year && m === from.month && d < from.day) continue;
            for (const h of hour) {
              for (const min of minute) {
                // Skips local times that do not exist because of the change to daylight saving time.
                const time = zone.unixTime({ year: y, month: m, day: d, hour: h, minute: min });
                if (time !== undefined && time > after) return time;
              }
            }
          }
        }
      }
      return undefined;
    },
  };
}

type DaysOfMonth = (year: number, month: number) => readonly number[];

/** `L` is the last day; `15W` is the weekday nearest to the 15th, in the same month. */
function daysByMonth(text: string): DaysOfMonth {
  if (text === 'L') return (year, month) => [daysOf(year, month)];
  const [, near] = /^(\d{1,2})W$/.exec(text) ?? [];
  if (near === undefined) {
    const days = valuesOf('day of month', text, 1, 31);
    return (year, month) => days.filter((day) => day <= daysOf(year, month));
  }
  const [day = 0] = valuesOf('day of month', near, 1, 31);
  return (year, month) => {
    const last = daysOf(year, month);
    if (day > last) return [];
    const weekday = weekdayOf(year, month, day);
    if (weekday === 7) return [day > 1 ? day - 1 : day + 2];
    if (weekday === 1) return [day < last ? day + 1 : day - 2];
    return [day];
  };
}

/** 1 is Sunday. `L` is Saturday, `6L` the last Friday, `3#2` the second Tuesday. */
function daysByWeek(text: string): DaysOfMonth {
  const all: DaysOfMonth = (year, month) => Array.from({ length: daysOf(year, month) }, (_, index) => index + 1);
  const [, day, place] = /^(\w+)#([1-5])$/.exec(text) ?? [];
  if (day !== undefined && place !== undefined) {
    const [weekday] = valuesOf('day of week', day, 1, 7, DAYS);
    return (year, month) =>
      all(year, month).filter((d) => weekdayOf(year, month, d) === weekday && Math.ceil(d / 7) === Number(place));
  }
  const [, lastDay] = /^(\w+)L$/.exec(text) ?? [];
  if (lastDay !== undefined) {
    const [weekday] = valuesOf('day of week', lastDay, 1, 7, DAYS);
    return (year, month) =>
      all(year, month).filter((d) => weekdayOf(year, month, d) === weekday && d + 7 > daysOf(year, month));
  }
  if (text.includes('/')) throw invalid('day of week', text);
  const weekdays = new Set(text === 'L' ? [7] : valuesOf('day of week', text, 1, 7, DAYS));
  return (year, month) => all(year, month).filter((d) => weekdays.has(weekdayOf(year, month, d)));
}

/** Values of a field in ascending order: `*`, `5`, `1-5`, `0/15`, a step after `*`, or a list of these. */
function valuesOf(
  field: string,
  text: string,
  min: number,
  max: number,
  names: readonly string[] = [],
): readonly number[] {
  const valueIn = (part: string): number => {
    const named = names.indexOf(part.toUpperCase());
    const value = named === -1 ? Number(/^\d{1,4}$/.test(part) ? part : Number.NaN) : named + 1;
    if (!(value >= min && value <= max)) throw invalid(field, text);
    return value;
  };
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
    const [first = '', last, ...more] = range.split('-');
    const from = range === '*' ? min : valueIn(first);
    const to = range === '*' ? max : last === undefined ? (step === undefined ? from : max) : valueIn(last);
    if (more.length > 0 || from > to || step === '0') throw invalid(field, text);
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].toSorted((a, b) => a - b);
}

function invalid(field: string, text: string): ScheduleExpressionError {
  return new ScheduleExpressionError(
    `The ${field} field of the cron expression is ${JSON.stringify(text)}, which is not supported or out of range.`,
  );
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** 1 is Sunday, as cron counts. */
function weekdayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** Converts between Unix time and the local time of a time zone. */
interface Zone {
  date(unixTime: number): LocalTime;
  /** First Unix time with this local time, or `undefined` if the local time does not exist. */
  unixTime(local: LocalTime): number | undefined;
}

function zoneNamed(timezone: string): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch {
    throw new ScheduleExpressionError(
      `There is no time zone ${JSON.stringify(timezone)}. Write an IANA name, for example Europe/Berlin.`,
    );
  }
  const date = (unixTime: number): LocalTime => {
    const parts = Object.fromEntries(
      format.formatToParts(unixTime * 1_000).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
    return { year, month, day, hour, minute };
  };
  const asUtc = ({ year, month, day, hour, minute }: LocalTime) => Date.UTC(year, month - 1, day, hour, minute) / 1_000;
  return {
    date,
    unixTime(local) {
      const target = asUtc(local);
      // The UTC offset at the time itself equals the offset one day before or one day after.
      const offsets = [target - 86_400, target + 86_400].map((time) => asUtc(date(time)) - time);
      return offsets
        .map((offset) => target - offset)
        .toSorted((a, b) => a - b)
        .find((time) => asUtc(date(time)) === target);
    },
  };
}
