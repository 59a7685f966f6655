import type { Log } from '../app.ts';
import type { ItemTable } from '../keys/table.ts';
import { loggableError } from '../loggable-error.ts';
import { loadOfLeases } from '../policy/committed-tokens.ts';
import type { KeyLoad } from '../policy/elastic-grant.ts';
import type { CopyCapacity, Load } from '../policy/load.ts';
import type { WakeState } from '../policy/zero-copies.ts';
import { type CopiesSeen, CopiesUnavailableError, type CopyControl } from './copy-control.ts';
import { isUnderWay, LoadBoard, type LoadLease } from './load-board.ts';
import { capacityOf, nextState } from './next-state.ts';
import { METRIC_SECONDS, type MetricOwner, type ScalingMetricsLine, scalingMetricsLine } from './scaling-metrics.ts';
import { type ModelScalingSettings, type PolicyInForce, policyInForce } from './scaling-settings.ts';
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
export interface Look {
  readonly leases: readonly LoadLease[];
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

/**
 * The scaling of one model, as each function sees it. What all share is in the table: the requests under way (LoadBoard) and the state of the
 * scaling, which whichever function finds it older than `tickSeconds` takes one step further, one of them.
 */
export class ModelScaling {
  readonly options: ModelScalingOptions;
  readonly board: LoadBoard;
  readonly store: ScalingStore;
  #leases: { readonly at: number; readonly value: readonly LoadLease[] } | undefined;
  #control: { readonly at: number; readonly value: ScalingControl } | undefined;

  constructor(options: ModelScalingOptions) {
    const { table, owner, settings } = options;
    this.options = options;
    this.board = new LoadBoard(table, owner.modelId);
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
    if (before.at > 0 && now() - before.at < within) return before;
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

  /** @param oldest how old what is known of the requests may be. Seconds */
  async look(oldest = 0): Promise<Look> {
    const { now, settings } = this.options;
    const [state, leases, control] = await Promise.all([this.tick(), this.#leasesWithin(oldest), this.control()]);
    const underWay = leases.filter((lease) => isUnderWay(lease, now()));
    const { running, starting } = state.copies;
    const { load, reservedByKey } = loadOfLeases(underWay, {
      now: now(),
      use: state.use,
      copies: running,
      startingCopies: starting,
    });
    return {
      leases: underWay,
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
   * Asks for the first copy. What happened is in the state, for everybody.
   *
   * @returns why it cannot be had, or `undefined`
   */
  async wake(): Promise<string | undefined> {
    const { copies, now, log, owner } = this.options;
    let why: string | undefined;
    try {
      await copies.setCopies(1);
    } catch (error) {
      why =
        error instanceof CopiesUnavailableError
          ? error.message
          : 'the copies could not be changed. The log has the reason.';
      log('error', 'wake failed', { model: owner.modelId, ...loggableError(error) });
    }
    const at = now();
    await this.#change((state) => ({ ...state, wokenAt: at, ...(why === undefined ? {} : { failed: { at, why } }) }));
    log('info', 'wake', { model: owner.modelId, failed: why !== undefined });
    return why;
  }

  /** SageMaker refuses an update while another is under way, so that one pause may leave copies. Nobody else takes them away then. */
  async #keepPaused({ paused }: ScalingControl, { desired }: CopiesSeen): Promise<void> {
    if (!paused || desired === 0) return;
    const { copies, log, owner } = this.options;
    await copies.setCopies(0).catch((error: unknown) => {
      log('warn', 'paused, but copies run', { model: owner.modelId, ...loggableError(error) });
    });
  }

  async #change(change: (state: ScalingState) => ScalingState): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      const { value, version } = await this.store.state();
      if (await this.store.write('state', change(value), version)) return;
    }
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
  { copies, wokenAt, failed, startSeconds }: ScalingState,
  control: ScalingControl,
  now: number,
): WakeState {
  if (control.paused) return { kind: 'paused' };
  if (failed !== undefined && (wokenAt === undefined || failed.at >= wokenAt)) {
    return { kind: 'failed', at: failed.at, why: failed.why };
  }
  if (copies.starting > 0) return { kind: 'waking', since: copies.startingSince ?? now };
  // A wake that nothing came of is forgotten after twice the time that it should have taken.
  if (wokenAt !== undefined && now - wokenAt < Math.max(MIN_WAKE_SECONDS, 2 * startSeconds)) {
    return { kind: 'waking', since: wokenAt };
  }
  return { kind: 'asleep' };
}

const MIN_WAKE_SECONDS = 30;

/** How a key stands beside the others. */
export function keyLoadOf(look: Pick<Look, 'reservedByKey'>, key: string, runs: boolean): KeyLoad {
  const { reservedByKey } = look;
  const known = reservedByKey.has(key);
  return {
    reservedTokens: reservedByKey.get(key) ?? 0,
    activeKeys: Math.max(1, reservedByKey.size + (known || runs ? 0 : 1)),
  };
}
