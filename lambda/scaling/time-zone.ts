/** Local time of a time zone, to the minute. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** Converts between Unix time and the local time of a time zone. */
export interface TimeZone {
  date(unixTime: number): LocalTime;
  /** First Unix time with this local time, or `undefined` if the local time does not exist. */
  unixTime(local: LocalTime): number | undefined;
}

/**
 * Finds a time zone by its IANA name in its exact spelling, as Application Auto Scaling (Joda-Time) does. Offsets such as
 * `+01:00`, which `Intl` accepts as well, are no names.
 */
export function findTimeZone(name: string): TimeZone | undefined {
  const format = formatOf(name);
  const known = format?.resolvedOptions().timeZone;
  if (format === undefined || known === undefined || !isSpelled(name)) return undefined;
  if (known !== name && known.toLowerCase() === name.toLowerCase()) return undefined;
  return zoneOf(format);
}

/** Returns the exact spelling of a time zone whose letters have the wrong case. */
export function properlySpelled(name: string): string | undefined {
  const known = formatOf(name.trim())?.resolvedOptions().timeZone;
  return known !== undefined && known.toLowerCase() === name.trim().toLowerCase() && isSpelled(known)
    ? known
    : undefined;
}

/** Returns the IANA zone of a whole offset from UTC: `Etc/GMT-2` for `UTC+2`. Their signs are the opposite. */
export function offsetZone(text: string): string | undefined {
  const [, sign, digits] = /^(?:UTC|GMT)?([+-])0?(\d{1,2})(?::?00)?$/i.exec(text.trim()) ?? [];
  const hours = Number(digits);
  if (sign === undefined || digits === undefined || hours > (sign === '+' ? 14 : 12)) return undefined;
  return hours === 0 ? 'UTC' : `Etc/GMT${sign === '+' ? '-' : '+'}${hours}`;
}

export function isDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
}

/** Number of days of a month. */
export function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** 1 is Sunday, as cron counts. */
export function weekdayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

/** Each part of an IANA name begins with a capital letter. */
function isSpelled(name: string): boolean {
  return /^[A-Z][A-Za-z0-9_+-]*(?:\/[A-Z][A-Za-z0-9_+-]*)*$/.test(name);
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function zoneOf(format: Intl.DateTimeFormat): TimeZone {
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
