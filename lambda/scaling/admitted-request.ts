import { loggableError } from '../errors/loggable-error.ts';
import { heldBy } from '../policy/committed-tokens.ts';
import { release } from '../policy/controller.ts';
import { cutLongest } from '../policy/cut-longest.ts';
import { accountOfLeases } from '../policy/load-account.ts';
import type { LoadLease } from './lease-store.ts';
import type { LoadSnapshot, ModelScaling } from './model-scaling.ts';

/** Duration of a lease, in seconds. A function that dies stops renewing it. */
export const LEASE_SECONDS = 30;
/** Renewal interval of a lease, in seconds. */
const RENEW_SECONDS = 5;
/** Shortest interval between two snapshots of the load, in seconds. */
const SNAPSHOT_SECONDS = 2;

interface Sample {
  thinking: number;
  answer: number;
  confidence?: number | undefined;
  readonly cut: AbortController;
}

/** An admitted request while it runs: renews its lease, and cuts its thoughts if the load requires it. */
export class AdmittedRequest {
  readonly #scaling: ModelScaling;
  readonly #samples: readonly Sample[];
  #lease: LoadLease;
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #refreshing = Promise.resolve();
  #intervalSeconds = SNAPSHOT_SECONDS;
  #ended = false;

  constructor(scaling: ModelScaling, lease: LoadLease, samples: number) {
    this.#scaling = scaling;
    this.#lease = lease;
    this.#renewedAt = lease.cameAt;
    this.#samples = Array.from({ length: samples }, () => ({ thinking: 0, answer: 0, cut: new AbortController() }));
  }

  /** Signal that aborts when the thinking of this sample must end. */
  cutOf(index: number): AbortSignal | undefined {
    return this.#samples[index]?.cut.signal;
  }

  /** Records the tokens that a sample has generated so far, and its confidence if it is measured. */
  count(
    index: number,
    {
      thinking,
      answer,
      confidence,
    }: { readonly thinking: number; readonly answer: number; readonly confidence?: number | undefined },
  ): void {
    const sample = this.#samples[index];
    if (sample !== undefined) Object.assign(sample, { thinking, answer, confidence });
  }

  /** Starts renewing the lease. */
  begin(): void {
    this.#schedule();
  }

  /**
   * Ends the lease: records the used tokens and frees the rest. Later calls do nothing.
   *
   * @param cachedTokens prompt tokens that the cache of a copy held, if the server reports them
   */
  async end(cachedTokens?: number): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#refreshing;
    const now = this.#scaling.options.now();
    const cached = cachedTokens === undefined ? {} : { cachedTokens };
    await this.#scaling.leaseStore.put({ ...this.#current(now), ...cached, endedAt: now });
  }

  /** Withdraws a request that was refused by its key's limits before it started. */
  async withdraw(): Promise<void> {
    this.#ended = true;
    await this.#scaling.leaseStore.remove(this.#lease.requestId);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#refreshing = this.#refresh()
        .catch((error: unknown) => {
          this.#scaling.options.log('warn', 'lease not renewed', loggableError(error));
        })
        .then(() => {
          if (!this.#ended) this.#schedule();
        });
    }, this.#intervalSeconds * 1_000);
    // The timer must not keep a finished process alive.
    this.#timer.unref();
  }

  /** Takes a snapshot, cuts own thoughts if it is their turn, and renews the lease if it is due. */
  async #refresh(): Promise<void> {
    const { now } = this.#scaling.options;
    const snapshot = await this.#scaling.snapshot(this.#intervalSeconds, undefined, this.#lease.batch !== true);
    this.#intervalSeconds = this.#scaling.snapshotInterval(snapshot.load, SNAPSHOT_SECONDS);
    const before = this.#lease;
    this.#lease = this.#current(now());
    this.#cut(snapshot);
    if (this.#ended) return;
    if (this.#lease.limitTokens === before.limitTokens && now() - this.#renewedAt < RENEW_SECONDS) return;
    this.#renewedAt = now();
    await this.#scaling.leaseStore.put(this.#lease);
  }

  /** The lease with the current usage. A cut thought gives back the rest of its grant. */
  #current(now: number): LoadLease {
    const { answerTokens, grantedThinking } = this.#lease;
    const total = (of: (sample: Sample) => number) => this.#samples.reduce((sum, sample) => sum + of(sample), 0);
    const each = grantedThinking / Math.max(1, this.#samples.length);
    const granted = total(({ thinking, cut }) => (cut.signal.aborted ? Math.min(thinking, each) : each));
    const confidences = this.#samples.flatMap(({ answer, confidence }) =>
      answer === 0 && confidence !== undefined ? [confidence] : [],
    );
    return {
      ...this.#lease,
      ...(confidences.length === 0 ? {} : { confidence: Math.min(...confidences) }),
      usedThinking: total(({ thinking }) => thinking),
      usedTokens: total(({ thinking, answer }) => thinking + answer),
      limitTokens: Math.round(granted) + answerTokens,
      until: now + LEASE_SECONDS,
    };
  }

  /** Cuts own thoughts that are over their current grant, if the request is among the longest of all functions. */
  #cut(snapshot: LoadSnapshot): void {
    const { policy, state } = snapshot;
    if (!this.#lease.elastic || policy.elastic.cut === undefined) return;
    // Samples that are still thinking. The lease holds the sum of all samples, so each is checked against its own floor.
    const floor = this.#lease.floorThinking / Math.max(1, this.#samples.length);
    const thinking = this.#samples.filter(
      ({ thinking, answer, cut }) => answer === 0 && thinking >= floor && !cut.signal.aborted,
    );
    const now = this.#scaling.options.now();
    if (thinking.length === 0 || !isToBeCut(snapshot, this.#lease.requestId, now)) return;
    const before = heldBy(this.#lease, state.use);
    for (const sample of thinking) sample.cut.abort();
    const after = this.#current(now);
    const freed = release(
      before,
      { kind: 'cut', usedTokens: after.usedTokens, limitTokens: after.limitTokens },
      state.use,
    );
    this.#lease = { ...after, reservedTokens: before.reservedTokens - freed.reservedTokens };
  }
}

/**
 * Whether the request is among the thoughts to cut. Every function derives the same cuts from the same leases, without
 * coordination. The own lease counts as last written, like all others: with its usage since then, each request would see itself
 * as the longest.
 */
function isToBeCut({ policy, capacity, state, leases, load }: LoadSnapshot, requestId: string, now: number): boolean {
  const { use } = state;
  let included = false;
  cutLongest(
    leases.filter(isThinking).map((lease) => heldBy(lease, use)),
    accountOfLeases(leases, { now, use }),
    { ...load, use, capacity, settings: policy.elastic },
    (lease) => {
      included ||= lease.requestId === requestId;
    },
  );
  return included;
}

/** Whether it is an elastic request whose answer has not started. */
function isThinking({ elastic, usedTokens, usedThinking, limitTokens, answerTokens }: LoadLease): boolean {
  return elastic && usedTokens === usedThinking && usedThinking < limitTokens - answerTokens;
}
