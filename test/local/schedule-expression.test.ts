import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../local/endpoint/schedule-expression.ts';

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

describe('An invalid schedule', () => {
  it.each([
    ['7 am', /is invalid\. Write at\(.*\), rate\(.*\) or cron\(/],
    ['cron(0 7 * * MON-FRI *)', /must have \? as its day of month or as its day of week/],
    ['cron(0 7 ? * ? *)', /must have \?/],
    ['cron(0 7 ? * MON-FRI)', /has 5 fields\. Write six/],
    ['cron()', /has 0 fields/],
    ['cron(60 7 * * ? *)', /minutes field of the cron expression is "60"/],
    ['cron(0 24 * * ? *)', /hours/],
    ['cron(0 7 32 * ? *)', /day of month/],
    ['cron(0 7 * 13 ? *)', /month/],
    ['cron(0 7 ? * 0 *)', /day of week/],
    ['cron(0 7 ? * 8 *)', /day of week/],
    ['cron(0 7 ? * MON/2 *)', /day of week/],
    ['cron(0 7 ? * 3#1,6#3 *)', /day of week/],
    ['cron(0 7 * * ? 1969)', /year/],
    ['cron(5-1 7 * * ? *)', /minutes/],
    ['cron(0/0 7 * * ? *)', /minutes/],
    ['cron(1-2-3 7 * * ? *)', /minutes/],
    ['cron(, 7 * * ? *)', /minutes/],
    ['cron(0 7 LW * ? *)', /day of month/],
    ['at(2026-02-30T00:00:00)', /is not a valid time/],
    ['at(2026-02-28T24:00:00)', /is not a valid time/],
    ['at(tomorrow)', /is not a valid time/],
    ['rate(0 minutes)', /is not a valid rate/],
    ['rate(5 seconds)', /is not a valid rate/],
    ['rate(minutes)', /is not a valid rate/],
  ])('the schedule %s is rejected with the reason', (expression, message) => {
    expect(() => parseSchedule(expression)).toThrow(message);
  });

  it('an unknown time zone is rejected with its name', () => {
    expect(() => parseSchedule('rate(1 hour)', 'Europe/Atlantis')).toThrow('There is no time zone "Europe/Atlantis".');
  });
});
