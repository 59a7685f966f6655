import { admission } from '../../lambda/policy/admission.ts';
import { cutLongest } from '../../lambda/policy/cut-longest.ts';
import { type ElasticSettings, elasticGrant, isOverGrant } from '../../lambda/policy/elastic-grant.ts';
import { type Load, pressureOf } from '../../lambda/policy/load.ts';
import type { Profile } from '../profile.ts';
import { SAMPLE_SECONDS, type Scaler } from '../scaling/scaler.ts';
import { newArrival, type Traffic } from '../traffic/traffic.ts';
import type { Copy, CopyListener } from './copy.ts';
import { Deque } from './deque.ts';
import { Fleet, type Routing } from './fleet.ts';
import type { Gate } from './gate.ts';
import { type Arrival, Job } from './job.ts';
import { MeasuredCapacity } from './measured-capacity.ts';
import { type MeasuredTime, type Outcome, OutcomeRecorder } from './outcome.ts';
import { RequestsInFlight } from './requests-in-flight.ts';

export interface Simulation extends MeasuredTime {
  readonly profile: Profile;
  readonly routing: Routing;
  readonly traffic: Traffic;
  readonly scaler: Scaler;
  readonly gate: Gate;
  /** Copies that run at the start. */
  readonly initialCopies: number;
}

/** Runs until the traffic is over and every request has ended. Deterministic: the same input gives the same outcome. */
export function simulate(simulation: Simulation): Outcome {
  return new Run(simulation).run();
}

/** The event loop of one run: arrivals, copies, samples for the scaler, and cuts of running thoughts. */
class Run implements CopyListener {
  readonly #simulation: Simulation;
  readonly #fleet: Fleet;
  readonly #recorder: OutcomeRecorder;
  readonly #capacity: MeasuredCapacity;
  readonly #inFlight = new RequestsInFlight();
  /** Ended jobs, to be reused. */
  readonly #free: Job[] = [];
  /** Calls that found no copy. */
  readonly #unrouted = new Deque<Job>();
  #sampledTokens = 0;
  #sampledCopySeconds = 0;
  #arrivalsSinceSample = 0;
  #expectedTokensSinceSample = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#fleet = new Fleet(simulation.profile, simulation.routing, this);
    this.#recorder = new OutcomeRecorder(simulation, simulation.profile);
    this.#capacity = new MeasuredCapacity(simulation.profile);
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
    let begun = measureFrom <= 0;
    let ended = false;

    while (nextArrivalAt < Number.POSITIVE_INFINITY || this.#inFlight.count > 0) {
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
      const next = Math.min(copyAt, nextArrivalAt, nextSampleAt, nextCutAt);
      if (!begun && next >= measureFrom) {
        begun = true;
        recorder.begin(fleet, measureFrom);
      }
      if (!ended && next > measureUntil) {
        ended = true;
        recorder.end(fleet, measureUntil);
      }
      now = next;
      if (due !== undefined && copyAt === next) {
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
    const { gate } = this.#simulation;
    this.#recorder.arrived(now);
    this.#arrivalsSinceSample += 1;
    this.#expectedTokensSinceSample += this.#inFlight.expectedTokens(arrival);
    const load = this.#load();
    const key = this.#inFlight.keyLoad(arrival.key);
    const capacity = this.#capacity.current;
    if (gate.admission !== undefined) {
      const decision = admission(load, capacity, key, gate.admission, this.#fleet.nextReadyAt - now);
      if (decision.kind === 'refuse') {
        this.#recorder.refused(now);
        return;
      }
    }
    const granted =
      gate.elastic !== undefined && arrival.elastic
        ? elasticGrant(
            { floorTokens: arrival.floorTokens, ceilingTokens: arrival.maxThinkingTokens },
            load,
            capacity,
            key,
            gate.elastic,
          )
        : arrival.maxThinkingTokens;
    this.#recorder.admitted(arrival.maxThinkingTokens, granted);
    const job = this.#free.pop() ?? new Job();
    job.begin(arrival, granted, now);
    this.#integrate(now);
    this.#inFlight.add(job, arrival);
    this.#call(job, now);
  }

  /** Routes the next call of a request to a copy. */
  #call(job: Job, now: number): void {
    job.nextCall();
    const place = this.#fleet.route(job);
    if (place === undefined) this.#unrouted.push(job);
    else place.copy.add(job, now, place.cached);
  }

  #end(job: Job, now: number): void {
    this.#integrate(now);
    this.#inFlight.remove(job, job.thinkingTokens + job.answerTokens);
    this.#recorder.ended(job, now);
    this.#free.push(job);
  }

