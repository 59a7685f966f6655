import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { loadOfLeases } from '../policy/committed-tokens.ts';
import { METRIC_SECONDS } from '../policy/copy-steps.ts';
import type { KeyLoad } from '../policy/elastic-grant.ts';
import type { CopyCapacity, Load } from '../policy/load.ts';
import type { WakeState } from '../policy/zero-copies.ts';
import {
  type ModelScalingSettings,
  type PolicyInForce,
  policyInForce,
  RETRY_WAKE_SECONDS,
} from '../settings/policy-settings.ts';
import type { ItemTable } from '../storage/table.ts';
import { type CopiesSeen, CopiesUnavailableError, type CopyControl } from './copy-control.ts';
import { countsFor, isUnderWay, LeaseStore, type LoadLease } from './lease-store.ts';
import { capacityOf, nextState } from './next-state.ts';
import { type MetricOwner, type ScalingMetricsLine, scalingMetricsLine } from './scaling-metrics.ts';
import { type ScalingControl, type ScalingState, ScalingStore } from './scaling-state.ts';

export interface ModelScalingOptions {
  readonly owner: MetricOwner;
  readonly settings: ModelScalingSettings;
  readonly table: ItemTable;
  readonly copies: CopyControl;
  /** Unix time. Seconds, with fractions. */
  readonly now: () => number;
  /** Where a line of metrics goes: the log, which CloudWatch reads. */
  readonly emit: (line: ScalingMetricsLine) => void;
  readonly log: Log;
  /** Whether streams wait for the first copy, and how long. Milliseconds; 0: 503 at once. */
  readonly capacityWaitMs: number;
  /** @default METRIC_SECONDS */
  readonly tickSeconds?: number;
}

/** One look at the load, for a decision about one request. */
export interface LoadSnapshot {
  readonly leases: readonly LoadLease[];
  /** Requests that were refused and have not been counted yet. */
  readonly refused: number;
  readonly load: Load;
  readonly reservedByKey: ReadonlyMap<string, number>;
  readonly capacity: CopyCapacity;
  readonly policy: PolicyInForce;
  readonly state: ScalingState;
  readonly wake: WakeState;
  readonly control: ScalingControl;
}

/** What is known of the control stays good for so long. Seconds. */
const CONTROL_REMEMBERED = 5;
/** Looks of one function at a load of n requests are at least n / this apart, so that looking never is what loads the table. */
const REQUESTS_A_SECOND_LOOKED_AT = 100;
const OLDEST_LOOK_SECONDS = 10;
/** Each function that finds the endpoint asleep tries to write that it wakes it. */
const TRIES_TO_CHANGE = 8;

/**
 * The scaling of one model, as each function sees it. What all share is in the table: the requests under way (LeaseStore) and the state of the
 * scaling, which whichever function finds it older than `tickSeconds` takes one step further, one of them.
 */
export class ModelScaling {
  readonly options: ModelScalingOptions;
  readonly board: LeaseStore;
  readonly store: ScalingStore;
  #leases: { readonly at: number; readonly value: readonly LoadLease[] } | undefined;
  #control: { readonly at: number; readonly value: ScalingControl } | undefined;

  constructor(options: ModelScalingOptions) {
    const { table, owner, settings } = options;
    this.options = options;
    this.board = new LeaseStore(table, owner.modelId);
    this.store = new ScalingStore(table, owner.modelId, settings);
  }

