import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkScheduleName,
  parseSchedule,
  ScheduleExpressionError,
} from '../../../lambda/scaling/schedule-expression.ts';

const unix = (time: string) => Date.parse(time) / 1_000;
const text = (time: number | undefined) => (time === undefined ? undefined : new Date(time * 1_000).toISOString());

/** The next run times of an expression after a time. */
function times(expression: string, after: string, count: number, timezone?: string): readonly (string | undefined)[] {
  const schedule = parseSchedule(expression, timezone);
  const found: (string | undefined)[] = [];
  let last: number | undefined = unix(after);
  while (last !== undefined && found.length < count) {
    last = schedule.next(last, unix(after));
    found.push(text(last));
  }
  return found;
}

// Examples of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html. January 1, 2026 is a Thursday.
describe('A cron schedule', () => {
  it.each([
    ['cron(0 10 * * ? *)', ['2026-01-01T10:00:00.000Z', '2026-01-02T10:00:00.000Z']],
    ['cron(15 12 * * ? *)', ['2026-01-01T12:15:00.000Z', '2026-01-02T12:15:00.000Z']],
    ['cron(0 18 ? * MON-FRI *)', ['2026-01-01T18:00:00.000Z', '2026-01-02T18:00:00.000Z', '2026-01-05T18:00:00.000Z']],
    ['cron(0 8 1 * ? *)', ['2026-01-01T08:00:00.000Z', '2026-02-01T08:00:00.000Z']],
    ['cron(0/15 * * * ? *)', ['2026-01-01T00:15:00.000Z', '2026-01-01T00:30:00.000Z']],
    ['cron(0/5 8-17 ? * MON-FRI *)', ['2026-01-01T08:00:00.000Z', '2026-01-01T08:05:00.000Z']],
    ['cron(30 6 ? * MON *)', ['2026-01-05T06:30:00.000Z', '2026-01-12T06:30:00.000Z']],
    ['cron(30 6 ? * 2 *)', ['2026-01-05T06:30:00.000Z']],
    ['cron(0 9 ? * 2#1 *)', ['2026-01-05T09:00:00.000Z', '2026-02-02T09:00:00.000Z']],
    ['cron(0 9 ? * 3#2 *)', ['2026-01-13T09:00:00.000Z', '2026-02-10T09:00:00.000Z']],
    ['cron(0 9 ? * 6L *)', ['2026-01-30T09:00:00.000Z', '2026-02-27T09:00:00.000Z']],
    ['cron(0 9 ? * L *)', ['2026-01-03T09:00:00.000Z']],
    ['cron(0 9 L * ? *)', ['2026-01-31T09:00:00.000Z', '2026-02-28T09:00:00.000Z']],
    ['cron(0 9 3W * ? *)', ['2026-01-02T09:00:00.000Z', '2026-02-03T09:00:00.000Z']],
    ['cron(0 9 1W 2,3 ? *)', ['2026-02-02T09:00:00.000Z', '2026-03-02T09:00:00.000Z']],
    ['cron(0 9 31W 5 ? *)', ['2026-05-29T09:00:00.000Z']],
    ['cron(0 0 31 JAN,feb,MAR ? *)', ['2026-01-31T00:00:00.000Z', '2026-03-31T00:00:00.000Z']],
    ['cron(0 0 29 2 ? *)', ['2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z']],
    ['cron(0 0 1 1 ? 2027-2028)', ['2027-01-01T00:00:00.000Z', '2028-01-01T00:00:00.000Z', undefined]],
    ['cron(0 0 31 2 ? *)', [undefined]],
    // Ranges may wrap.
    ['cron(0 22-1 * * ? *)', ['2026-01-01T01:00:00.000Z', '2026-01-01T22:00:00.000Z', '2026-01-01T23:00:00.000Z']],
    ['cron(0 20-4/4 * * ? *)', ['2026-01-01T04:00:00.000Z', '2026-01-01T20:00:00.000Z', '2026-01-02T00:00:00.000Z']],
    ['cron(0 9 ? * FRI-MON *)', ['2026-01-02T09:00:00.000Z', '2026-01-03T09:00:00.000Z', '2026-01-04T09:00:00.000Z']],
    ['cron(0 9 1 NOV-JAN ? *)', ['2026-01-01T09:00:00.000Z', '2026-11-01T09:00:00.000Z', '2026-12-01T09:00:00.000Z']],
    // The first of seven fields is seconds, which are not kept.
    ['cron(30 0 7 ? * MON *)', ['2026-01-05T07:00:00.000Z', '2026-01-12T07:00:00.000Z']],
  ])('%s runs at its next times', (expression, expected) => {
    expect(times(expression, '2026-01-01T00:00:00Z', expected.length)).toEqual(expected);
  });

  it('a cron schedule follows the local time of its time zone, in summer and in winter', () => {
    expect(times('cron(0 7 27-30 3 ? 2026)', '2026-01-01T00:00:00Z', 4, 'Europe/Berlin')).toEqual([
      '2026-03-27T06:00:00.000Z',
      '2026-03-28T06:00:00.000Z',
      '2026-03-29T05:00:00.000Z',
      '2026-03-30T05:00:00.000Z',
    ]);
  });

  it('a cron schedule runs once if a local time occurs twice, and not at all if it is skipped', () => {
    expect(times('cron(30 2 * 10 ? 2026)', '2026-10-24T12:00:00Z', 2, 'Europe/Berlin')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    expect(times('cron(30 2 * 3 ? 2026)', '2026-03-28T12:00:00Z', 1, 'Europe/Berlin')).toEqual([
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('a cron schedule runs at exactly the minutes that an exhaustive search finds', () => {
    const field = (min: number, max: number) =>
      fc.tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: 30 })).map(([a, b]) => [a, b] as const);
    fc.assert(
      fc.property(
        field(0, 59),
        field(0, 23),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom('UTC', 'Asia/Kolkata', 'America/New_York', 'Pacific/Auckland'),
        fc.integer({ min: 0, max: 300 }),
        ([minute, everyMinutes], [hour, everyHours], weekday, zone, day) => {
          const from = unix('2026-01-01T00:00:00Z') + day * 86_400;
          const until = from + 2 * 86_400;
          const schedule = parseSchedule(
            `cron(${minute}/${everyMinutes} ${hour}/${everyHours} ? * ${weekday} *)`,
            zone,
          );
          const found: number[] = [];
          for (let at = schedule.next(from, from); at !== undefined && at <= until; at = schedule.next(at, from)) {
            found.push(at);
          }
          const format = new Intl.DateTimeFormat('en-US', {
            timeZone: zone,
            hourCycle: 'h23',
            weekday: 'short',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
          });
          const names = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
          const expected: number[] = [];
          const shown = new Set<string>();
          for (let at = from + 60; at <= until; at += 60) {
            const parts = Object.fromEntries(format.formatToParts(at * 1_000).map(({ type, value }) => [type, value]));
            const [m, h] = [Number(parts['minute']), Number(parts['hour'])];
            const isMinute = m >= minute && (m - minute) % everyMinutes === 0;
            const isHour = h >= hour && (h - hour) % everyHours === 0;
            const clock = JSON.stringify(parts);
            if (isMinute && isHour && parts['weekday'] === names[weekday - 1] && !shown.has(clock)) expected.push(at);
            shown.add(clock);
          }
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('An at or rate schedule', () => {
  it('an at schedule runs once, at the local time of its time zone', () => {
    expect(times('at(2026-11-01T07:30:15)', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-11-01T07:30:15.000Z',
      undefined,
    ]);
    expect(times('at(2026-07-01T07:30:00)', '2026-01-01T00:00:00Z', 1, 'Europe/Berlin')).toEqual([
      '2026-07-01T05:30:00.000Z',
    ]);
    expect(times('at(2025-01-01T00:00:00)', '2026-01-01T00:00:00Z', 1)).toEqual([undefined]);
  });

  it.each([
    ['rate(5 minutes)', '2026-01-01T00:05:07.000Z', '2026-01-01T00:10:07.000Z'],
    ['rate(1 hour)', '2026-01-01T01:00:07.000Z', '2026-01-01T02:00:07.000Z'],
    ['rate(2 days)', '2026-01-03T00:00:07.000Z', '2026-01-05T00:00:07.000Z'],
  ])('%s counts from its creation', (expression, first, second) => {
    expect(times(expression, '2026-01-01T00:00:07Z', 2)).toEqual([first, second]);
  });
});

/** The message with which an expression or a time zone is rejected. */
function rejection(expression: string, timezone?: string): string {
  try {
    parseSchedule(expression, timezone);
  } catch (error) {
    if (error instanceof ScheduleExpressionError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('An invalid schedule', () => {
  it.each([
    [
      '7 am',
      '"7 am" is not a schedule expression: write "cron(0 7 ? * MON-FRI *)", "at(2027-01-01T07:00:00)" or "rate(1 day)".',
    ],
    ['0 7 * * *', '"0 7 * * *" is not a schedule expression: write "cron(0 7 * * ? *)".'],
    ['Cron(0 7 * * ? *)', '"Cron(0 7 * * ? *)" is not a schedule expression: write "cron(0 7 * * ? *)".'],
    [' rate(1 day)', '" rate(1 day)" is not a schedule expression: write "rate(1 day)".'],
    ['rate 1 day', /^"rate 1 day" is not a schedule expression: write "cron/],
    [
      'cron(0 7 * * *)',
      'cron(0 7 * * *) has 5 fields, but a schedule has six (minutes, hours, day of month, month, day of week, year): write "cron(0 7 * * ? *)".',
    ],
    ['cron(0 18 * * ?)', /has 5 fields, .*: write "cron\(0 18 \* \* \? \*\)"\.$/],
    // Days of a Unix crontab count from 0, which is Sunday.
    ['cron(0 7 * * 1-5)', /: write "cron\(0 7 \? \* MON-FRI \*\)"\.$/],
    ['cron(0 7 * * 7)', /: write "cron\(0 7 \? \* SUN \*\)"\.$/],
    ['cron(0 7 ? * 2-6)', /: write "cron\(0 7 \? \* 2-6 \*\)"\.$/],
    [
      'cron(7)',
      'cron(7) has 1 field, but a schedule has six (minutes, hours, day of month, month, day of week, year): write for example "cron(0 7 ? * MON-FRI *)".',
    ],
    ['cron()', /^cron\(\) has 0 fields, .*: write for example "cron\(0 7 \? \* MON-FRI \*\)"\.$/],
    ['cron(0 0 7 ? * MON * *)', /has 8 fields/],
    [
      'cron(0 7 * * * *)',
      'cron(0 7 * * * *) has day of month "*" and day of week "*", but exactly one of the two must be "?": write "cron(0 7 * * ? *)".',
    ],
    ['cron(0 7 * * MON-FRI *)', /exactly one of the two must be "\?": write "cron\(0 7 \? \* MON-FRI \*\)"\.$/],
    ['cron(0 7 1 * * *)', /exactly one of the two must be "\?": write "cron\(0 7 1 \* \? \*\)"\.$/],
    ['cron(0 7 ? * ? *)', /exactly one of the two must be "\?": write "cron\(0 7 \* \* \? \*\)"\.$/],
    [
      'cron(0 7 1 * MON *)',
      /: write "cron\(0 7 1 \* \? \*\)" or "cron\(0 7 \? \* MON \*\)", or two schedules for both\.$/,
    ],
    [
      'cron(60 7 * * ? *)',
      'cron(60 7 * * ? *) has minutes "60": write 0 to 59, a range "0-5", a step "0/15", a list "0,30" or "*".',
    ],
    ['cron(? 7 * * ? *)', /has minutes "\?": write 0 to 59/],
    ['cron(0 24 * * ? *)', /has hours "24": write 0 to 23/],
    ['cron(0 7 32 * ? *)', /has day of month "32": write 1 to 31/],
    ['cron(0 7 * 13 ? *)', /has month "13": write 1 to 12 or JAN to DEC/],
    ['cron(0 7 ? * 0 *)', /has day of week "0": write 1 \(SUN\) to 7 \(SAT\)/],
    ['cron(0 7 ? * 8 *)', /day of week "8"/],
    ['cron(0 7 ? * MON/2 *)', /day of week "MON\/2"/],
    ['cron(0 7 ? * 3#1,6#3 *)', /day of week "3#1,6#3"/],
    ['cron(0 7 ? * 3#6 *)', /day of week "3#6"/],
    ['cron(0 7 * * ? 1969)', /has year "1969": write 1970 to 2199/],
    ['cron(0 7 * * ? 2028-2027)', /has year "2028-2027"/],
    ['cron(0/0 7 * * ? *)', /minutes "0\/0"/],
    ['cron(1-2-3 7 * * ? *)', /minutes "1-2-3"/],
    ['cron(, 7 * * ? *)', /minutes ","/],
    ['cron(0 7 LW * ? *)', /day of month "LW"/],
    ['cron(60 0 7 ? * MON *)', /has seconds "60": write 0 to 59; six fields without seconds are enough\.$/],
    [
      'at(2026-02-30T00:00:00)',
      'at(2026-02-30T00:00:00) is not a time in the format yyyy-mm-ddThh:mm:ss: write "at(2027-01-01T07:00:00)".',
    ],
    ['at(2026-02-28T24:00:00)', /is not a time/],
    ['at(tomorrow)', /is not a time/],
    [
      'at(2027-01-01 07:00)',
      'at(2027-01-01 07:00) is not a time in the format yyyy-mm-ddThh:mm:ss: write "at(2027-01-01T07:00:00)".',
    ],
    ['at(2027-03-01T08:30:15.250)', /: write "at\(2027-03-01T08:30:15\)"\.$/],
    [
      'at(2027-01-01T07:00:00Z)',
      'at(2027-01-01T07:00:00Z) has a UTC offset: write "at(2027-01-01T07:00:00)", and the time zone into timezone.',
    ],
    [
      'rate(0 minutes)',
      /^rate\(0 minutes\) is not a positive whole number and minutes, hours or days: write for example "rate\(5 minutes\)"/,
    ],
    ['rate(5 seconds)', /is not a positive whole number and minutes, hours or days/],
    ['rate(1.5 hours)', /is not a positive whole number/],
    ['rate(minutes)', /is not a positive whole number/],
    [
      'rate(5 hour)',
      'rate(5 hour) has the wrong unit, which is singular after 1 and plural otherwise: write "rate(5 hours)".',
    ],
    ['rate(1 hours)', /: write "rate\(1 hour\)"\.$/],
    [`at(${'0'.repeat(1_600)})`, 'an expression of 1604 characters is too long: write at most 1600.'],
  ])('the schedule %s is rejected with what to write instead', (expression, message) => {
    expect(rejection(expression)).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  });

  it.each([
    ['Europe/Atlantis', 'a name, for example "Europe/Berlin" or "UTC"'],
    ['CET+1', 'a name, for example "Europe/Berlin" or "UTC"'],
    ['', 'a name, for example "Europe/Berlin" or "UTC"'],
    ['europe/berlin', '"Europe/Berlin"'],
    ['utc', '"UTC"'],
    // Intl accepts offsets. The sign of a zone in Etc is the opposite.
    ['+01:00', '"Etc/GMT-1"'],
    ['UTC+2', '"Etc/GMT-2"'],
    ['GMT-08:00', '"Etc/GMT+8"'],
    ['+00:00', '"UTC"'],
    ['UTC+15', 'a name, for example "Europe/Berlin" or "UTC"'],
  ])('the time zone "%s" is rejected with what to write instead', (timezone, instead) => {
    expect(rejection('cron(0 7 * * ? *)', timezone)).toBe(
      `timezone ${JSON.stringify(timezone)} is not the name of an IANA time zone: write ${instead}.`,
    );
  });

  it.each([
    'UTC',
    'Etc/GMT+9',
    'Pacific/Tahiti',
    'Asia/Kolkata',
    'America/Port-au-Prince',
    'America/Argentina/Buenos_Aires',
  ])('the time zone %s is accepted', (timezone) => {
    expect(rejection('cron(0 7 * * ? *)', timezone)).toBe('accepted');
  });

  it('what a rejection says to write is accepted, whatever was written', () => {
    const field = fc.constantFrom(
      '*',
      '?',
      '0',
      '1',
      '7',
      '12',
      '60',
      '1-5',
      '5-1',
      '*/5',
      '0/7',
      'MON',
      'L',
      '3#2',
      '1,15',
      'x',
    );
    const cron = fc.array(field, { minLength: 0, maxLength: 8 }).map((fields) => fields.join(' '));
    const text = fc.oneof(
      cron,
      cron.map((fields) => `cron(${fields})`),
      fc.string().map((inner) => `at(${inner})`),
      fc.tuple(fc.integer(), fc.constantFrom('hour', 'days', 'minute')).map((rate) => `rate(${rate.join(' ')})`),
    );
    let suggestions = 0;
    fc.assert(
      fc.property(text, (expression) => {
        const [, instead = ''] = /: write (.*)$/.exec(rejection(expression)) ?? [];
        for (const [, suggested = ''] of instead.matchAll(/"((?:cron|at|rate)\([^"]*\))"/g)) {
          suggestions++;
          if (!instead.includes('two schedules')) expect(rejection(suggested)).toBe('accepted');
        }
      }),
      { numRuns: 500 },
    );
    expect(suggestions).toBeGreaterThan(50);
  });
});

describe('The name of a schedule', () => {
  it.each(['morning', 'Mon-Fri 7 am', 'x'.repeat(256)])('%s is accepted', (name) => {
    expect(() => checkScheduleName(name)).not.toThrow();
  });

  it.each(['', 'x'.repeat(257), ' morning', 'morning ', 'a:b', 'a/b', 'a|b', 'a\tb'])('"%s" is rejected', (name) => {
    expect(() => checkScheduleName(name)).toThrow(/is invalid: write 1 to 256 characters without ":", "\/", "\|"/);
  });
});
