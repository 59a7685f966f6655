import * as z from 'zod';
import { ApiError, invalidRequest } from '../errors/api-error.ts';
import { defaultElastic } from '../policy/elastic-grant.ts';
import { policyInForce, policySchema } from '../settings/policy-settings.ts';
import { CopiesUnavailableError, type CopySchedule } from './copy-control.ts';
import type { ModelScaling } from './model-scaling.ts';
import type { ScalingControl } from './scaling-state.ts';

const copies = z.int().min(0).max(1_000);

export const scalingChangeSchema = z
  .strictObject({
    min_copies: copies.optional().describe('Copies that always run. 0 lets the endpoint sleep.'),
    max_copies: copies.min(1).optional(),
    policy: policySchema
      .nullable()
      .optional()
      .describe('Settings of the policies; what is left out stays. `null`: as deployed.'),
  })
  .describe('What is left out stays as it is.');
type ScalingChange = z.infer<typeof scalingChangeSchema>;

export const scheduleBodySchema = z.strictObject({
  schedule: z
    .string()
    .max(256)
    .regex(/^(cron|rate|at)\(.+\)$/, 'must be cron(…), rate(…) or at(…), for instance "cron(0 7 ? * MON-FRI *)"'),
  timezone: z.string().min(1).max(64).optional().describe('For instance Europe/Berlin. Default: UTC.'),
  min_copies: copies,
  max_copies: copies.min(1),
});

export const scheduleNameSchema = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, _, . or -');

const count = z.int().min(0);
const loadShape = {
  requests: count,
  committed_tokens: count.describe('Thinking and answer that admitted requests may still use.'),
  reserved_tokens: count,
  pressure: z.number().nullable().describe('How full the copies are; above 1 requests begin to wait. `null`: no copy.'),
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
  as_of: z.int().describe('Unix time. Seconds.'),
  paused: z.boolean(),
  copies: z.strictObject({ running: count, starting: count, wanted: count, min: count, max: count }),
  at_zero: z.enum(['asleep', 'paused', 'waking', 'failed']).nullable().describe('How it is without a copy.'),
  failure: z.string().nullable().describe('Why copies could not be started.'),
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

/** Who changes something, for the record. */
export interface Operator {
  readonly id: string;
}

/** How many changes are kept. */
const CHANGES_KEPT = 20;
const TRIES = 5;

/** What an operator sees and sets of one model's scaling. Each call may be repeated: it comes to the same. */
export class ScalingAdmin {
  readonly #scaling: ModelScaling;

  constructor(scaling: ModelScaling) {
    this.#scaling = scaling;
  }

  /** As it is now: it looks. */
  async status(): Promise<ScalingStatus> {
    const { owner, copies, settings } = this.#scaling.options;
    this.#scaling.forget();
    await this.#scaling.tick(1);
    const [look, bounds, schedules] = await Promise.all([this.#scaling.look(), copies.bounds(), copies.schedules()]);
    const { state, policy, control, wake } = look;
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
      load: loadOf(look),
      speed: {
        asked_tokens_per_second: state.demand.tokensPerSecond,
        copy_tokens_per_second: state.tokensPerSecond,
        start_seconds: state.startSeconds,
      },
      policy: {
        elastic: settings.elastic,
        target_utilization: scaling.targetUtilization,
        most_pressure: scaling.mostPressure,
        smoothing_seconds: scaling.smoothingSeconds,
        scale_in_after_seconds: scaling.scaleInAfterSeconds,
        shrink_from: elastic.shrinkFrom,
        shrink_to: elastic.shrinkTo,
        max_queue_seconds: admission.maxQueueSeconds,
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

  async change(change: ScalingChange, by: Operator): Promise<void> {
    const { value: before } = await this.#scaling.store.control();
    const after = changed(before, change);
    const { minCopies: min, maxCopies: max } = policyInForce(this.#scaling.options.settings, after).scaling;
    if (min > max) {
      throw invalidRequest(
        'min_copies',
        `min_copies (${min}) is greater than max_copies (${max}). Give a minimum that is not above it.`,
      );
    }
    const wished = { ...this.#scaling.options.settings.policy, ...after.policy };
    const from = wished.shrink_from ?? defaultElastic.shrinkFrom;
    const to = wished.shrink_to ?? defaultElastic.shrinkTo;
    if (from >= to) {
      throw invalidRequest(
        'policy.shrink_from',
        `policy.shrink_from (${from}) must be below policy.shrink_to (${to}).`,
      );
    }
    if (change.min_copies !== undefined || change.max_copies !== undefined) await this.#setBounds(after);
    await this.#record((control) => changed(control, change), by, `set ${JSON.stringify(change)}`);
  }

  /** Asks for the first copies now. Where some run already, nothing happens. */
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

  /** No copy runs, and none is started, until it is resumed. Requests get a 503 that says so. */
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

  /** Whether there was one. */
  async deleteSchedule(name: string, by: Operator): Promise<boolean> {
    const there = await this.#aws(async () => await this.#scaling.options.copies.deleteSchedule(name));
    if (there) await this.#record((before) => before, by, `no schedule ${name}`);
    return there;
  }

  /** A paused endpoint has no lower bound, and nobody scales it. */
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

  async #record(change: (control: ScalingControl) => ScalingControl, by: Operator, what: string): Promise<void> {
    const { store, options } = this.#scaling;
    for (let tries = 0; tries < TRIES; tries++) {
      const { value, version } = await store.control();
      const entry = { at: Math.floor(options.now()), by: by.id, what };
      const next = { ...change(value), changes: [entry, ...value.changes].slice(0, CHANGES_KEPT) };
      if (await store.write('control', next, version)) {
        this.#scaling.forget();
        return;
      }
    }
    throw new ApiError(503, 'Somebody else changes the scaling at this moment. Try again.', {
      code: 'scaling_contended',
      headers: { 'retry-after': '1' },
    });
  }

  /** What AWS refuses is told, with its words: it is an operator who reads them. */
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

/** The load as every client may see it. */
export function loadOf(look: Awaited<ReturnType<ModelScaling['look']>>): ScalingStatus['load'] {
  const { load, leases, state } = look;
  const total = (of: (lease: (typeof leases)[number]) => number) => leases.reduce((sum, lease) => sum + of(lease), 0);
  return {
    requests: load.requests,
    committed_tokens: Math.round(load.committedTokens),
    reserved_tokens: Math.round(load.reservedTokens),
    pressure: state.copies.running === 0 ? null : Math.round(state.seen.pressure * 1_000) / 1_000,
    wanted_thinking_tokens: total((lease) => lease.wantedThinking),
    granted_thinking_tokens: total((lease) => lease.grantedThinking),
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
