import * as z from 'zod';
import { ApiError, invalidRequest } from '../errors/api-error.ts';
import { defaultElastic } from '../policy/elastic-grant.ts';
import { scalingPolicyNames } from '../policy/scaling-policies.ts';
import { policyInForce, policySchema } from '../settings/policy-settings.ts';
import { CopiesUnavailableError, type CopySchedule } from './copy-control.ts';
import type { LoadSnapshot } from './load-snapshot.ts';
import type { ModelScaling } from './model-scaling.ts';
import type { ScalingControl } from './scaling-state.ts';

const copies = z.int().min(0).max(1_000);

export const scalingChangeSchema = z
  .strictObject({
    min_copies: copies.optional().describe('Copies that always run. 0 lets the endpoint scale to zero.'),
    max_copies: copies.min(1).optional(),
    policy: policySchema
      .nullable()
      .optional()
      .describe('Settings of the policies. Omitted settings stay unchanged. `null` restores the deployed settings.'),
  })
  .describe('Omitted fields stay unchanged.');
type ScalingChange = z.infer<typeof scalingChangeSchema>;

export const scheduleBodySchema = z.strictObject({
  schedule: z
    .string()
    .max(256)
    .regex(/^(cron|rate|at)\(.+\)$/, 'must be cron(…), rate(…) or at(…), for example "cron(0 7 ? * MON-FRI *)"'),
  timezone: z.string().min(1).max(64).optional().describe('IANA name, for example Europe/Berlin. Default: UTC.'),
  min_copies: copies,
  max_copies: copies.min(1),
});

export const scheduleNameSchema = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, _, . or -');

const count = z.int().min(0);
const loadShape = {
  requests: count,
  committed_tokens: count.describe('Thinking and answer that admitted requests may still use.'),
  reserved_tokens: count,
  pressure: z
    .number()
    .nullable()
    .describe('Utilization of the copies. Above 1, requests begin to queue. `null` if no copy runs.'),
  wanted_thinking_tokens: count,
  granted_thinking_tokens: count,
};

export const loadAnswerSchema = z.strictObject({
  model: z.string(),
  copies: z.strictObject({ running: count, starting: count, max: count }),
  ...loadShape,
});

export const scalingStatusSchema = z.strictObject({
  model: z.string(),
  endpoint: z.string(),
  as_of: z.int().describe('Unix time in seconds.'),
  paused: z.boolean(),
  copies: z.strictObject({ running: count, starting: count, wanted: count, min: count, max: count }),
  at_zero: z
    .enum(['asleep', 'paused', 'waking', 'failed'])
    .nullable()
    .describe('State of an endpoint without a copy. `null` if a copy runs.'),
  failure: z.string().nullable().describe('Why copies could not be started. `null` if no start failed.'),
  load: z.strictObject(loadShape),
  speed: z.strictObject({
    asked_tokens_per_second: z.number(),
    copy_tokens_per_second: z.number(),
    start_seconds: z.number(),
  }),
  policy: z.strictObject({
    elastic: z.enum(['asked', 'always', 'never']),
    target_utilization: z.number(),
    most_pressure: z.number(),
    smoothing_seconds: z.number(),
    scale_in_after_seconds: z.number(),
    shrink_from: z.number(),
    shrink_to: z.number(),
    max_queue_seconds: z.number(),
    scaling_policy: z.enum(scalingPolicyNames).describe('Policy that decides on the number of copies.'),
  }),
  schedules: z.array(
    z.strictObject({
      name: z.string(),
      schedule: z.string(),
      timezone: z.string(),
      min_copies: count,
      max_copies: count,
    }),
  ),
  decisions: z.array(z.strictObject({ at: z.int(), have: count, want: count, reason: z.string() })),
  changes: z.array(z.strictObject({ at: z.int(), by: z.string(), what: z.string() })),
});
type ScalingStatus = z.infer<typeof scalingStatusSchema>;

/** The caller of an admin operation, for the change log. */
export interface Operator {
  readonly id: string;
}

/** Length of the change log. */
const CHANGES_KEPT = 20;
const MAX_ATTEMPTS = 5;

/** Admin operations on one model's scaling. Every operation is idempotent. */
export class ScalingAdmin {
  readonly #scaling: ModelScaling;

