import { renewSeconds, snapshotSeconds } from '../../lambda/policy/load-freshness.ts';
import type { Profile } from '../profile.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from '../scaling/scaler.ts';
import { newArrival, type Traffic } from '../traffic/traffic.ts';
import type { Copy, CopyListener } from './copy.ts';
import { Deque } from './deque.ts';
import { Fleet, type Routing } from './fleet.ts';
import type { Gate } from './gate.ts';
import { type Arrival, Job } from './job.ts';
import { type MeasuredTime, type Outcome, OutcomeRecorder } from './outcome.ts';
import { SimulatedController, type Thought } from './simulated-controller.ts';

export interface Simulation extends MeasuredTime {
  readonly profile: Profile;
  readonly routing: Routing;
  readonly traffic: Traffic;
  readonly scaler: Scaler;
  readonly gate: Gate;
  /** Failures, in the order of their times. @default - none */
  readonly failures?: readonly Failure[];
  /** Copies that run at the start. */
  readonly initialCopies: number;
}

/** Copies or capacity that are gone at a time, in seconds. */
export type Failure =
  /** This share of the running copies ends, with their instances, at once. Their requests are prefilled again on others. */
  | { readonly kind: 'copies'; readonly at: number; readonly part: number }
  /** No instance can be started. */
  | { readonly kind: 'capacity'; readonly at: number; readonly seconds: number };

/** Runs until the traffic is over and every request has ended. Deterministic: the same input gives the same outcome. */
export function simulate(simulation: Simulation): Outcome {
  return new Run(simulation).run();
}

/** The event loop of one run: arrivals, copies, samples for the scaler, and cuts of running thoughts. */
class Run implements CopyListener {
  readonly #simulation: Simulation;
  readonly #fleet: Fleet;
  readonly #recorder: OutcomeRecorder;
  readonly #controller: SimulatedController;
  /** Ended jobs, to be reused. */
  readonly #free: Job[] = [];
  /** Calls that found no copy. */
  readonly #unrouted = new Deque<Job>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#fleet = new Fleet(simulation.profile, simulation.routing, this);
    this.#recorder = new OutcomeRecorder(simulation, simulation.profile);
    this.#controller = new SimulatedController(simulation.profile, simulation.gate, simulation.scaler);
  }

  run(): Outcome {
    const { traffic, initialCopies, measureFrom, measureUntil, gate, profile } = this.#simulation;
    const fleet = this.#fleet;
    const recorder = this.#recorder;
    const arrival = newArrival();
    fleet.startWith(initialCopies);
    let nextArrivalAt = traffic.next(arrival) ? arrival.at : Number.POSITIVE_INFINITY;
    let nextSampleAt = SAMPLE_SECONDS;
    let nextCutAt = gate.elastic?.cut === undefined ? Number.POSITIVE_INFINITY : CUT_SECONDS;
    let now = 0;
    const failures = [...(this.#simulation.failures ?? [])];
    let begun = measureFrom <= 0;
    let ended = false;

    while (nextArrivalAt < Number.POSITIVE_INFINITY || this.#controller.requests > 0) {
      let copyAt = Number.POSITIVE_INFINITY;
      let due: Copy | undefined;
      for (const copy of fleet.running) {
        if (copy.nextAt < copyAt) {
          copyAt = copy.nextAt;
          due = copy;
        }
      }
      for (const copy of fleet.draining) {
        if (copy.nextAt < copyAt) {
          copyAt = copy.nextAt;
          due = copy;
        }
      }
      const failsAt = failures[0]?.at ?? Number.POSITIVE_INFINITY;
      const next = Math.min(copyAt, nextArrivalAt, nextSampleAt, nextCutAt, failsAt);
      if (!begun && next >= measureFrom) {
        begun = true;
        recorder.begin(fleet, measureFrom);
      }
      if (!ended && next > measureUntil) {
        ended = true;
        recorder.end(fleet, measureUntil);
      }
      now = next;
      if (failsAt === next) {
        const failure = failures.shift();
        if (failure !== undefined) this.#fail(failure, now);
      } else if (due !== undefined && copyAt === next) {
        due.run();
      } else if (nextArrivalAt === next) {
        this.#arrive(arrival, now);
        nextArrivalAt = traffic.next(arrival) ? arrival.at : Number.POSITIVE_INFINITY;
      } else if (nextSampleAt === next) {
        this.#sample(now);
        nextSampleAt += SAMPLE_SECONDS;
      } else {
        this.#cutThoughts(now);
        nextCutAt += CUT_SECONDS;
      }
    }
    recorder.end(fleet, Math.max(now, measureFrom));
    return recorder.outcome(fleet, profile, now);
  }

  firstToken(job: Job, now: number): void {
    if (job.firstTokenAt < 0) {
      job.firstTokenAt = now;
      this.#controller.firstToken(job, now);
      this.#recorder.firstToken(job, now);
    }
    if (job.callsLeft === 1 && job.answerAt < 0) job.answerAt = now;
  }

  callEnded(job: Job, now: number): void {
    job.callsLeft -= 1;
    if (job.callsLeft === 0) this.#end(job, now);
    else this.#call(job, now);
  }

  #arrive(arrival: Arrival, now: number): void {
    this.#recorder.arrived(now);
    const decision = this.#controller.decide(arrival, this.#copies(), this.#fleet.nextReadyAt - now);
    if (decision.kind === 'refuse') {
      this.#recorder.refused(now);
      return;
    }
    const { grantedTokens } = decision;
    this.#recorder.admitted(arrival.maxThinkingTokens, grantedTokens);
    const job = this.#free.pop() ?? new Job();
    job.begin(arrival, grantedTokens, now);
    this.#integrate(now);
    this.#controller.add(job);
    this.#call(job, now);
  }

  #fail(failure: Failure, now: number): void {
    this.#integrate(now);
    if (failure.kind === 'capacity') {
      this.#fleet.noCapacityUntil = now + failure.seconds;
      return;
    }
    for (const job of this.#fleet.fail(failure.part, now)) this.#place(job, now);
  }

  /** Routes the next call of a request to a copy. */
  #call(job: Job, now: number): void {
    job.nextCall();
    this.#place(job, now);
  }

  #place(job: Job, now: number): void {
    const place = this.#fleet.route(job);
    if (place === undefined) this.#unrouted.push(job);
    else place.copy.add(job, now, place.cached);
  }

  #end(job: Job, now: number): void {
    this.#integrate(now);
    this.#controller.end(job, job.thinkingTokens + job.answerTokens);
    this.#recorder.ended(job, now);
    this.#free.push(job);
  }

  #sample(now: number): void {
    const fleet = this.#fleet;
    this.#integrate(now);
    if (fleet.ready(now) > 0) this.#routeUnrouted(now);
    fleet.release(now);
    const usedTokens = fleet.decodedTokens(now) - this.#recorder.outputTokens;
    const { load, capacity, pressure, ...stepped } = this.#controller.step(now, usedTokens, this.#copies());
    this.#scale({ now, load, capacity, ...stepped });
    this.#recorder.sample(
      now,
      {
        copies: load.copies,
        startingCopies: load.startingCopies,
        instances: fleet.instances,
        requests: load.requests,
        pressure: Math.min(pressure, MAX_PRESSURE),
      },
      fleet.running.length,
    );
  }

  /** Sets the number of copies as the scaler decides. */
  #scale(observation: Observation): void {
    const fleet = this.#fleet;
    const desired = this.#simulation.scaler.observe(observation);
    if (desired === undefined || desired === fleet.desired) return;
    const { now } = observation;
    if (desired > fleet.desired) this.#recorder.copiesRequested(now, desired - fleet.desired);
    fleet.setDesired(desired, now);
  }

  /** Cuts running thoughts that the load no longer grants, the longest first, and no more than necessary. */
  #cutThoughts(now: number): void {
    const copies = this.#copies();
    if (!this.#controller.mayCut(copies)) return;
    const thoughts: DecodingThought[] = [];
    const intervals = {
      renewSeconds: renewSeconds(this.#controller.requests),
      snapshotSeconds: snapshotSeconds(this.#controller.requests),
    };
    this.#fleet.eachDecoding(now, (job, copy) => {
      if (job.elastic && job.callsLeft >= 2) thoughts.push(thoughtOf(job, copy, now, intervals));
    });
    this.#controller.cut(thoughts, copies, ({ job, copy, usedThinking }) => {
      job.endThinking(usedThinking);
      copy.cut(job, now);
    });
  }

  /** Routes the calls that waited for a copy. */
  #routeUnrouted(now: number): void {
    for (let waiting = this.#unrouted.length; waiting > 0; waiting--) {
      const job = this.#unrouted.shift();
      const place = job && this.#fleet.route(job);
      if (job !== undefined && place !== undefined) place.copy.add(job, now, place.cached);
      else if (job !== undefined) this.#unrouted.push(job);
    }
  }

  #copies(): { readonly copies: number; readonly startingCopies: number } {
    return { copies: this.#fleet.running.length, startingCopies: this.#fleet.starting.length };
  }

  #integrate(now: number): void {
    this.#recorder.integrate(now, this.#controller.requests, this.#fleet.running.length);
  }
}

