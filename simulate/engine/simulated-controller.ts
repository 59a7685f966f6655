import { defaultAdmission } from '../../lambda/policy/admission.ts';
import { reservedTokens } from '../../lambda/policy/committed-tokens.ts';
import {
  type ControllerSettings,
  type ControllerState,
  type CopyPlaces,
  capacityOf,
  decideRequest,
  newControllerState,
  type Observation,
  type RequestDecision,
  release,
  type Step,
  step,
} from '../../lambda/policy/controller.ts';
import { cutLongest, type RunningThought } from '../../lambda/policy/cut-longest.ts';
import { defaultScaling } from '../../lambda/policy/desired-copies.ts';
import { type CopyCapacity, type Load, pressureOf } from '../../lambda/policy/load.ts';
import { LoadAccount } from '../../lambda/policy/load-account.ts';
import { renewSeconds } from '../../lambda/policy/load-freshness.ts';
import { defaultScalingPolicy } from '../../lambda/policy/scaling-policies.ts';
import { USUAL_CONTEXT_TOKENS } from '../../lib/serving/decode-speed.ts';
import { fullStep, type Profile } from '../profile.ts';
import { SAMPLE_SECONDS, type Scaler } from '../scaling/scaler.ts';
import { Deque } from './deque.ts';
import type { Gate } from './gate.ts';
import type { Arrival, Job } from './job.ts';

/** A thought that a copy is decoding. */
export interface Thought extends RunningThought<number> {
  readonly job: Job;
  /** Thinking at the last renewal of its lease, by which thoughts are ranked. @default - all of it */
  readonly renewedThinking?: number;
  /** Whether its function looks at the load now. If not, it can be cut later. @default true */
  readonly looks?: boolean;
}

/** State of an endpoint that has served no request. */
export function initialState(profile: Profile): ControllerState {
  const full = fullStep(profile, USUAL_CONTEXT_TOKENS);
  const { stepSeconds } = profile.speed;
  return newControllerState({ stepSeconds, fullRequests: full.requests, fullStepSeconds: full.stepSeconds });
}

/** Copies at one time. */
type Copies = Pick<Load, 'copies' | 'startingCopies'>;

/**
 * The controller of lambda/policy in a simulation. Holds its state, and the requests in flight, in memory; the counterpart of
 * lambda/scaling, which holds both in the table.
 */
export class SimulatedController {
  readonly #account = new LoadAccount<number>();
  readonly #places: CopyPlaces;
  readonly #gate: Gate;
  readonly #settings: ControllerSettings;
  readonly #arrived: Observation['arrived'][number][] = [];
  readonly #ended: Observation['ended'][number][] = [];
  /** First tokens, with the time from which they are known. */
  readonly #begun = new Deque<{ readonly job: Job; readonly arrivedAt: number; readonly knownAt: number }>();
  #state: ControllerState;
  #capacity: CopyCapacity;

