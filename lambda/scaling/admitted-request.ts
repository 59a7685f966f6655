import { loggableError } from '../errors/loggable-error.ts';
import { heldBy } from '../policy/committed-tokens.ts';
import { release } from '../policy/controller.ts';
import { isOverGrant } from '../policy/elastic-grant.ts';
import { renewSeconds, snapshotSeconds } from '../policy/load-freshness.ts';
import type { CountedRequest } from './counted-request.ts';
import type { LoadLease } from './lease-store.ts';
import type { LoadSnapshot } from './load-snapshot.ts';
import type { ModelScaling } from './model-scaling.ts';

/** Duration of a lease, in seconds. A function that dies stops renewing it. */
export const LEASE_SECONDS = 30;
/** Maximum age of the operator's settings in them, in seconds: thousands of running requests would read them all the time. */
const CONTROL_SECONDS = 60;

interface Sample {
  thinking: number;
  answer: number;
  confidence?: number | undefined;
  readonly cut: AbortController;
}

/** An admitted request while it runs: renews its lease, and cuts its thoughts if the load requires it. */
export class AdmittedRequest {
  readonly #scaling: ModelScaling;
  readonly #counted: CountedRequest;
  readonly #samples: readonly Sample[];
  #lease: LoadLease;
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #refreshing = Promise.resolve();
  #intervalSeconds = snapshotSeconds(0);
  #ended = false;

  constructor(scaling: ModelScaling, counted: CountedRequest, lease: LoadLease, samples: number) {
    this.#scaling = scaling;
    this.#counted = counted;
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
    await this.#counted.write({ ...this.#current(now), ...cached, endedAt: now }, now);
  }

  /** Withdraws a request that was refused by its key's limits before it started. */
  async withdraw(): Promise<void> {
    this.#ended = true;
    await this.#counted.withdraw(this.#scaling.options.now());
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#refreshing = this.refresh()
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

  /** Looks at the load, cuts own thoughts if it is their turn, and renews the lease if it is due. `begin` calls it at intervals. */
  async refresh(): Promise<void> {
    const { now } = this.#scaling.options;
    const snapshot = await this.#scaling.snapshot({
      maxAgeSeconds: this.#intervalSeconds,
      controlSeconds: CONTROL_SECONDS,
      withBatches: this.#counted.batch,
    });
    const { requests } = snapshot.load;
    this.#intervalSeconds = snapshotSeconds(requests);
    const before = this.#lease;
    this.#lease = this.#current(now());
    await this.#cut(snapshot);
    if (this.#ended) return;
    if (this.#lease.limitTokens === before.limitTokens && now() - this.#renewedAt < renewSeconds(requests)) return;
    this.#renewedAt = now();
    await this.#counted.write(this.#lease, now());
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
  async #cut(snapshot: LoadSnapshot): Promise<void> {
    const { policy, state } = snapshot;
    if (!this.#lease.elastic || policy.elastic.cut === undefined) return;
    // Samples that are still thinking. The lease holds the sum of all samples, so each is checked against its own floor.
    const floor = this.#lease.floorThinking / Math.max(1, this.#samples.length);
    const thinking = this.#samples.filter(
      ({ thinking, answer, cut }) => answer === 0 && thinking >= floor && !cut.signal.aborted,
    );
    if (thinking.length === 0 || !this.#isOver(snapshot)) return;
    if (!(await this.#scaling.cutPlan.includes(this.#lease.requestId, snapshot))) return;
    const now = this.#scaling.options.now();
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

  /** Whether the request has more thinking than it would be granted now. */
  #isOver({ load, capacity, keyLoad, policy }: LoadSnapshot): boolean {
    const { floorThinking, wantedThinking, usedThinking, key } = this.#lease;
    const request = { floorTokens: floorThinking, ceilingTokens: wantedThinking };
    return isOverGrant(request, usedThinking, load, capacity, keyLoad(key), policy.elastic);
  }
}
