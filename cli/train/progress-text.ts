import { groupDigits } from '../../lib/facts/group-digits.ts';
import type { TrainingProgress } from './training-log.ts';

/** Progress in one line: step, loss, speed, time left. */
export function progressText({ step, steps, loss, tokensPerSecond, secondsLeft }: TrainingProgress): string {
  if (steps === undefined) return 'before the first step';
  return [
    `step ${step} of ${steps}`,
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(3)}`]),
    ...(tokensPerSecond === undefined ? [] : [`${groupDigits(Math.round(tokensPerSecond))} tokens/s`]),
    ...(secondsLeft === undefined ? [] : [`${durationText(secondsLeft)} left`]),
  ].join(', ');
}

/** Seconds in words: `45 s`, `2.5 min`, `3.1 h`. */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5_400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