  /**
   * @param scaler if it has no settings of a scaling policy, nothing acts on the decisions, and the defaults apply
   * @param state that an endpoint with this profile has learned before
   */
  constructor(
    profile: Profile,
    gate: Gate,
    { controlledBy }: Pick<Scaler, 'controlledBy'>,
    state: ControllerState = initialState(profile),
  ) {
    const { cacheTokens, maxSequences } = profile.speed;
    this.#places = { cacheTokens, maxRequests: maxSequences };
    this.#gate = gate;
    this.#settings = {
      admission: gate.admission ?? defaultAdmission,
      ...(controlledBy ?? { scalingPolicy: defaultScalingPolicy, scaling: defaultScaling }),
    };
    this.#state = state;
    this.#capacity = capacityOf(this.#places, this.#state);
  }

  /** Requests in flight. */
  get requests(): number {
    return this.#account.requests;
  }

  load({ copies, startingCopies }: Copies): Load {
    return this.#account.load(copies, startingCopies);
  }

  /** Counts an arrival and decides whether it is admitted, with the load as it is known at that time. */
  decide(arrival: Arrival, copies: Copies, startsInSeconds: number): RequestDecision {
    this.#learnStarts(arrival.at);
    const { promptTokens, maxThinkingTokens, maxAnswerTokens, minThinkingTokens, elastic, floorTokens, key } = arrival;
    this.#arrived.push({
      promptTokens,
      limitTokens: maxThinkingTokens + maxAnswerTokens,
      minTokens: minThinkingTokens,
    });
    return decideRequest(
      { elastic, floorTokens, ceilingTokens: maxThinkingTokens },
      { load: this.load(copies), capacity: this.#capacity, key: this.#account.keyLoad(key), startsInSeconds },
      this.#gate,
    );
  }

  /** Adds an admitted request. */
  add(job: Job): void {
    job.reservedTokens = reservedTokens(job, this.#state.use);
    this.#account.add(job.key, job);
  }

  /** The first token of a request. Its function reports it with the next renewal of its lease, so it counts later. */
  firstToken(job: Job, now: number): void {
    this.#begun.push({ job, arrivedAt: job.arrivedAt, knownAt: now + renewSeconds(this.requests) });
  }

  /** Counts the first tokens that are known by now. */
  #learnStarts(now: number): void {
    while ((this.#begun.peek()?.knownAt ?? Number.POSITIVE_INFINITY) <= now) {
      const { job, arrivedAt } = this.#begun.shift() ?? {};
      // A job that has ended is started, or used again.
      if (job !== undefined && job.arrivedAt === arrivedAt) this.start(job);
    }
  }

  /** Counts the first token of a request. */
  start(job: Job): void {
    if (job.started) return;
    job.started = true;
    this.#account.start(job);
  }

  end(job: Job, usedTokens: number): void {
    this.start(job);
    this.#account.release(job.key, release(job, { kind: 'ended', usedTokens }, this.#state.use));
    const { promptTokens, cachedTokens, limitTokens } = job;
    this.#ended.push({ promptTokens, cachedTokens, limitTokens, usedTokens });
  }

  /** Whether a thought may be over its current grant. */
  mayCut(copies: Copies): boolean {
    const cut = this.#gate.elastic?.cut;
    return cut !== undefined && pressureOf(this.load(copies), this.#capacity) > cut.shrinkFrom;
  }

  /** Cuts thoughts that the load no longer grants. */
  cut<Of extends Thought>(thoughts: readonly Of[], copies: Copies, end: (thought: Of) => void): void {
    const { elastic } = this.#gate;
    if (elastic === undefined) return;
    const { use } = this.#state;
    const situation = { ...copies, use, capacity: this.#capacity, settings: elastic };
    const known = thoughts.map((thought) => ({
      ...thought,
      usedThinking: thought.renewedThinking ?? thought.usedThinking,
      thought,
    }));
    const plan: Of[] = [];
    cutLongest(known, this.#account.copy(), situation, ({ thought }) => plan.push(thought));
    for (const thought of plan) {
      const { job, usedThinking, answerTokens, looks } = thought;
      if (looks === false) continue;
      const event = { kind: 'cut', usedTokens: usedThinking, limitTokens: usedThinking + answerTokens } as const;
      const freed = release(thought, event, use);
      this.#account.release(job.key, freed);
      job.limitTokens -= freed.limitTokens;
      job.reservedTokens -= freed.reservedTokens;
      end(thought);
    }
  }

  /** Advances the controller by `SAMPLE_SECONDS`. */
  step(now: number, usedTokens: number, copies: Copies): Step & { readonly load: Load; readonly arrivals: number } {
    this.#learnStarts(now);
    this.#account.measured(usedTokens);
    const load = this.load(copies);
    const arrived = this.#arrived;
    const observation = { now, seconds: SAMPLE_SECONDS, arrived, ended: this.#ended, load, usedTokens };
    const result = step(this.#state, observation, this.#places, this.#settings);
    const arrivals = arrived.length;
    this.#state = result.state;
    this.#capacity = result.capacity;
    arrived.length = 0;
    this.#ended.length = 0;
    return { ...result, load, arrivals };
  }
}
