import { findTimeZone, weekdayOf } from '../scaling/time-zone.ts';
import { type BatchRules, type BatchWindow, weekdays } from '../settings/batch-settings.ts';

/** Whether lines of batches may start at a time. @param now Unix time in seconds */
export function isOpen({ windows }: Pick<BatchRules, 'windows'>, now: number): boolean {
  return windows === undefined || windows.some((window) => isIn(window, now));
}

/**
 * Whether a line may wake an endpoint without copies: in a window, which the operator chose for batches; without windows, once the
 * batch has waited `wakeAfterMinutes`.
 */
export function mayWake(
  rules: Pick<BatchRules, 'windows' | 'wakeAfterMinutes'>,
  created: number,
  now: number,
): boolean {
  return rules.windows === undefined ? now >= created + rules.wakeAfterMinutes * 60 : isOpen(rules, now);
}

function isIn({ from, to, days = [...weekdays], timezone }: BatchWindow, now: number): boolean {
  const zone = findTimeZone(timezone);
  if (zone === undefined) return false;
  const { year, month, day, hour, minute } = zone.date(now);
  const at = hour * 60 + minute;
  const [start, end] = [minutesOf(from), minutesOf(to)];
  // 1 is Sunday.
  const today = weekdayOf(year, month, day) - 1;
  const begins = (weekday: number) => days.some((name) => name === weekdays[(weekday + 7) % 7]);
  if (start < end) return at >= start && at < end && begins(today);
  return (at >= start && begins(today)) || (at < end && begins(today - 1));
}

function minutesOf(time: string): number {
  const [hours = '', minutes = ''] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}