interface DecodingThought extends Thought {
  readonly copy: Copy;
}

/** When running requests look at the load and renew their leases, in seconds. */
interface Intervals {
  readonly renewSeconds: number;
  readonly snapshotSeconds: number;
}

/** The running thought of a job, with its tokens so far and those of the last renewal, each request at its own times. */
function thoughtOf(job: Job, copy: Copy, now: number, intervals: Intervals): DecodingThought {
  const age = now - job.arrivedAt;
  const usedThinking = job.thinkingUntil(copy.tokensOf(job));
  const sinceFirst = now - job.firstTokenAt;
  const sinceRenewal = age % intervals.renewSeconds;
  return {
    job,
    copy,
    key: job.key,
    promptTokens: job.promptTokens,
    limitTokens: job.limitTokens,
    minTokens: job.minTokens,
    reservedTokens: job.reservedTokens,
    usedThinking,
    // As if its speed had been even.
    renewedThinking:
      sinceFirst <= sinceRenewal
        ? 0
        : Math.floor(usedThinking * (1 - sinceRenewal / Math.max(sinceFirst, sinceRenewal))),
    looks: age % intervals.snapshotSeconds < CUT_SECONDS,
    floorThinking: job.floorTokens,
    wantedThinking: job.requestedTokens,
    answerTokens: job.maxAnswerTokens,
  };
}

/** Interval at which running thoughts are checked against the load, in seconds. */
const CUT_SECONDS = 2;

/** Upper bound of the pressure in the timeline: without a copy it is infinite. */
const MAX_PRESSURE = 5;
