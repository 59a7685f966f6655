import type { BudgetForcing } from '../forcing/budget-forcing.ts';
import { type ModelError, ModelMisconfiguredError, NoCapacityError, TokensMismatchError } from '../upstream/errors.ts';
import { HedgedModel } from '../upstream/hedged-model.ts';
import type { FailoverPlan, FailoverTarget, PassedOverReason } from './failover-target.ts';
import type { Generation } from './generation.ts';
import type { SegmentAccount, UpstreamAccount } from './segment-account.ts';

/** `failure` of a hedged call that was aborted because the other one was faster. */
export const HEDGE_LOST = 'hedge_lost';

/**
 * Chooses the upstream of each call of one sample. A round tries each upstream once, in the order of the settings; after a round without
 * a token the sample waits as without fallbacks, and the next round begins at the model's own upstream.
 */
export class Failover {
  readonly #generation: Generation;
  readonly #machine: BudgetForcing;
  readonly #targets: FailoverPlan['targets'];
  #current: FailoverTarget;
  #vocabulary: number;
  #tried = new Set<FailoverTarget>();
  #failures: ModelError[] = [];
  /** Targets that would fail again. */
  readonly #excluded = new Set<FailoverTarget>();
  readonly #passedOver = new Map<string, PassedOverReason>();
  #move: UpstreamAccount['move'];
  #hedge: HedgedModel | undefined;

  /** @returns `undefined` if the generation has no fallbacks */
  static of(generation: Generation, machine: BudgetForcing): Failover | undefined {
    return generation.failover === undefined
      ? undefined
      : new Failover(generation, machine, generation.failover.targets);
  }

  private constructor(generation: Generation, machine: BudgetForcing, targets: FailoverPlan['targets']) {
    this.#generation = generation;
    this.#machine = machine;
    this.#targets = targets;
    this.#current = targets[0];
    this.#vocabulary = targets[0].vocabulary;
  }

  /** Chooses the upstream of the next round: the first one whose breaker is closed, or else the model's own. */
  async beginRound(): Promise<void> {
    const because = this.#failures.at(-1)?.code ?? 'circuit_open';
    this.#tried = new Set();
    this.#failures = [];
    const [own] = this.#targets;
    for (const target of this.#targets) {
      if (target === own ? own.isAvailable() && !this.#excluded.has(own) : this.#isFree(target)) {
        if (await this.#goTo(target, because)) return;
      }
    }
    await this.#goTo(own, because);
  }

  /** The generation of the next call: its model is the chosen upstream, with a hedge if it is the first call. */
  get generation(): Generation {
    return { ...this.#generation, model: this.#hedge ?? this.#current.segments, lookUp: this.#current.lookUp };
  }

  /** Prepares the next call. Hedges it if the settings ask for it and no token was sampled yet. */
  beginCall(): void {
    this.#hedge = undefined;
    const afterMs = this.#generation.failover?.hedgeAfterMs;
    const [own, second] = this.#targets;
    if (afterMs === undefined || this.#current !== own || second === undefined) return;
    if (this.#machine.report().segments > 1 || this.#machine.report().sampledTokens > 0) return;
    if (second.vocabulary !== own.vocabulary || second.unfit !== undefined || !second.isAvailable()) return;
    this.#hedge = new HedgedModel(own.segments, second.segments, afterMs);
  }

  /** The accounts of the call that has ended: of the hedged call that was aborted, if there was one, and of the call itself. */
  endCall(account: SegmentAccount): readonly SegmentAccount[] {
    const first = this.#current;
    const [, second = first] = this.#targets;
    const outcome = this.#hedge?.outcome;
    const move = this.#move;
    this.#move = undefined;
    const passedOver = [...this.#passedOver].map(([name, because]) => ({ name, because }));
    if (outcome === undefined) return [{ ...account, upstream: { name: first.name, move, passedOver } }];
    const [winner, loser] = outcome.winner === 'first' ? [first, second] : [second, first];
    this.#machine.countAborted(outcome.abortedTokens);
    this.#current = winner;
    if (winner !== first) this.#generation.failover?.onMove?.({ from: first.name, to: winner.name, because: 'hedge' });
    return [
      {
        ...account,
        promptTokensEvaluated: undefined,
        tokens: outcome.abortedTokens,
        completionTokens: outcome.abortedTokens,
        failure: outcome.failure?.code ?? HEDGE_LOST,
        upstream: { name: loser.name, move, passedOver },
      },
      {
        ...account,
        upstream: {
          name: winner.name,
          ...(winner === first ? {} : { move: { from: first.name, because: 'hedge', continuedFrom: 'ids' } }),
          passedOver,
        },
      },
    ];
  }

  /**
   * Chooses the upstream after a failed call.
   *
   * @param progressed whether the call gave a token
   * @returns `undefined` if the next call may run at once; else the failure of the round, after which the sample has to wait
   */
  async afterFailure(failure: ModelError, progressed: boolean): Promise<ModelError | undefined> {
    const failed = this.#current;
    const own = failed === this.#targets[0];
    // An answer with a gap is wrong, whoever continues it.
    if (failure instanceof TokensMismatchError) return failure;
    // Its own server rejected the request: the client's mistake, which another server would reject as well.
    if (own && !failure.retryable && !(failure instanceof ModelMisconfiguredError)) return failure;
    if (progressed) {
      this.#tried = new Set();
      this.#failures = [];
      if (failure.retryable && failed.isAvailable()) return undefined;
    }
    if (!failure.retryable) this.#excluded.add(failed);
    this.#tried.add(failed);
    this.#failures.push(failure);
    if (own && failure instanceof NoCapacityError) await this.#wake();
    for (const target of this.#targets) {
      if (this.#isFree(target) && (await this.#goTo(target, failure.code))) return undefined;
    }
    // Progress, and nowhere else to go: continue where it was.
    if (progressed && failure.retryable) return undefined;
    return this.#failures.find(({ retryable }) => retryable) ?? this.#failures[0] ?? failure;
  }

  #isFree(target: FailoverTarget): boolean {
    return !this.#tried.has(target) && !this.#excluded.has(target) && target.isAvailable();
  }

  /** Lets a copy of the model's own endpoint start although the request goes on elsewhere. */
  async #wake(): Promise<void> {
    try {
      await this.#generation.onNoCapacity?.();
      await this.#generation.whileNoCapacity?.();
    } catch {
      // No copy will start. The fallback answers.
    }
  }

  /** Moves the sample to a target. Returns whether it can take the request. */
  async #goTo(target: FailoverTarget, because: string): Promise<boolean> {
    if (target === this.#current) return true;
    const unfit = target.unfit ?? (await this.#translate(target));
    if (unfit !== undefined) {
      this.#passedOver.set(target.name, unfit);
      this.#excluded.add(target);
      return false;
    }
    const from = this.#current.name;
    const same = target.vocabulary === this.#vocabulary;
    this.#move = { from, because, continuedFrom: same ? 'ids' : 'text' };
    this.#current = target;
    this.#vocabulary = target.vocabulary;
    this.#generation.failover?.onMove?.({ from, to: target.name, because });
    return true;
  }

  /** Goes over to the ids of a target, if its vocabulary is another one. Returns why it cannot take the request, if it cannot. */
  async #translate(target: FailoverTarget): Promise<PassedOverReason | undefined> {
    if (target.vocabulary === this.#vocabulary) return undefined;
    const moved = await target.move(this.#machine.written(), this.#machine.roomNeeded());
    if (typeof moved === 'string') return moved;
    this.#machine.moveTo(moved);
    return undefined;
  }
}
