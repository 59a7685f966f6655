import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { capacityOf } from '../policy/controller.ts';
import { METRIC_SECONDS } from '../policy/copy-steps.ts';
import type { CopyCapacity, Load } from '../policy/load.ts';
import { accountOfLeases, type LoadAccount } from '../policy/load-account.ts';
import type { WakeState } from '../policy/zero-copies.ts';
import {
  type ModelScalingSettings,
  type PolicyInForce,
  policyInForce,
  RETRY_WAKE_SECONDS,
} from '../settings/policy-settings.ts';
import type { ItemTable } from '../storage/table.ts';
import { type CopiesSeen, CopiesUnavailableError, type CopyControl } from './copy-control.ts';
import { countsFor, isRunning, LeaseStore, type LoadLease } from './lease-store.ts';
import { nextState } from './next-state.ts';
import { type MetricOwner, type ScalingMetricsLine, scalingMetricsLine } from './scaling-metrics.ts';
import { type ScalingControl, type ScalingState, ScalingStore } from './scaling-state.ts';

export interface ModelScalingOptions {
  readonly owner: MetricOwner;
  readonly settings: ModelScalingSettings;
  readonly table: ItemTable;
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

/** Load and scaling state of one model at one time, as input of a decision. */
export interface LoadSnapshot {
  /** Leases of the running requests. */
  readonly leases: readonly LoadLease[];
  /** Refused requests that no tick has counted yet. */
  readonly refused: number;
  readonly load: Load;
  /** The same load by key. */
  readonly account: LoadAccount<string>;
  readonly capacity: CopyCapacity;
  readonly policy: PolicyInForce;
  readonly state: ScalingState;
  readonly wake: WakeState;
  readonly control: ScalingControl;
}

/** How long the operator's control item is cached, in seconds. */
const CONTROL_CACHE_SECONDS = 5;
/** Maximum leases that one function reads per second on average, so that reads never dominate the load of the table. */
const MAX_LEASES_READ_PER_SECOND = 100;
const MAX_SNAPSHOT_SECONDS = 10;
/** Attempts of a conditional write of the state. */
const MAX_CHANGE_ATTEMPTS = 8;

/**
 * Scaling of one model, as one function sees it. All functions share two things in the table: the leases of the running requests
 * (LeaseStore), and the scaling state (ScalingStore). A function that finds the state older than `tickSeconds` advances it; a
 * conditional write ensures that only one function does.
 */
export class ModelScaling {
  readonly options: ModelScalingOptions;
  readonly leaseStore: LeaseStore;
  readonly store: ScalingStore;
  #leases: { readonly at: number; readonly value: readonly LoadLease[] } | undefined;
  #control: { readonly at: number; readonly value: ScalingControl } | undefined;

  constructor(options: ModelScalingOptions) {
    const { table, owner, settings } = options;
    this.options = options;
    this.leaseStore = new LeaseStore(table, owner.modelId);
    this.store = new ScalingStore(table, owner.modelId, settings);
  }

  /**
   * Advances the scaling state if it is due, and writes the metrics.
   *
   * @param within maximum age of the state, in seconds. 0 always advances it, unless another function does
   * @returns the current state
   */
  async tick(within = this.options.tickSeconds ?? METRIC_SECONDS): Promise<ScalingState> {
    const { settings, copies, now, log, owner, emit } = this.options;
    const { value: before, version } = await this.store.state();
    // The absolute age: a state from the future, written by a function with a wrong clock, must not block ticks.
    if (before.at > 0 && Math.abs(now() - before.at) < within) return before;
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
    // Another function advanced the state in the meantime: use its state.
    if (!(await this.store.write('state', state, version))) return (await this.store.state()).value;
    emit(scalingMetricsLine(owner, metrics, Math.round(at * 1_000)));
    if (state.decisions[0] !== before.decisions[0]) {
      log('info', 'scaling', { model: owner.modelId, copies: decision.copies, reason: decision.reason });
    }
    await Promise.all([...done.map(async (id) => await this.leaseStore.remove(id)), this.#keepPaused(control, seen)]);
    return state;
  }

  /**
   * Reads the current load and scaling state.
   *
   * @param maxAgeSeconds maximum age of cached leases, in seconds
   * @param candidate the request to decide about; the snapshot then contains only requests before it
   * @param withoutBatches whether lines of batches are left out
   */
  async snapshot(
    maxAgeSeconds = 0,
    candidate?: Pick<LoadLease, 'requestId' | 'cameAt' | 'batch'>,
    withoutBatches = false,
  ): Promise<LoadSnapshot> {
    const { now, settings } = this.options;
    const [state, leases, control] = await Promise.all([
      this.tick(),
      this.#leasesWithin(maxAgeSeconds),
      this.control(),
    ]);
    const running = leases.filter(
      (lease) =>
        isRunning(lease, now()) &&
        !(withoutBatches && lease.batch === true) &&
        (candidate === undefined || countsFor(lease, candidate)),
    );
    const account = accountOfLeases(running, { now: now(), use: state.use });
    return {
      leases: running,
      refused: leases.filter(({ refused }) => refused === true).length,
      load: account.load(state.copies.running, state.copies.starting),
      account,
      capacity: capacityOf(settings, state),
      policy: policyInForce(settings, control),
      state,
      wake: wakeOf(state, control, now()),
      control,
    };
  }

  /** Interval between two snapshots at this load, in seconds. It grows with the requests, which each snapshot reads. */
  snapshotInterval(load: Pick<Load, 'requests'>, minSeconds: number): number {
    return Math.min(MAX_SNAPSHOT_SECONDS, Math.max(minSeconds, load.requests / MAX_LEASES_READ_PER_SECOND));
  }

  /** The operator's settings, cached for a few seconds. */
  async control(): Promise<ScalingControl> {
    const known = this.#control;
    if (known !== undefined && this.options.now() - known.at < CONTROL_CACHE_SECONDS) return known.value;
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

  async #leasesWithin(maxAgeSeconds: number): Promise<readonly LoadLease[]> {
    const known = this.#leases;
    if (known !== undefined && this.options.now() - known.at < maxAgeSeconds) return known.value;
    const value = await this.leaseStore.all();
    this.#leases = { at: this.options.now(), value };
    return value;
  }
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
