import FlatQueue from 'flatqueue';
import type { Arrival } from '../engine/job.ts';
import { Random } from '../random.ts';
import type { RequestKind } from './kinds.ts';
import { lengthAt } from './quantiles.ts';
import { drawThinking } from './thinking.ts';
import type { Traffic } from './traffic.ts';

/** Rate over time, as factors of the mean rate. */
export interface RateShape {
  /** Relative amplitude of the day, 0 to 1: lowest at the start and after each full day. */
  readonly swing: number;
  /** Factor of the rate on the last two days of each week. @default 1 */
  readonly weekend?: number;
  /** A rise of the rate to `factor` within `riseSeconds` from `at` on, in seconds. It stays there. */
  readonly launch?: { readonly at: number; readonly riseSeconds: number; readonly factor: number };
  /** Bursts at random, as in `GeneratedSettings`. @default - none */
  readonly bursts?: { readonly factor: number; readonly seconds: number; readonly gapSeconds: number };
}

/** Settings of generated requests of several kinds. */
export interface ShapedSettings {
  readonly kinds: readonly RequestKind[];
  /** Mean rate over a day of the week, in requests a second. A turn of an agent is a request. */
  readonly requestsPerSecond: number;
  readonly rate: RateShape;
  /** In seconds. */
  readonly seconds: number;
}

const DAY = 86_400;

/** Prompts that a session may grow to, in tokens. */
const MAX_SESSION_TOKENS = 100_000;

interface Turn {
  readonly kind: RequestKind;
  readonly session: number;
  readonly promptTokens: number;
  /** Tokens of the previous turn. */
  readonly sharedTokens: number;
}

/** Poisson arrivals (by thinning) with prompts and answers from quantiles, shared beginnings, and sessions of agents. */
export class ShapedTraffic implements Traffic {
  readonly #settings: ShapedSettings;
  readonly #random: Random;
  readonly #bursts: Random;
  readonly #turns = new FlatQueue<Turn>();
  readonly #maxFactor: number;
  /** Rate of new requests and sessions. */
  readonly #startsPerSecond: number;
  readonly #weights: number;
  #at = 0;
  #burstAt = Number.POSITIVE_INFINITY;
  #sessions = 0;

  constructor(settings: ShapedSettings, seed: number) {
    const { rate, kinds, requestsPerSecond } = settings;
    this.#settings = settings;
    this.#random = new Random(seed);
    this.#bursts = new Random(seed + 1);
    this.#weights = kinds.reduce((sum, { weight }) => sum + weight, 0);
    // A weight is a share of the requests, so kinds with many turns begin seldom.
    this.#startsPerSecond =
      requestsPerSecond * kinds.reduce((sum, kind) => sum + kind.weight / this.#weights / turnsOf(kind), 0);
    this.#maxFactor =
      (1 + rate.swing) * Math.max(1, rate.weekend ?? 1) * (rate.launch?.factor ?? 1) * (rate.bursts?.factor ?? 1);
    if (rate.bursts !== undefined) this.#burstAt = this.#bursts.exponential(rate.bursts.gapSeconds);
    this.#nextStart();
  }

  next(arrival: Arrival): boolean {
    const turnAt = this.#turns.peekValue() ?? Number.POSITIVE_INFINITY;
    const at = Math.min(turnAt, this.#at);
    if (at > this.#settings.seconds) return false;
    if (turnAt <= this.#at) {
      const turn = this.#turns.pop();
      if (turn !== undefined) this.#write(arrival, at, turn);
      return true;
    }
    const kind = this.#drawKind();
    const promptTokens = lengthAt(kind.prompt, this.#random.uniform());
    const { shared } = kind;
    const prefix = Math.floor(this.#random.uniform() * (shared?.prefixes ?? 1));
    this.#write(arrival, at, {
      kind,
      // Beginnings of a kind have negative numbers, sessions positive ones.
      session: shared === undefined ? ++this.#sessions : -1 - prefix - 1_000 * this.#settings.kinds.indexOf(kind),
      promptTokens,
      sharedTokens: Math.floor(promptTokens * (shared?.part ?? 0)),
    });
    this.#nextStart();
    return true;
  }

  #write(arrival: Arrival, at: number, { kind, session, promptTokens, sharedTokens }: Turn): void {
    const random = this.#random;
    arrival.at = at;
    arrival.promptTokens = promptTokens;
    arrival.sharedTokens = sharedTokens;
    arrival.prefix = kind.shared === undefined && kind.turns === undefined ? 0 : session;
    arrival.answerTokens = lengthAt(kind.answer, random.uniform());
    drawThinking(arrival, kind.mix, random);
    const { turns } = kind;
    if (turns === undefined || random.uniform() >= 1 - 1 / turns.mean) return;
    const next = promptTokens + lengthAt(turns.added, random.uniform());
    if (next > MAX_SESSION_TOKENS) return;
    const turn = { kind, session, promptTokens: next, sharedTokens: promptTokens };
    this.#turns.push(turn, at + random.exponential(turns.gapSeconds));
  }

  /** Advances to the next new request or session. */
  #nextStart(): void {
    const max = this.#startsPerSecond * this.#maxFactor;
    do {
      this.#at += this.#random.exponential(1 / max);
    } while (this.#at <= this.#settings.seconds && this.#random.uniform() * this.#maxFactor >= this.#factor());
  }

  #factor(): number {
    const { swing, weekend = 1, launch, bursts } = this.#settings.rate;
    const at = this.#at;
    const day = 1 - swing * Math.cos((2 * Math.PI * at) / DAY);
    const week = Math.floor(at / DAY) % 7 >= 5 ? weekend : 1;
    const rise = launch === undefined ? 0 : Math.min(1, Math.max(0, (at - launch.at) / launch.riseSeconds));
    const launched = launch === undefined ? 1 : 1 + (launch.factor - 1) * rise;
    if (bursts === undefined) return day * week * launched;
    while (at >= this.#burstAt + bursts.seconds)
      this.#burstAt += bursts.seconds + this.#bursts.exponential(bursts.gapSeconds);
    return day * week * launched * (at >= this.#burstAt ? bursts.factor : 1);
  }

  #drawKind(): RequestKind {
    const { kinds } = this.#settings;
    const total = kinds.reduce((sum, kind) => sum + kind.weight / turnsOf(kind), 0);
    let left = this.#random.uniform() * total;
    for (const kind of kinds) {
      left -= kind.weight / turnsOf(kind);
      if (left < 0) return kind;
    }
    const last = kinds.at(-1);
    if (last === undefined) throw new RangeError('A traffic has at least one kind of requests.');
    return last;
  }
}

function turnsOf({ turns }: RequestKind): number {
  return turns?.mean ?? 1;
}
