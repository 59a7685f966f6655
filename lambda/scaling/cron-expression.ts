import { daysOf, type TimeZone, weekdayOf } from './time-zone.ts';

/** Run times of a cron expression. */
interface CronSchedule {
  /** Returns the next run after a time, as Unix time in seconds, or `undefined` if there is none. */
  next(after: number): number | undefined;
}

/** What is wrong with an expression, as a sentence that ends with what to write instead. */
interface Problem {
  readonly problem: string;
}

/**
 * Reads the fields of a cron expression of Application Auto Scaling: minutes, hours, day of month, month, day of week, year. With
 * seven fields the first one is seconds, which AWS accepts but does not keep.
 *
 * @param text what stands inside `cron()`
 */
export function cronSchedule(text: string, zone: TimeZone): CronSchedule | Problem {
  const fields = text.trim() === '' ? [] : text.trim().split(/\s+/);
  if (fields.length === 7) {
    const [seconds = '', ...others] = fields;
    return valuesOf(seconds, fieldRules.minutes) === undefined
      ? wrongField(text, 'seconds', seconds)
      : scheduleOf(text, others, zone);
  }
  if (fields.length === 6) return scheduleOf(text, fields, zone);
  const better = fields.length === 5 ? withYear(fields) : undefined;
  return {
    problem: `cron(${text}) has ${fields.length === 1 ? '1 field' : `${fields.length} fields`}, but a schedule has six (minutes, hours, day of month, month, day of week, year): ${write(better, zone)}.`,
  };
}

function scheduleOf(text: string, fields: readonly string[], zone: TimeZone): CronSchedule | Problem {
  const [minutes = '', hours = '', dayOfMonth = '', months = '', dayOfWeek = '', years = ''] = fields;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) return wrongDays(text, fields, zone);
  const minute = valuesOf(minutes, fieldRules.minutes);
  const hour = valuesOf(hours, fieldRules.hours);
  const month = valuesOf(months, fieldRules.month);
  const year = valuesOf(years, fieldRules.year);
  const byMonth = dayOfMonth === '?' ? everyDay : daysByMonth(dayOfMonth);
  const byWeek = dayOfWeek === '?' ? everyDay : daysByWeek(dayOfWeek);
  if (minute === undefined) return wrongField(text, 'minutes', minutes);
  if (hour === undefined) return wrongField(text, 'hours', hours);
  if (byMonth === undefined) return wrongField(text, 'day of month', dayOfMonth);
  if (month === undefined) return wrongField(text, 'month', months);
  if (byWeek === undefined) return wrongField(text, 'day of week', dayOfWeek);
  if (year === undefined) return wrongField(text, 'year', years);
  const days = dayOfMonth === '?' ? byWeek : byMonth;
  return { next: (after) => nextRun({ minute, hour, days, month, year }, after, zone) };
}

/** Values of the fields in ascending order. */
interface RunTimes {
  readonly minute: readonly number[];
  readonly hour: readonly number[];
  readonly days: DaysOfMonth;
  readonly month: readonly number[];
  readonly year: readonly number[];
}

function nextRun({ minute, hour, days, month, year }: RunTimes, after: number, zone: TimeZone): number | undefined {
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
}

type DaysOfMonth = (year: number, month: number) => readonly number[];

const everyDay: DaysOfMonth = (year, month) => Array.from({ length: daysOf(year, month) }, (_, index) => index + 1);