  #sample(now: number): void {
    const fleet = this.#fleet;
    this.#integrate(now);
    if (fleet.ready(now) > 0) this.#routeUnrouted(now);
    fleet.release(now);
    const decoded = fleet.decodedTokens(now);
    this.#inFlight.sample(decoded - this.#recorder.outputTokens);
    const load = this.#load();
    const pressure = pressureOf(load, this.#capacity.current);
    this.#capacity.learn(
      {
        tokens: decoded - this.#sampledTokens,
        copySeconds: this.#sampledCopySeconds,
        requestsPerCopy: load.requests / Math.max(1, load.copies),
      },
      pressure,
    );
    this.#scale(now, load);
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
    this.#sampledTokens = decoded;
    this.#sampledCopySeconds = fleet.running.length * SAMPLE_SECONDS;
    this.#arrivalsSinceSample = 0;
    this.#expectedTokensSinceSample = 0;
  }

  /** Sets the number of copies as the scaler decides. */
  #scale(now: number, load: Load): void {
    const fleet = this.#fleet;
    const desired = this.#simulation.scaler.observe({
      now,
      load,
      capacity: this.#capacity.current,
      arrivals: this.#arrivalsSinceSample,
      askedTokens: this.#expectedTokensSinceSample,
    });
    if (desired === undefined || desired === fleet.desired) return;
    if (desired > fleet.desired) this.#recorder.copiesRequested(now, desired - fleet.desired);
    fleet.setDesired(desired, now);
  }

  /** Cuts running thoughts that the load no longer grants, the longest first, and no more than necessary. */
  #cutThoughts(now: number): void {
    const { elastic } = this.#simulation.gate;
    const from = elastic?.cut?.shrinkFrom ?? Number.POSITIVE_INFINITY;
    if (elastic === undefined || pressureOf(this.#load(), this.#capacity.current) <= from) return;
    const thoughts: Thought[] = [];
    this.#fleet.eachDecoding(now, (job, copy) => {
      if (job.elastic && job.callsLeft >= 2) thoughts.push({ job, copy, used: job.thinkingUntil(copy.tokensOf(job)) });
    });
    const partOf = ({ job, used }: Thought) => used / job.requestedTokens;
    cutLongest(
      thoughts,
      partOf,
      (thought) => this.#isOver(thought, elastic),
      ({ job, copy, used }) => {
        this.#inFlight.cut(job, used);
        job.endThinking(used);
        copy.cut(job, now);
      },
    );
  }

  #isOver({ job, used }: Thought, elastic: ElasticSettings): boolean {
    const request = { floorTokens: job.floorTokens, ceilingTokens: job.requestedTokens };
    const key = this.#inFlight.keyLoad(job.key);
    return isOverGrant(request, used, this.#load(), this.#capacity.current, key, elastic);
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

  #load(): Load {
    return this.#inFlight.load(this.#fleet.running.length, this.#fleet.starting.length);
  }

  #integrate(now: number): void {
    this.#recorder.integrate(now, this.#inFlight.count, this.#fleet.running.length);
  }
}

/** A thought that a copy is decoding, and its tokens so far. */
interface Thought {
  readonly job: Job;
  readonly copy: Copy;
  readonly used: number;
}

/** Interval at which running thoughts are checked against the load, in seconds. */
const CUT_SECONDS = 2;

/** Upper bound of the pressure in the timeline: without a copy it is infinite. */
const MAX_PRESSURE = 5;
