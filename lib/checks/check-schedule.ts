import type { Refusal } from '../facts/refusal.ts';

/** A scheduled range of copies, as far as it is checked here. */
interface CheckedAction {
  readonly name: string;
  readonly schedule: string;
  readonly min: number;
  readonly max: number;
}

/** Refuses scheduled actions that Application Auto Scaling does not accept. */
export function checkSchedule(modelId: string, actions: readonly CheckedAction[]): readonly (Refusal | undefined)[] {
  return actions.flatMap((action) => checkAction(modelId, action, actions));
}

function checkAction(
  modelId: string,
  { name, schedule, min, max }: CheckedAction,
  actions: readonly CheckedAction[],
): readonly (Refusal | undefined)[] {
  const source = 'https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html';
  const finding = (sentence: string): Refusal => ({ code: 'schedule', sentence, source });
  return [
    min <= max
      ? undefined
      : finding(`scaling.schedule "${name}" of ${modelId} has min ${min} and max ${max}: write min ≤ max.`),
    /^(cron|rate|at)\(.+\)$/.test(schedule)
      ? undefined
      : finding(
          `scaling.schedule "${name}" of ${modelId} is "${schedule}", which is not a schedule expression: write "cron(0 7 ? * MON-FRI *)", "at(…)" or "rate(…)".`,
        ),
    actions.filter((other) => other.name === name).length === 1
      ? undefined
      : finding(
          `scaling.schedule of ${modelId} has "${name}" more than once, and the last action would silently replace the others: write names that differ.`,
        ),
  ];
}