/** `L` is the last day; `15W` is the weekday nearest to the 15th, in the same month. */
function daysByMonth(text: string): DaysOfMonth | undefined {
  if (text === 'L') return (year, month) => [daysOf(year, month)];
  const [, near] = /^(\d{1,2})W$/.exec(text) ?? [];
  const values = valuesOf(near ?? text, fieldRules['day of month']);
  if (values === undefined) return undefined;
  if (near === undefined) return (year, month) => values.filter((day) => day <= daysOf(year, month));
  const [day = 0] = values;
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
function daysByWeek(text: string): DaysOfMonth | undefined {
  const [, day, place] = /^(\w+)#([1-5])$/.exec(text) ?? [];
  const [, lastDay] = /^(\w+)L$/.exec(text) ?? [];
  if (text.includes('/')) return undefined;
  const values = text === 'L' ? [7] : valuesOf(day ?? lastDay ?? text, fieldRules['day of week']);
  if (values === undefined) return undefined;
  const isDay: DaysOfMonth = (year, month) =>
    everyDay(year, month).filter((d) => values.includes(weekdayOf(year, month, d)));
  if (place !== undefined) return (year, month) => isDay(year, month).filter((d) => Math.ceil(d / 7) === Number(place));
  if (lastDay !== undefined) return (year, month) => isDay(year, month).filter((d) => d + 7 > daysOf(year, month));
  return isDay;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface FieldRule {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Whether a range may end below its start: `20-2` is 20 to 23 and 0 to 2. */
  readonly wraps: boolean;
}

const fieldRules = {
  minutes: { min: 0, max: 59, wraps: true },
  hours: { min: 0, max: 23, wraps: true },
  'day of month': { min: 1, max: 31, wraps: true },
  month: { min: 1, max: 12, names: MONTHS, wraps: true },
  'day of week': { min: 1, max: 7, names: DAYS, wraps: true },
  year: { min: 1970, max: 2199, wraps: false },
} as const satisfies Record<string, FieldRule>;

/**
 * Values of a field in ascending order: `*`, `5`, `1-5`, `0/15`, a step after `*`, or a list of these.
 *
 * @returns `undefined` if the field is none of these, or out of range.
 */
function valuesOf(text: string, rule: FieldRule): readonly number[] | undefined {
  const parts = text.split(',').map((part) => partOf(part, rule));
  const values = new Set<number>();
  for (const part of parts) {
    if (part === undefined) return undefined;
    for (const value of part) values.add(value);
  }
  return [...values].toSorted((a, b) => a - b);
}

function partOf(part: string, rule: FieldRule): readonly number[] | undefined {
  const { min, max, wraps } = rule;
  const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? [];
  const [first = '', last, ...more] = range.split('-');
  const from = range === '*' ? min : valueIn(first, rule);
  const openEnd = part.includes('/') ? max : from;
  const to = range === '*' ? max : last === undefined ? openEnd : valueIn(last, rule);
  if (from === undefined || to === undefined || more.length > 0 || Number(step) === 0) return undefined;
  if (from > to && !wraps) return undefined;
  const size = max - min + 1;
  const length = from > to ? to + size - from : to - from;
  const steps = Math.floor(length / Number(step)) + 1;
  return Array.from({ length: steps }, (_, index) => min + ((from - min + index * Number(step)) % size));
}

function valueIn(text: string, { min, max, names = [] }: FieldRule): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  const value = named === -1 ? Number(/^\d{1,4}$/.test(text) ? text : Number.NaN) : named + 1;
  return value >= min && value <= max ? value : undefined;
}

/** What a field may be, as the end of a sentence. */
const fieldHelp = {
  seconds: '0 to 59; six fields without seconds are enough',
  minutes: '0 to 59, a range "0-5", a step "0/15", a list "0,30" or "*"',
  hours: '0 to 23, a range "8-17", a step "0/2", a list "8,20" or "*"',
  'day of month': '1 to 31, a range "1-5", a step "1/2", a list "1,15", "L", "15W", "*" or "?"',
  month: '1 to 12 or JAN to DEC, a range "JAN-MAR", a step "1/3", a list "JAN,JUL" or "*"',
  'day of week': '1 (SUN) to 7 (SAT), a range "MON-FRI", a list "MON,WED", "L", "6L", "3#2", "*" or "?"',
  year: '1970 to 2199, a range "2027-2028", a list "2027,2029" or "*"',
} as const;

function wrongField(text: string, field: keyof typeof fieldHelp, value: string): Problem {
  return { problem: `cron(${text}) has ${field} ${JSON.stringify(value)}: write ${fieldHelp[field]}.` };
}

function wrongDays(text: string, fields: readonly string[], zone: TimeZone): Problem {
  const [minutes, hours, dayOfMonth = '', months, dayOfWeek = '', years] = fields;
  const rule = `cron(${text}) has day of month "${dayOfMonth}" and day of week "${dayOfWeek}", but exactly one of the two must be "?"`;
  const [month, week] = withQuestionMark(dayOfMonth, dayOfWeek);
  if (month === '?' || week === '?') {
    return { problem: `${rule}: ${write(`${minutes} ${hours} ${month} ${months} ${week} ${years}`, zone)}.` };
  }
  const byMonth = `cron(${minutes} ${hours} ${dayOfMonth} ${months} ? ${years})`;
  const byWeek = `cron(${minutes} ${hours} ? ${months} ${dayOfWeek} ${years})`;
  return { problem: `${rule}: write "${byMonth}" or "${byWeek}", or two schedules for both.` };
}

/** Replaces the day that says nothing by "?". Both stay if both say something. */
function withQuestionMark(dayOfMonth: string, dayOfWeek: string): readonly [string, string] {
  if (dayOfMonth === '?') return [dayOfWeek === '?' ? '*' : '?', dayOfWeek];
  if (dayOfWeek === '?' || dayOfWeek === '*') return [dayOfMonth, '?'];
  return dayOfMonth === '*' ? ['?', dayOfWeek] : [dayOfMonth, dayOfWeek];
}

/** Turns the five fields of a Unix crontab into six. Without a "?" its days of the week count from 0, which is Sunday. */
function withYear(fields: readonly string[]): string {
  const [minutes, hours, dayOfMonth = '', months, dayOfWeek = ''] = fields;
  const isUnix = dayOfMonth !== '?' && dayOfWeek !== '?';
  const named = isUnix ? dayOfWeek.replace(/[0-7]/g, (digit) => DAYS[Number(digit) % 7] ?? digit) : dayOfWeek;
  const [month, week] = withQuestionMark(dayOfMonth, named);
  return `${minutes} ${hours} ${month} ${months} ${week} *`;
}

/** Says to write an expression if it is valid, otherwise an example. */
function write(better: string | undefined, zone: TimeZone): string {
  const isValid = better !== undefined && !('problem' in scheduleOf(better, better.split(' '), zone));
  return isValid ? `write "cron(${better})"` : 'write for example "cron(0 7 ? * MON-FRI *)"';
}