  constructor(scaling: ModelScaling) {
    this.#scaling = scaling;
  }

  /** Current status, from a fresh snapshot. */
  async status(): Promise<ScalingStatus> {
    const { owner, copies, settings } = this.#scaling.options;
    this.#scaling.forget();
    await this.#scaling.tick(1);
    const [snapshot, bounds, schedules] = await Promise.all([
      this.#scaling.snapshot(),
      copies.bounds(),
      copies.schedules(),
    ]);
    const { state, policy, control, wake } = snapshot;
    const { scaling, elastic, admission } = policy;
    return {
      model: owner.modelId,
      endpoint: owner.endpointName,
      as_of: Math.floor(state.at),
      paused: control.paused,
      copies: {
        running: state.copies.running,
        starting: state.copies.starting,
        wanted: state.decisions[0]?.want ?? state.copies.running + state.copies.starting,
        min: bounds?.min ?? scaling.minCopies,
        max: bounds?.max ?? scaling.maxCopies,
      },
      at_zero: state.copies.running > 0 ? null : wake.kind,
      failure: state.failed?.why ?? state.copies.failure ?? null,
      load: loadStatusOf(snapshot),
      speed: {
        asked_tokens_per_second: state.demand.tokensPerSecond,
        copy_tokens_per_second: state.tokensPerSecond,
        start_seconds: state.startSeconds,
      },
      policy: {
        elastic: settings.elastic,
        target_utilization: scaling.targetUtilization,
        most_pressure: scaling.maxPressure,
        smoothing_seconds: scaling.smoothingSeconds,
        scale_in_after_seconds: scaling.scaleInAfterSeconds,
        shrink_from: elastic.shrinkFrom,
        shrink_to: elastic.shrinkTo,
        max_queue_seconds: admission.maxQueueSeconds,
        scaling_policy: policy.scalingPolicy,
      },
      schedules: schedules.map(({ name, schedule, timezone, min, max }) => ({
        name,
        schedule,
        timezone: timezone ?? 'UTC',
        min_copies: min,
        max_copies: max,
      })),
      decisions: state.decisions.map((decision) => ({ ...decision, at: Math.floor(decision.at) })),
      changes: control.changes,
    };
  }