  /**
   * Takes the state a step further where it is due, and writes the metrics.
   *
   * @param within how old the state may be. Seconds; 0 looks in any case, unless another function does
   * @returns the state as it is then
   */
  async tick(within = this.options.tickSeconds ?? METRIC_SECONDS): Promise<ScalingState> {
    const { settings, copies, now, log, owner, emit } = this.options;
    const { value: before, version } = await this.store.state();
    // A state from the future, of a function whose clock goes wrong, holds nobody up.
    if (before.at > 0 && Math.abs(now() - before.at) < within) return before;
    const [seen, leases, { value: control }] = await Promise.all([
      copies.describe().catch((error: unknown) => {
        log('warn', 'copies not seen', { model: owner.modelId, ...loggableError(error) });
        const { running, starting } = before.copies;
        return { current: running, desired: running + starting };
      }),
      this.board.all(),
      this.store.control(),
    ]);
    const policy = policyInForce(settings, control);
    const at = now();
    const { state, decision, metrics, done } = nextState(before, leases, seen, policy, settings, {
      now: at,
      paused: control.paused,
    });
    // Somebody else did it meanwhile: what they wrote holds.
    if (!(await this.store.write('state', state, version))) return (await this.store.state()).value;
    emit(scalingMetricsLine(owner, metrics, Math.round(at * 1_000)));
    if (state.decisions[0] !== before.decisions[0]) {
      log('info', 'scaling', { model: owner.modelId, copies: decision.copies, reason: decision.reason });
    }
    await Promise.all([...done.map(async (id) => await this.board.remove(id)), this.#keepPaused(control, seen)]);
    return state;
  }

  /**
   * @param oldest how old what is known of the requests may be. Seconds
   * @param asking the request that is decided about: it sees those before it
   */
  async look(oldest = 0, asking?: Pick<LoadLease, 'requestId' | 'cameAt'>): Promise<LoadSnapshot> {
    const { now, settings } = this.options;
    const [state, leases, control] = await Promise.all([this.tick(), this.#leasesWithin(oldest), this.control()]);
    const underWay = leases.filter(
      (lease) => isUnderWay(lease, now()) && (asking === undefined || countsFor(lease, asking)),
    );
    const { running, starting } = state.copies;
    const { load, reservedByKey } = loadOfLeases(underWay, {
      now: now(),
      use: state.use,
      copies: running,
      startingCopies: starting,
    });
    return {
      leases: underWay,
      refused: leases.filter(({ refused }) => refused === true).length,
      load,
      reservedByKey,
      capacity: capacityOf(settings, state),
      policy: policyInForce(settings, control),
      state,
      wake: wakeOf(state, control, now()),
      control,
    };
  }

  /** How far apart looks at the requests may be. Seconds. */
  lookSeconds(load: Pick<Load, 'requests'>, shortest: number): number {
    return Math.min(OLDEST_LOOK_SECONDS, Math.max(shortest, load.requests / REQUESTS_A_SECOND_LOOKED_AT));
  }

  async control(): Promise<ScalingControl> {
    const known = this.#control;
    if (known !== undefined && this.options.now() - known.at < CONTROL_REMEMBERED) return known.value;
    const { value } = await this.store.control();
    this.#control = { at: this.options.now(), value };
    return value;
  }

  /** The next look reads what the operator set. */
  forget(): void {
    this.#control = undefined;
  }

  /**
   * Asks for the first copy: of several functions that want one at the same instant, one of them. What happened is in the state, for
   * everybody.
   *
   * @param soonAgain also where a wake failed just now: an operator may know better
   * @returns why it cannot be had, or `undefined`
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
      // Who asks for one where several are coming would take the others away.
      if ((await this.#desiredCopies()) === 0) await copies.setCopies(1);
    } catch (error) {
      why =
        error instanceof CopiesUnavailableError
          ? error.message
          : 'the copies could not be changed. The log has the reason.';
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

  /** Copies that there should be; 0 where nobody knows, so that a look that fails keeps nothing asleep. */
  async #desiredCopies(): Promise<number> {
    const { copies, log, owner } = this.options;
    try {
      return (await copies.describe()).desired;
    } catch (error) {
      log('warn', 'copies not seen', { model: owner.modelId, ...loggableError(error) });
      return 0;
    }
  }

  /** SageMaker refuses an update while another is under way, so that one pause may leave copies. Nobody else takes them away then. */
  async #keepPaused({ paused }: ScalingControl, { desired }: CopiesSeen): Promise<void> {
    if (!paused || desired === 0) return;
    const { copies, log, owner } = this.options;
    await copies.setCopies(0).catch((error: unknown) => {
      log('warn', 'paused, but copies run', { model: owner.modelId, ...loggableError(error) });
    });
  }

  /** Whether it was changed: `undefined` leaves it. */
  async #change(change: (state: ScalingState) => ScalingState | undefined): Promise<boolean> {
    for (let tries = 0; tries < TRIES_TO_CHANGE; tries++) {
      const { value, version } = await this.store.state();
      const next = change(value);
      if (next === undefined) return false;
      if (await this.store.write('state', next, version)) return true;
      await sleep(Math.random() * 20 * 2 ** tries);
    }
    return false;
  }

  async #leasesWithin(oldest: number): Promise<readonly LoadLease[]> {
    const known = this.#leases;
    if (known !== undefined && this.options.now() - known.at < oldest) return known.value;
    const value = await this.board.all();
    this.#leases = { at: this.options.now(), value };
    return value;
  }
}

/** How an endpoint without a copy is doing. */
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
  // A wake that no start is seen of came to nothing: another update was under way, or its function died.
  if (wokenAt !== undefined && now - wokenAt < WAKE_SEEN_SECONDS) return { kind: 'waking', since: wokenAt };
  return { kind: 'asleep' };
}

/** SageMaker shows that a copy was asked for within so long. */
const WAKE_SEEN_SECONDS = 30;

/** How a key stands beside the others. */
export function keyLoadOf(look: Pick<LoadSnapshot, 'reservedByKey'>, key: string, runs: boolean): KeyLoad {
  const { reservedByKey } = look;
  const known = reservedByKey.has(key);
  return {
    reservedTokens: reservedByKey.get(key) ?? 0,
    activeKeys: Math.max(1, reservedByKey.size + (known || runs ? 0 : 1)),
  };
}
