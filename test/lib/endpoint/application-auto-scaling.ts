import type { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';

/**
 * A model of CloudWatch and Application Auto Scaling as AWS documents them, which applies a synthesized step policy to a
 * component: an action of an alarm is repeated while the alarm is in ALARM, a step policy does not add again within its
 * cooldown, and the capacity never leaves the range of the target.
 *
 * https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
 */
export class StepPolicyModel {
  readonly #policy: z.infer<typeof policySchema>;
  readonly #alarm: z.infer<typeof alarmSchema>;
  readonly #target: { min: number; max: number };
  #actedAt = Number.NEGATIVE_INFINITY;
  capacity = 0;
  inAlarm = false;

  constructor(template: Template) {
    const { Properties: target } = only(template, 'AWS::ApplicationAutoScaling::ScalableTarget', targetSchema);
    this.#target = { min: target.MinCapacity, max: target.MaxCapacity };
    this.#policy = fromZero(template);
    this.#alarm = alarmOf(template);
  }

  /** A scheduled action or an operator changes the range: the capacity is brought into it. */
  setRange(min: number, max: number): void {
    this.#target.min = min;
    this.#target.max = max;
    this.capacity = this.#within(this.capacity);
  }

  /** Evaluates the alarm at a time in seconds, with the maximum of each metric in the last period and before it. */
  evaluate(now: number, series: Readonly<Record<'failures' | 'desired', readonly (number | undefined)[]>>): void {
    const value = lastValueOf(this.#alarm.expression, series);
    this.inAlarm = value !== undefined && value >= this.#alarm.threshold;
    if (!this.inAlarm || value === undefined || now - this.#actedAt < this.#policy.Cooldown) return;
    this.#actedAt = now;
    const over = value - this.#alarm.threshold;
    const step = this.#policy.StepAdjustments.find(
      ({ MetricIntervalLowerBound: from = Number.NEGATIVE_INFINITY }) => over >= from,
    );
    const change = step?.ScalingAdjustment ?? 0;
    this.capacity = this.#within(this.#policy.AdjustmentType === 'ExactCapacity' ? change : this.capacity + change);
  }

  #within(capacity: number): number {
    return Math.min(this.#target.max, Math.max(this.#target.min, capacity));
  }
}

const targetSchema = z.object({ Properties: z.object({ MinCapacity: z.number(), MaxCapacity: z.number() }) });

const policySchema = z.object({
  AdjustmentType: z.enum(['ChangeInCapacity', 'ExactCapacity']),
  Cooldown: z.number(),
  StepAdjustments: z.array(
    z.object({ MetricIntervalLowerBound: z.number().optional(), ScalingAdjustment: z.number() }),
  ),
});

const alarmSchema = z.object({ expression: z.string(), threshold: z.number() });

function only<T>(template: Template, type: string, schema: z.ZodType<T>): T {
  const [resource] = Object.values(template.findResources(type));
  return schema.parse(resource);
}

function fromZero(template: Template): z.infer<typeof policySchema> {
  const policies = Object.values(template.findResources('AWS::ApplicationAutoScaling::ScalingPolicy')).flatMap(
    (resource) => {
      const { Properties } = z
        .object({
          Properties: z.object({
            PolicyName: z.string(),
            StepScalingPolicyConfiguration: z.unknown().optional(),
          }),
        })
        .parse(resource);
      return Properties.PolicyName.endsWith('-from-zero') ? [Properties.StepScalingPolicyConfiguration] : [];
    },
  );
  return policySchema.parse(policies[0]);
}

function alarmOf(template: Template): z.infer<typeof alarmSchema> {
  const found = Object.values(template.findResources('AWS::CloudWatch::Alarm')).flatMap((resource) => {
    const { Properties } = z
      .object({
        Properties: z.object({
          AlarmDescription: z.string(),
          Threshold: z.number(),
          Metrics: z.array(z.object({ Expression: z.string().optional() })).optional(),
        }),
      })
      .parse(resource);
    if (!Properties.AlarmDescription.includes('found no copy')) return [];
    const expression = Properties.Metrics?.find(({ Expression }) => Expression !== undefined)?.Expression;
    // An alarm on the plain metric.
    return [{ expression: expression ?? 'failures', threshold: Properties.Threshold }];
  });
  return alarmSchema.parse(found[0]);
}

type Series = Readonly<Record<string, readonly (number | undefined)[]>>;

/** The last value of a metric math expression of IF, FILL, >= and names. */
function lastValueOf(expression: string, series: Series): number | undefined {
  return evaluate(expression.trim(), series).at(-1);
}

function evaluate(text: string, series: Series): readonly (number | undefined)[] {
  const length = Math.max(...Object.values(series).map((values) => values.length));
  if (/^\d+$/.test(text)) return Array(length).fill(Number(text));
  const named = series[text];
  if (named !== undefined) return named;
  const call = /^(IF|FILL)\((.*)\)$/.exec(text);
  if (call?.[1] === 'FILL') {
    const [values = '', fill = ''] = argumentsOf(call[2] ?? '');
    let last: number | undefined;
    return evaluate(values, series).map((value) => {
      last = value ?? last;
      return value ?? (fill === 'REPEAT' ? last : Number(fill));
    });
  }
  if (call?.[1] === 'IF') {
    const [condition = '', yes = '', no = ''] = argumentsOf(call[2] ?? '').map((part) => part);
    const [left = '', right = ''] = condition.split('>=').map((part) => part.trim());
    const [lefts, rights, yeses, noes] = [left, right, yes, no].map((part) => evaluate(part, series));
    return Array.from({ length }, (_, index) => {
      const [a, b] = [lefts?.[index], rights?.[index]];
      if (a === undefined || b === undefined) return undefined;
      return a >= b ? yeses?.[index] : noes?.[index];
    });
  }
  throw new Error(`The model of metric math does not know ${text}.`);
}

function argumentsOf(text: string): readonly string[] {
  const parts = [''];
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth++;
    if (letter === ')') depth--;
    if (letter === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${letter}`);
  }
  return parts.map((part) => part.trim());
}
