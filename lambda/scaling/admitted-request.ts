import { loggableError } from '../errors/loggable-error.ts';
import { cutLongest } from '../policy/cut-longest.ts';
import { isOverGrant } from '../policy/elastic-grant.ts';
import { expectedTokens } from '../policy/expected-use.ts';
import type { Load } from '../policy/load.ts';
import type { LoadLease } from './lease-store.ts';
import { keyLoadOf, type LoadSnapshot, type ModelScaling } from './model-scaling.ts';

/** A lease that is not renewed for so long is dead. Seconds. */
export const LEASE_SECONDS = 30;
/** Between two renewals. Seconds. */
const RENEW_SECONDS = 5;
/** Between two looks at the load, where there are few requests. Seconds. */
const LOOK_SECONDS = 2;

interface Sample {
  thinking: number;
  answer: number;
  readonly cut: AbortController;
}

/** A request that was let in, while it runs: renews its lease, ends its thoughts where the load grants them no more. */
export class AdmittedRequest {
  readonly #scaling: ModelScaling;
  readonly #samples: readonly Sample[];
  #lease: LoadLease;
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #looking = Promise.resolve();
  #lookSeconds = LOOK_SECONDS;
  #ended = false;

  constructor(scaling: ModelScaling, lease: LoadLease, samples: number) {
    this.#scaling = scaling;
    this.#lease = lease;
    this.#renewedAt = lease.cameAt;
    this.#samples = Array.from({ length: samples }, () => ({ thinking: 0, answer: 0, cut: new AbortController() }));
  }

  /** Aborts when the thinking of this sample has to end. */
  cutOf(index: number): AbortSignal | undefined {
    return this.#samples[index]?.cut.signal;
  }

  /** Takes how many tokens a sample has. */
  count(index: number, { thinking, answer }: { readonly thinking: number; readonly answer: number }): void {
    const sample = this.#samples[index];
    if (sample !== undefined) Object.assign(sample, { thinking, answer });
  }

  begin(): void {
    this.#schedule();
  }

  /** Ends it, once: what it used counts, what it could still have used is free. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#looking;
    const now = this.#scaling.options.now();
    await this.#scaling.board.put({ ...this.#current(now), endedAt: now });
  }

  /** Takes it back before it began, as if it had never come: a limit of its key stood in its way. */
  async withdraw(): Promise<void> {
    this.#ended = true;
    await this.#scaling.board.remove(this.#lease.requestId);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .catch((error: unknown) => {
          this.#scaling.options.log('warn', 'lease not renewed', loggableError(error));
        })
        .then(() => {
          if (!this.#ended) this.#schedule();
        });
    }, this.#lookSeconds * 1_000);
    // It keeps no process alive that is done with everything else.
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { now } = this.#scaling.options;
    const look = await this.#scaling.look(this.#lookSeconds);
    this.#lookSeconds = this.#scaling.lookSeconds(look.load, LOOK_SECONDS);
    const before = this.#lease;
    this.#lease = this.#current(now());
    this.#cut(look);
    if (this.#ended) return;
    if (this.#lease.limitTokens === before.limitTokens && now() - this.#renewedAt < RENEW_SECONDS) return;
    this.#renewedAt = now();
    await this.#scaling.board.put(this.#lease);
  }

  /** The lease as of now. What was cut is granted no more. */
  #current(now: number): LoadLease {
    const { answerTokens, grantedThinking } = this.#lease;
    const total = (of: (sample: Sample) => number) => this.#samples.reduce((sum, sample) => sum + of(sample), 0);
    const each = grantedThinking / Math.max(1, this.#samples.length);
    const granted = total(({ thinking, cut }) => (cut.signal.aborted ? Math.min(thinking, each) : each));
    return {
      ...this.#lease,
      usedThinking: total(({ thinking }) => thinking),
      usedTokens: total(({ thinking, answer }) => thinking + answer),
      limitTokens: Math.round(granted) + answerTokens,
      until: now + LEASE_SECONDS,
    };
  }

  /** Ends own thoughts that are over what they would be granted now, if it is their turn among those of all functions. */
  #cut(look: LoadSnapshot): void {
    const { policy } = look;
    if (!this.#lease.elastic || policy.elastic.cut === undefined) return;
    // Samples that have not begun to answer. The lease has the sum of all: one of them may be below its own floor.
    const floor = this.#lease.floorThinking / Math.max(1, this.#samples.length);
    const thinking = this.#samples.filter(
      ({ thinking, answer, cut }) => answer === 0 && thinking >= floor && !cut.signal.aborted,
    );
    if (thinking.length === 0 || !isToBeCut(look, this.#lease.requestId)) return;
    for (const sample of thinking) sample.cut.abort();
    this.#lease = this.#current(this.#scaling.options.now());
  }
}

/**
 * Every function comes to the same cuts by itself, from the same leases; this says whether the request is among them. Its own lease counts
 * as it was last written, like those of the others: with what it has used since, each would find itself the longest.
 */
function isToBeCut(look: LoadSnapshot, requestId: string): boolean {
  const { policy, capacity, state, leases } = look;
  let load: Load = look.load;
  const reserved = new Map(look.reservedByKey);
  let mine = false;
  cutLongest(
    leases.filter(isThinking),
    ({ usedThinking, wantedThinking }) => usedThinking / Math.max(1, wantedThinking),
    (lease) =>
      isOverGrant(
        { floorTokens: lease.floorThinking, ceilingTokens: lease.wantedThinking },
        lease.usedThinking,
        load,
        capacity,
        keyLoadOf({ reservedByKey: reserved }, lease.key, true),
        policy.elastic,
      ),
    (lease) => {
      if (lease.requestId === requestId) mine = true;
      const left = lease.usedThinking + lease.answerTokens;
      const less = Math.max(
        0,
        expectedTokens(state.use, lease.limitTokens, lease.minTokens) -
          expectedTokens(state.use, left, lease.minTokens),
      );
      load = {
        ...load,
        reservedTokens: Math.max(0, load.reservedTokens - less),
        committedTokens: Math.max(0, load.committedTokens - Math.max(0, lease.limitTokens - left)),
      };
      reserved.set(lease.key, Math.max(0, (reserved.get(lease.key) ?? 0) - less));
    },
  );
  return mine;
}

/** An elastic request that has no answer yet. */
function isThinking({ elastic, usedTokens, usedThinking, limitTokens, answerTokens }: LoadLease): boolean {
  return elastic && usedTokens === usedThinking && usedThinking < limitTokens - answerTokens;
}