  /** @throws {ApiError} 400 if the settings in force after the change contradict each other */
  async change(change: ScalingChange, by: Operator): Promise<void> {
    const { value: before } = await this.#scaling.store.control();
    const after = changed(before, change);
    const { minCopies: min, maxCopies: max } = policyInForce(this.#scaling.options.settings, after).scaling;
    if (min > max) {
      throw invalidRequest(
        'min_copies',
        `min_copies (${min}) is greater than max_copies (${max}). Set min_copies to at most max_copies.`,
      );
    }
    const requested = { ...this.#scaling.options.settings.policy, ...after.policy };
    const from = requested.shrink_from ?? defaultElastic.shrinkFrom;
    const to = requested.shrink_to ?? defaultElastic.shrinkTo;
    if (from >= to) {
      throw invalidRequest(
        'policy.shrink_from',
        `policy.shrink_from (${from}) must be below policy.shrink_to (${to}).`,
      );
    }
    if (change.min_copies !== undefined || change.max_copies !== undefined) await this.#setBounds(after);
    await this.#record((control) => changed(control, change), by, `set ${JSON.stringify(change)}`);
  }

  /** Starts the first copy. Does nothing if copies already run or start. */
  async wake(by: Operator): Promise<void> {
    const { value: control } = await this.#scaling.store.control();
    if (control.paused) {
      throw new ApiError(409, 'The endpoint is paused. Resume it first: POST /v1/admin/scaling/resume.', {
        code: 'paused',
      });
    }
    const { copies } = await this.#scaling.tick(1);
    if (copies.running + copies.starting === 0) {
      const why = await this.#scaling.wake(true);
      if (why !== undefined) {
        throw new ApiError(503, `No copy can be started: ${why}`, {
          code: 'no_capacity',
          headers: { 'retry-after': '60' },
        });
      }
    }
    await this.#record((before) => before, by, 'wake');
    await this.#scaling.tick(0);
  }

  /** Stops all copies and suspends scaling until `resume`. Requests are refused with 503 `endpoint_paused`. */
  async pause(by: Operator): Promise<void> {
    await this.#record((control) => ({ ...control, paused: true }), by, 'pause');
    const { value: control } = await this.#scaling.store.control();
    await this.#setBounds(control);
    await this.#aws(async () => await this.#scaling.options.copies.setCopies(0));
    await this.#scaling.tick(0);
  }

  async resume(by: Operator): Promise<void> {
    const { value: control } = await this.#scaling.store.control();
    await this.#setBounds({ ...control, paused: false });
    await this.#record((before) => ({ ...before, paused: false }), by, 'resume');
    await this.#scaling.tick(0);
  }

  async putSchedule(schedule: CopySchedule, by: Operator): Promise<void> {
    if (schedule.min > schedule.max) {
      throw invalidRequest('min_copies', `min_copies (${schedule.min}) is greater than max_copies (${schedule.max}).`);
    }
    await this.#aws(async () => await this.#scaling.options.copies.putSchedule(schedule));
    await this.#record(
      (before) => before,
      by,
      `schedule ${schedule.name}: ${schedule.schedule}, ${schedule.min} to ${schedule.max}`,
    );
  }

  /** Returns whether the schedule existed. */
  async deleteSchedule(name: string, by: Operator): Promise<boolean> {
    const existed = await this.#aws(async () => await this.#scaling.options.copies.deleteSchedule(name));
    if (existed) await this.#record((before) => before, by, `no schedule ${name}`);
    return existed;
  }

  /** Sets the range of the scalable target. A paused endpoint has no minimum, and its scaling is suspended. */
  async #setBounds(control: ScalingControl): Promise<void> {
    const { minCopies, maxCopies } = policyInForce(this.#scaling.options.settings, control).scaling;
    await this.#aws(
      async () =>
        await this.#scaling.options.copies.setBounds({
          min: control.paused ? 0 : minCopies,
          max: maxCopies,
          suspended: control.paused,
        }),
    );
  }

  /** Applies a change to the operator's settings and adds it to the change log, by a conditional write. */
  async #record(change: (control: ScalingControl) => ScalingControl, by: Operator, what: string): Promise<void> {
    const { store, options } = this.#scaling;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { value, version } = await store.control();
      const entry = { at: Math.floor(options.now()), by: by.id, what };
      const next = { ...change(value), changes: [entry, ...value.changes].slice(0, CHANGES_KEPT) };
      if (await store.write('control', next, version)) {
        this.#scaling.forget();
        return;
      }
    }
    throw new ApiError(503, 'Another operator is changing the scaling settings. Retry the request.', {
      code: 'scaling_contended',
      headers: { 'retry-after': '1' },
    });
  }

  /** Converts an AWS error to an ApiError with the original message, which is meant for the operator. */
  async #aws<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (cause) {
      const [name, message] = cause instanceof Error ? [cause.name, cause.message] : ['', 'unknown error'];
      const later = name === 'ConcurrentUpdateException' || name === 'ThrottlingException';
      const unavailable = later || cause instanceof CopiesUnavailableError;
      throw new ApiError(name === 'ValidationException' ? 400 : unavailable ? 503 : 502, `AWS refused: ${message}`, {
        code: 'scaling_refused',
        cause,
        ...(later ? { headers: { 'retry-after': '5' } } : {}),
      });
    }
  }
}

/** The load, as every client may see it. */
export function loadStatusOf({ load, state }: LoadSnapshot): ScalingStatus['load'] {
  return {
    requests: load.requests,
    committed_tokens: Math.round(load.committedTokens),
    reserved_tokens: Math.round(load.reservedTokens),
    pressure: state.copies.running === 0 ? null : Math.round(state.seen.pressure * 1_000) / 1_000,
    wanted_thinking_tokens: state.seen.wantedThinking,
    granted_thinking_tokens: state.seen.grantedThinking,
  };
}

function changed(before: ScalingControl, change: ScalingChange): ScalingControl {
  const { policy, ...rest } = before;
  const nextPolicy = change.policy === null ? undefined : { ...policy, ...change.policy };
  return {
    ...rest,
    ...(change.min_copies === undefined ? {} : { minCopies: change.min_copies }),
    ...(change.max_copies === undefined ? {} : { maxCopies: change.max_copies }),
    ...(nextPolicy === undefined ? {} : { policy: nextPolicy }),
  };
}
