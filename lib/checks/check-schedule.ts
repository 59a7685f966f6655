import { checkScheduleName, parseSchedule, ScheduleExpressionError } from '../../lambda/scaling/schedule-expression.ts';
import type { Refusal } from '../facts/refusal.ts';

/** A scheduled range of copies, as far as it is checked here. */
interface CheckedAction {
  readonly name: string;
  /** `undefined` if it is known only at deployment. */
  readonly schedule: string | undefined;
  readonly timezone?: string | undefined;
  readonly min: number;
  readonly max: number;
}

/** Refuses scheduled actions that Application Auto Scaling does not accept. */
export function checkSchedule(modelId: string, actions: readonly CheckedAction[]): readonly (Refusal | undefined)[] {
  return actions.flatMap((action) => checkAction(modelId, action, actions));
}

function checkAction(
  modelId: string,
  { name, schedule, timezone, min, max }: CheckedAction,
  actions: readonly CheckedAction[],
): readonly (Refusal | undefined)[] {
  const source = 'https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html';
  const finding = (sentence: string): Refusal => ({ code: 'schedule', sentence, source });
  const invalid = (check: () => unknown) => {
    const problem = problemOf(check);
    return problem === undefined ? undefined : finding(`In scaling.schedule "${name}" of ${modelId}, ${problem}`);
  };
  return [
    min <= max
      ? undefined
      : finding(`scaling.schedule "${name}" of ${modelId} has min ${min} and max ${max}: write min ≤ max.`),
    invalid(() => checkScheduleName(name)),
    schedule === undefined ? undefined : invalid(() => parseSchedule(schedule, timezone)),
    actions.filter((other) => other.name === name).length === 1
      ? undefined
      : finding(
          `scaling.schedule of ${modelId} has "${name}" more than once, and the last action would silently replace the others: write names that differ.`,
        ),
  ];
}

/** Returns the message of the error that the parser of the local endpoint throws, too. */
function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof ScheduleExpressionError) return error.message;
    throw error;
  }
}
