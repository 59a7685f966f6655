import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { capacityOf } from '../policy/controller.ts';
import { METRIC_SECONDS } from '../policy/copy-steps.ts';
import type { WakeState } from '../policy/zero-copies.ts';
import { type ModelScalingSettings, policyInForce, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import type { CountingTable } from '../storage/table.ts';
import { type CopiesSeen, CopiesUnavailableError, type CopyControl } from './copy-control.ts';
import { CountedRequest } from './counted-request.ts';
import { CurrentLoad, countsByKey } from './current-load.ts';
import { CutPlan } from './cut-plan.ts';
import { LeaseStore, type LoadLease } from './lease-store.ts';
import { type Change, LoadChanges } from './load-changes.ts';
import type { LoadSnapshot } from './load-snapshot.ts';
import { nextState } from './next-state.ts';
import { type MetricOwner, type ScalingMetricsLine, scalingMetricsLine } from './scaling-metrics.ts';
import { type ScalingControl, type ScalingState, ScalingStore, type SettledState } from './scaling-state.ts';
import { shardOf } from './shards.ts';

export interface ModelScalingOptions {
  readonly owner: MetricOwner;
  readonly settings: ModelScalingSettings;
  readonly table: CountingTable;
  readonly copies: CopyControl;
  /** Unix time in seconds, with fractions. */
  readonly now: () => number;
  /** Writes a line of metrics to the log, from which CloudWatch extracts them. */
  readonly emit: (line: ScalingMetricsLine) => void;
  readonly log: Log;
  /** Longest wait of a stream for the first copy, in milliseconds. 0 answers 503 immediately. */
  readonly capacityWaitMs: number;
  /** Interval between two ticks, in seconds. @default METRIC_SECONDS */
  readonly tickSeconds?: number;
}

/** How old the parts of a snapshot may be. */
export interface SnapshotOptions {
  /** Maximum age of cached changes of the load, in seconds. @default 0 */
  readonly maxAgeSeconds?: number;
  /** Likewise of the operator's settings. @default CONTROL_CACHE_SECONDS */
  readonly controlSeconds?: number;
  /** The request to decide about: the snapshot has only the requests before it, and lines of batches only for another one. */
  readonly candidate?: CountedRequest;
  /** Whether lines of batches count. @default true, unless there is a candidate with a client */
  readonly withBatches?: boolean;
  /** The state, if it has just been read. */
  readonly state?: SettledState;
}

/** How long the operator's control item is cached, in seconds. */
const CONTROL_CACHE_SECONDS = 5;
/** Attempts of a conditional write of the state. */
const MAX_CHANGE_ATTEMPTS = 8;

/**
 * Scaling of one model, as one function sees it. All functions share three things in the table: the leases of the running requests
 * (LeaseStore), the changes of the load (LoadChanges), and the scaling state with the settled load (ScalingStore). A function that finds
 * the state older than `tickSeconds` advances it from the leases; a conditional write ensures that only one function does. A decision
 * reads the state, the operator's settings and the changes: at most 2 + SHARDS items, however many requests run.
 */
export class ModelScaling {
  readonly options: ModelScalingOptions;
  readonly leaseStore: LeaseStore;
  readonly changes: LoadChanges;
  readonly cutPlan: CutPlan;
  readonly store: ScalingStore;
  #changes: { readonly at: number; readonly value: readonly Change[] } | undefined;
  #control: { readonly at: number; readonly value: ScalingControl } | undefined;

  constructor(options: ModelScalingOptions) {
    const { table, owner, settings } = options;
    this.options = options;
    this.leaseStore = new LeaseStore(table, owner.modelId);
    this.changes = new LoadChanges(table, owner.modelId);
    this.cutPlan = new CutPlan(table, owner.modelId, this.leaseStore, options.now);
    this.store = new ScalingStore(table, owner.modelId, settings);
  }

  /**
   * Advances the scaling state if it is due, and writes the metrics.
   *
   * @param within maximum age of the state, in seconds. 0 always advances it, unless another function does
   * @returns the current state
   */
  async tick(within = this.options.tickSeconds ?? METRIC_SECONDS): Promise<SettledState> {
    const { settings, copies, now, log, owner, emit } = this.options;
    const { value: before, version } = await this.store.state();
    // The absolute age: a state from the future, written by a function with a wrong clock, must not block ticks.
    if (isSettled(before) && Math.abs(now() - before.at) < within) return before;
    const [seen, leases, { value: control }] = await Promise.all([
      copies.describe().catch((error: unknown) => {
        log('warn', 'copies not seen', { model: owner.modelId, ...loggableError(error) });
        const { running, starting } = before.copies;
        return { current: running, desired: running + starting };
      }),
      this.leaseStore.all(),
      this.store.control(),
    ]);
    const policy = policyInForce(settings, control);
    const at = now();
    const { state, decision, metrics, done } = nextState(before, leases, seen, policy, settings, {
      now: at,
      paused: control.paused,
    });
    // Another function changed the state in the meantime: use its state, which is settled unless it was the first wake.
    if (!(await this.store.write('state', state, version))) {
      const { value } = await this.store.state();
      return { ...value, settled: value.settled ?? state.settled };
    }
    emit(scalingMetricsLine(owner, metrics, Math.round(at * 1_000)));
    if (state.decisions[0] !== before.decisions[0]) {
      log('info', 'scaling', { model: owner.modelId, copies: decision.copies, reason: decision.reason });
    }
    await Promise.all([
      this.leaseStore.removeAll(done),
      // One tick later than they are settled: a decision may still have the last state.
      before.settled === undefined
        ? undefined
        : this.changes.forget(shardsTo(before.shards.read), Math.min(before.settled.since, state.settled.since), at),
      this.#keepPaused(control, seen),
    ]);
    return state;
  }

  /** A new request, in the partition that the state gives it. */
  counted(
    { requestId, key, batch }: Pick<LoadLease, 'requestId' | 'key' | 'batch'>,
    { shards, settled }: SettledState,
  ): CountedRequest {
    return new CountedRequest(this, {
      requestId,
      key,
      shard: shardOf(requestId, shards.write),
      byKey: countsByKey(settled),
      batch: batch === true,
    });
  }

  /** Reads the current load and scaling state. */
  async snapshot({
    maxAgeSeconds = 0,
    controlSeconds = CONTROL_CACHE_SECONDS,
    candidate,
    withBatches = candidate?.batch ?? true,
    state: known,
  }: SnapshotOptions = {}): Promise<LoadSnapshot> {
    const { now, settings } = this.options;
    const [state, control] = await Promise.all([known ?? this.tick(), this.control(controlSeconds)]);
    const changes =
      candidate === undefined
        ? await this.#changesWithin(maxAgeSeconds, state)
        : [...candidate.seen, ...(await this.changes.read(shardsTo(state.shards.read, candidate.shard)))];
    const current = new CurrentLoad(state.settled, changes, now(), { own: candidate?.own, withBatches });
    return {
      load: current.load(state.copies.running, state.copies.starting),
      keyLoad: (key) => current.keyLoad(key),
      refused: current.refused,
      capacity: capacityOf(settings, state),
      policy: policyInForce(settings, control),
      state,
      wake: wakeOf(state, control, now()),
      control,
    };
  }

  /** The operator's settings, cached for a few seconds. */
  async control(maxAgeSeconds = CONTROL_CACHE_SECONDS): Promise<ScalingControl> {
    const known = this.#control;
    if (known !== undefined && this.options.now() - known.at < maxAgeSeconds) return known.value;
    const { value } = await this.store.control();
    this.#control = { at: this.options.now(), value };
    return value;
  }

  /** Clears the cache of the operator's settings. */
  forget(): void {
    this.#control = undefined;
  }

  /**
   * Requests the first copy. If several functions call it at the same time, a conditional write lets only one of them proceed. The
   * outcome is written to the shared state.
   *
   * @param soonAgain whether to retry during the backoff of a failed wake, at an operator's request
   * @returns why the copy cannot be started, or `undefined`
   */
  async wake(soonAgain = false): Promise<string | undefined> {
    const { copies, now, log, owner } = this.options;
    const claimed = await this.#change((state) => {
      const kind = wakeOf(state, { paused: false }, now()).kind;
      const retries = kind === 'failed' && (soonAgain || now() - (state.failed?.at ?? 0) >= RETRY_WAKE_SECONDS);
      return kind === 'asleep' || retries ? { ...state, wokenAt: now() } : undefined;
    });
    if (!claimed) return undefined;
    let why: string | undefined;
    try {
      // If several copies are already starting, setting the count to 1 would remove the others.
      if ((await this.#desiredCopyCount()) === 0) await copies.setCopies(1);
    } catch (error) {
      why =
        error instanceof CopiesUnavailableError
          ? error.message
          : 'the number of copies could not be changed. See the log for the reason.';
      log('error', 'wake failed', { model: owner.modelId, ...loggableError(error) });
    }
    const at = now();
    if (why !== undefined) {
      const failed = { at, why };
      await this.#change((state) => ({ ...state, failed }));
    }
    log('info', 'wake', { model: owner.modelId, failed: why !== undefined });
    return why;
  }

  /** SageMaker's desired copy count. 0 if the call fails, so that a failed call does not prevent a wake. */
  async #desiredCopyCount(): Promise<number> {
    const { copies, log, owner } = this.options;
    try {
      return (await copies.describe()).desired;
    } catch (error) {
      log('warn', 'copies not seen', { model: owner.modelId, ...loggableError(error) });
      return 0;
    }
  }

  /** Removes copies that a pause has left: SageMaker rejects an update while another is in progress, and scaling is suspended. */
  async #keepPaused({ paused }: ScalingControl, { desired }: CopiesSeen): Promise<void> {
    if (!paused || desired === 0) return;
    const { copies, log, owner } = this.options;
    await copies.setCopies(0).catch((error: unknown) => {
      log('warn', 'paused, but copies run', { model: owner.modelId, ...loggableError(error) });
    });
  }

  /** Conditional write with backoff. Returns whether the state was changed; `change` returns `undefined` to leave it. */
  async #change(change: (state: ScalingState) => ScalingState | undefined): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const { value, version } = await this.store.state();
      const next = change(value);
      if (next === undefined) return false;
      if (await this.store.write('state', next, version)) return true;
      await sleep(Math.random() * 20 * 2 ** attempt);
    }
    return false;
  }

  async #changesWithin(maxAgeSeconds: number, { shards }: ScalingState): Promise<readonly Change[]> {
    const known = this.#changes;
    if (known !== undefined && this.options.now() - known.at < maxAgeSeconds) return known.value;
    const value = await this.changes.read(shardsTo(shards.read));
    this.#changes = { at: this.options.now(), value };
    return value;
  }
}

function isSettled(state: ScalingState): state is SettledState {
  return state.settled !== undefined;
}

/** The first partitions, without one of them. */
function shardsTo(count: number, without?: number): readonly number[] {
  return Array.from({ length: count }, (_, shard) => shard).filter((shard) => shard !== without);
}

/** State of an endpoint without a running copy. */
function wakeOf(
  { copies, wokenAt, failed }: ScalingState,
  control: Pick<ScalingControl, 'paused'>,
  now: number,
): WakeState {
  if (control.paused) return { kind: 'paused' };
  if (failed !== undefined && (wokenAt === undefined || failed.at >= wokenAt)) {
    return { kind: 'failed', at: failed.at, why: failed.why };
  }
  if (copies.starting > 0) return { kind: 'waking', since: copies.startingSince ?? now };
  // A wake without a visible start had no effect: another update was in progress, or its function died.
  if (wokenAt !== undefined && now - wokenAt < WAKE_VISIBLE_SECONDS) return { kind: 'waking', since: wokenAt };
  return { kind: 'asleep' };
}

/** Time until SageMaker's description shows a requested copy, in seconds. */
const WAKE_VISIBLE_SECONDS = 30;
