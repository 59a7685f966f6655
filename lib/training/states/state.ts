/** A state of the Amazon States Language with JSONPath. https://states-language.net/spec.html */
export type State =
  | ({ readonly Type: 'Pass'; readonly Result?: unknown; readonly Parameters?: object } & Flow)
  | ({ readonly Type: 'Wait'; readonly Seconds: number } & Flow)
  | ({
      readonly Type: 'Task';
      readonly Resource: string;
      readonly Parameters: object;
      readonly ResultSelector?: object;
      readonly TimeoutSeconds?: number;
      readonly Retry?: readonly Retry[];
      readonly Catch?: readonly Catch[];
    } & Flow)
  | { readonly Type: 'Choice'; readonly Comment?: string; readonly Choices: readonly Rule[]; readonly Default: string }
  | { readonly Type: 'Succeed'; readonly Comment?: string }
  | { readonly Type: 'Fail'; readonly Comment?: string; readonly ErrorPath: string; readonly CausePath: string };

interface Flow {
  readonly Comment?: string;
  readonly Next: string;
  /** `null` drops the result. */
  readonly ResultPath?: string | null;
}

interface Retry {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds: number;
  readonly MaxAttempts: number;
  readonly BackoffRate: number;
}

interface Catch {
  readonly ErrorEquals: readonly string[];
  readonly ResultPath: string;
  readonly Next: string;
}

type Test = { readonly Variable: string } & { readonly [operator: string]: unknown };
export type Condition = Test | { readonly And: readonly Condition[] } | { readonly Not: Condition };
type Rule = Condition & { readonly Next: string };

export type States = Readonly<Record<string, State>>;

/** Action of an AWS service, by the name of its client and in camel case. */
export const sdkAction = (partition: string, service: string, action: string) =>
  `arn:${partition}:states:::aws-sdk:${service}:${action}`;

/** A path that has a value of any kind. */
export const present = (variable: string): Condition => ({ Variable: variable, IsPresent: true });

/** Catches whatever a task can throw, and keeps it as the failure of the run. */
export const catchAll = (next: string): readonly Catch[] => [
  { ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: next },
];

/** Retries a call that changes nothing, or nothing twice: throttling, a network that breaks. */
export const retryCall: readonly Retry[] = [
  { ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: 2 },
];

/**
 * Sets the failure of the run: a name, and a sentence that says what to do.
 *
 * @param cause may have `{}` for the values of `paths`
 */
export function failure(error: string, cause: string, paths: readonly string[] = [], next = 'ReportFailure'): State {
  const text = cause.replaceAll("'", "\\'");
  return {
    Type: 'Pass',
    Parameters:
      paths.length === 0
        ? { Error: error, Cause: cause }
        : { Error: error, 'Cause.$': `States.Format('${text}', ${paths.join(', ')})` },
    ResultPath: '$.failure',
    Next: next,
  };
}

/** Begins to count polls. */
export const countFrom = (next: string): State => ({
  Type: 'Pass',
  Result: { count: 0 },
  ResultPath: '$.poll',
  Next: next,
});

/** Counts a poll. */
export const countPoll = (next: string): State => ({
  Type: 'Pass',
  Parameters: { 'count.$': 'States.MathAdd($.poll.count, 1)' },
  ResultPath: '$.poll',
  Next: next,
});

/** Makes the name of a model that is a path one that Step Functions reads. */
export function withModelPath(specification: object): object {
  return Object.fromEntries(
    Object.entries(specification).map(([name, value]): [string, unknown] => {
      if (Array.isArray(value)) return [name, value.map((part) => withModelPath(part))];
      if (typeof value === 'object' && value !== null) return [name, withModelPath(value)];
      return name === 'ModelName' ? ['ModelName.$', value] : [name, value];
    }),
  );
}
