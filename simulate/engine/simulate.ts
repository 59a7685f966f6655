import {
  type AdmissionDecision,
  type AdmissionSettings,
  admission,
  defaultAdmission,
} from '../../lambda/policy/admission.ts';
import { committedTokens, reservedTokens } from '../../lambda/policy/committed-tokens.ts';
import { cutLongest } from '../../lambda/policy/cut-longest.ts';
import { defaultElastic, type ElasticSettings, elasticGrant, isOverGrant } from '../../lambda/policy/elastic-grant.ts';
import { expectedTokens, learnUseInPlace, unknownUse } from '../../lambda/policy/expected-use.ts';
import { type Load, pressureOf } from '../../lambda/policy/load.ts';
import { learnSpeed, type SpeedFit, speedAt, speedOfProfile } from '../../lambda/policy/measured-speed.ts';
import { fullStep, type Profile } from '../profile.ts';
import { SAMPLE_SECONDS, type Scaler } from '../scaling/scaler.ts';
import { newArrival, type Traffic } from '../traffic/traffic.ts';
import type { Copy, CopyListener } from './copy.ts';
import { Deque } from './deque.ts';
import { Fleet, type Routing } from './fleet.ts';
import { type Arrival, Job } from './job.ts';
import { type Percentiles, Timeline, type TimelineBin, Times } from './measures.ts';

/** What happens to a request before it reaches a copy. */
export interface Gate {
  /** Absent: every maximum is granted. */
  readonly elastic?: ElasticSettings;
  /** Absent: every request is let in. */
  readonly admission?: AdmissionSettings;
}

/** The gate of a plain endpoint: none. */
export const openGate: Gate = {};
export const elasticGate: Gate = { elastic: defaultElastic, admission: defaultAdmission };
export const fullGate: Gate = { admission: defaultAdmission };

export interface Simulation {
  readonly profile: Profile;
  readonly routing: Routing;
  readonly traffic: Traffic;
  readonly scaler: Scaler;
  readonly gate: Gate;
  /** Copies that run at the first second. */
  readonly initialCopies: number;
  /** What comes before is not measured. Seconds. */
  readonly measureFrom: number;
  /** Instances are paid for, and requests measured, until then. Seconds; `Infinity` until the last request has ended. */
  readonly measureUntil: number;
  /** Of the timeline. Seconds. */
  readonly binSeconds: number;
}

/** What one run gave. Counts and times are of requests that came in the measured time. */
export interface Outcome {
  readonly requests: number;
  readonly completed: number;
  readonly refused: number;
  readonly firstToken: Percentiles;
  /** Until the first token of the answer, so after all thinking. */
  readonly answer: Percentiles;
  /** Until the last token. */
  readonly total: Percentiles;
  readonly gpuHours: number;
  readonly instanceHours: number;
  readonly dollars: number;
  readonly thinking: {
    /** Maxima that were asked for and granted, over all completed requests. Tokens. */
    readonly wanted: number;
    readonly granted: number;
    /** What the model would have thought within the maxima that were asked for, and what it did. Tokens. */
    readonly natural: number;
    readonly done: number;
    /** Requests whose thinking was cut shorter than their own maximum would have. */
    readonly shortened: number;
  };
  readonly answerTokens: number;
  readonly copies: { readonly mean: number; readonly most: number };
  readonly copyStarts: number;
  /** Mean requests in flight, by time. */
  readonly meanRequests: number;
  /** Mean seconds in flight, by request. */
  readonly measuredSeconds: number;
  readonly preemptions: number;
  /** Over the whole run, warm-up included. For the conservation of requests and tokens. */
  readonly whole: {
    readonly arrived: number;
    readonly completed: number;
    readonly refused: number;
    readonly outputTokens: number;
    readonly decodedTokens: number;
    readonly endedAt: number;
  };
  readonly timeline: readonly TimelineBin[];
}

/** Runs until the traffic is over and every request has ended. Deterministic: the same input gives the same outcome. */
export function simulate(simulation: Simulation): Outcome {
  return new Run(simulation).run();
}

/** Context of a request that the first guess of a copy's speed is for. Tokens. */
const USUAL_CONTEXT = 3_000;

class Run implements CopyListener {
  readonly #simulation: Simulation;
  readonly #fleet: Fleet;
  readonly #spare: Job[] = [];
  /** Calls that found no copy. */
  readonly #unrouted = new Deque<Job>();
  readonly #use: number[] = [...unknownUse()];
  readonly #byKey = new Map<number, { reserved: number; requests: number }>();
  readonly #timeline: Timeline;
  readonly #firstToken = new Times();
  readonly #answer = new Times();
  readonly #total = new Times();

  #inFlight = 0;
  #reserved = 0;
  #limits = 0;
  /** Output of the requests in flight, as of the last sample. */
  #usedAtSample = 0;
  #activeKeys = 0;
  #speed: SpeedFit;
  #tokensPerSecond: number;
  #sampledTokens = 0;
  #sampledCopySeconds = 0;
  #arrivalsSinceSample = 0;
  #askedSinceSample = 0;

  #arrived = 0;
  #completed = 0;
  #refused = 0;
  #outputTokens = 0;

  #measured = { requests: 0, completed: 0, refused: 0, shortened: 0 };
  #thinking = { wanted: 0, granted: 0, natural: 0, done: 0 };
  #answerTokens = 0;
  #requestSeconds = 0;
  #copySeconds = 0;
  #mostCopies = 0;
  #copyStarts = 0;
  #lastCount = 0;
  #paidAtStart = 0;
  #preemptionsAtStart = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#fleet = new Fleet(simulation.profile, simulation.routing, this);
    this.#timeline = new Timeline(simulation.binSeconds);
    const full = fullStep(simulation.profile, USUAL_CONTEXT);
    this.#speed = speedOfProfile(simulation.profile.speed.stepSeconds, full);
    this.#tokensPerSecond = speedAt(this.#speed, full.requests);
  }

  run(): Outcome {
    const { traffic, initialCopies, measureFrom, measureUntil } = this.#simulation;
    const fleet = this.#fleet;
    const arrival = newArrival();
    fleet.startWith(initialCopies);
    let nextArrivalAt = traffic.next(arrival) ? arrival.at : Number.POSITIVE_INFINITY;
    let nextSampleAt = SAMPLE_SECONDS;
    let nextLookAt = this.#simulation.gate.elastic?.cut === undefined ? Number.POSITIVE_INFINITY : LOOK_SECONDS;
    let now = 0;
    let started = measureFrom <= 0;
    let paid = -1;

    while (nextArrivalAt < Number.POSITIVE_INFINITY || this.#inFlight > 0) {
      let copyAt = Number.POSITIVE_INFINITY;
      let due: (typeof fleet.running)[number] | undefined;
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
      const next = Math.min(copyAt, nextArrivalAt, nextSampleAt, nextLookAt);
      if (!started && next >= measureFrom) {
        started = true;
        this.#beginMeasuring(measureFrom);
      }
      if (paid < 0 && next > measureUntil) paid = this.#endMeasuring(measureUntil);
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
        nextLookAt += LOOK_SECONDS;
      }
    }
    if (paid < 0) paid = this.#endMeasuring(Math.max(now, measureFrom));
    return this.#outcome(now, paid);
  }

  firstToken(job: Job, now: number): void {
    if (job.firstTokenAt < 0) {
      job.firstTokenAt = now;
      const seconds = now - job.arrivedAt + this.#simulation.profile.callOverheadSeconds;
      this.#timeline.firstToken(seconds);
    }
    if (job.callsLeft === 1 && job.answerAt < 0) job.answerAt = now;
  }

  callEnded(job: Job, now: number): void {
    job.callsLeft -= 1;
    if (job.callsLeft === 0) this.#end(job, now);
    else this.#call(job, now);
  }

  #arrive(arrival: Arrival, now: number): void {
    this.#arrived += 1;
    this.#arrivalsSinceSample += 1;
    this.#askedSinceSample += expectedTokens(
      this.#use,
      arrival.maxThinkingTokens + arrival.maxAnswerTokens,
      arrival.minThinkingTokens,
    );
    const measured = this.#isMeasured(now);
    if (measured) this.#measured.requests += 1;
    const { gate } = this.#simulation;
    const load = this.#load();
    const key = this.#keyOf(arrival.key);
    const keyLoad = { reservedTokens: key.reserved, activeKeys: this.#activeKeys + (key.requests === 0 ? 1 : 0) };
    const capacity = this.#capacity();

    if (gate.admission !== undefined) {
      const answer: AdmissionDecision = admission(
        load,
        capacity,
        keyLoad,
        gate.admission,
        this.#fleet.nextReadyAt - now,
      );
      if (answer.kind === 'refuse') {
        this.#refused += 1;
        if (measured) this.#measured.refused += 1;
        return;
      }
    }
    const granted =
      gate.elastic !== undefined && arrival.elastic
        ? elasticGrant(
            { floorTokens: arrival.floorTokens, ceilingTokens: arrival.maxThinkingTokens },
            load,
            capacity,
            keyLoad,
            gate.elastic,
          )
        : arrival.maxThinkingTokens;
    this.#timeline.arrival(arrival.maxThinkingTokens, granted);

    const job = this.#spare.pop() ?? new Job();
    job.arrivedAt = now;
    job.firstTokenAt = -1;
    job.answerAt = -1;
    job.copy = -1;
    job.key = arrival.key;
    job.wantedTokens = arrival.maxThinkingTokens;
    job.grantedTokens = granted;
    job.naturalThinkingTokens = Math.max(
      Math.min(arrival.naturalThinkingTokens, arrival.maxThinkingTokens),
      arrival.minThinkingTokens,
    );
    job.thinkingTokens = Math.min(job.naturalThinkingTokens, granted);
    job.answerTokens = Math.min(arrival.answerTokens, arrival.maxAnswerTokens);
    job.promptTokens = arrival.promptTokens;
    const grant = {
      promptTokens: arrival.promptTokens,
      limitTokens: granted + arrival.maxAnswerTokens,
      minTokens: arrival.minThinkingTokens,
    };
    job.elastic = arrival.elastic;
    job.floorTokens = arrival.floorTokens;
    job.limitTokens = committedTokens(grant, 0);
    job.reservedTokens = reservedTokens(grant, this.#use);
    job.contextTokens = arrival.promptTokens;
    job.thinkingLeft = job.thinkingTokens;
    const calls = job.thinkingTokens > 0 ? Math.min(arrival.thinkingCalls, job.thinkingTokens) : 0;
    job.callsLeft = calls + (job.answerTokens > 0 ? 1 : 0);

    this.#count(now);
    this.#inFlight += 1;
    this.#reserved += job.reservedTokens;
    this.#limits += job.limitTokens;
    if (key.requests === 0) this.#activeKeys += 1;
    key.requests += 1;
    key.reserved += job.reservedTokens;
    this.#call(job, now);
  }

  /** Sends a request's next call to a copy. */
  #call(job: Job, now: number): void {
    if (job.callsLeft === 1 && job.answerTokens > 0) {
      job.tokensLeft = job.answerTokens;
    } else {
      // Equal parts; the last one takes what is left.
      const thinkingCalls = job.callsLeft - (job.answerTokens > 0 ? 1 : 0);
      job.tokensLeft = thinkingCalls === 1 ? job.thinkingLeft : Math.floor(job.thinkingLeft / thinkingCalls);
      job.thinkingLeft -= job.tokensLeft;
    }
    const place = this.#fleet.route(job);
    if (place === undefined) this.#unrouted.push(job);
    else place.copy.add(job, now, place.cached);
  }

  #end(job: Job, now: number): void {
    const output = job.thinkingTokens + job.answerTokens;
    this.#count(now);
    this.#inFlight -= 1;
    this.#reserved -= job.reservedTokens;
    this.#limits -= job.limitTokens;
    this.#usedAtSample = Math.max(0, this.#usedAtSample - output);
    if (this.#inFlight === 0) {
      this.#reserved = 0;
      this.#limits = 0;
      this.#usedAtSample = 0;
    }
    const key = this.#keyOf(job.key);
    key.requests -= 1;
    key.reserved = key.requests === 0 ? 0 : key.reserved - job.reservedTokens;
    if (key.requests === 0) this.#activeKeys -= 1;
    learnUseInPlace(this.#use, job.limitTokens, output);
    this.#completed += 1;
    this.#outputTokens += output;
    if (this.#isMeasured(job.arrivedAt)) this.#measure(job, now);
    this.#spare.push(job);
  }

  #measure(job: Job, now: number): void {
    const overhead = this.#simulation.profile.callOverheadSeconds;
    this.#measured.completed += 1;
    this.#firstToken.add(job.firstTokenAt - job.arrivedAt + overhead);
    // One call more than until the first token.
    const answerAt = job.answerAt < 0 ? now : job.answerAt;
    this.#answer.add(answerAt - job.arrivedAt + overhead * (job.thinkingTokens > 0 ? 2 : 1));
    this.#total.add(now - job.arrivedAt + overhead * 2);
    this.#thinking.wanted += job.wantedTokens;
    this.#thinking.granted += job.grantedTokens;
    this.#thinking.natural += job.naturalThinkingTokens;
    this.#thinking.done += job.thinkingTokens;
    this.#answerTokens += job.answerTokens;
    if (job.thinkingTokens < job.naturalThinkingTokens) this.#measured.shortened += 1;
  }

  #sample(now: number): void {
    const fleet = this.#fleet;
    this.#count(now);
    if (fleet.ready(now) > 0) this.#house(now);
    fleet.release(now);
    const decoded = fleet.decodedTokens(now);
    this.#usedAtSample = Math.max(0, decoded - this.#outputTokens);
    const tokens = decoded - this.#sampledTokens;
    const load = this.#load();
    const pressure = pressureOf(load, this.#capacity());
    const requestsPerCopy = this.#inFlight / Math.max(1, fleet.running.length);
    if (pressure > 0 && pressure <= FULL_PRESSURE) {
      const look = { tokens, copySeconds: this.#sampledCopySeconds, requestsPerCopy };
      this.#speed = learnSpeed(this.#speed, look);
      this.#tokensPerSecond = speedAt(this.#speed, (requestsPerCopy * FULL_PRESSURE) / pressure);
    }
    const wanted = this.#simulation.scaler.observe({
      now,
      load,
      capacity: this.#capacity(),
      arrivals: this.#arrivalsSinceSample,
      askedTokens: this.#askedSinceSample,
    });
    if (wanted !== undefined && wanted !== fleet.desired) {
      if (wanted > fleet.desired && this.#isMeasured(now)) this.#copyStarts += wanted - fleet.desired;
      fleet.setDesired(wanted, now);
    }
    if (this.#isMeasured(now)) this.#mostCopies = Math.max(this.#mostCopies, fleet.running.length);
    this.#timeline.sample(now, {
      copies: load.copies,
      startingCopies: load.startingCopies,
      instances: fleet.instances,
      requests: load.requests,
      pressure: Math.min(pressure, MAX_PRESSURE),
    });
    this.#sampledTokens = decoded;
    this.#sampledCopySeconds = fleet.running.length * SAMPLE_SECONDS;
    this.#arrivalsSinceSample = 0;
    this.#askedSinceSample = 0;
  }

  /** Thoughts under way end where the load grants them no more, the longest first, as many as have to. */
  #cutThoughts(now: number): void {
    const { elastic } = this.#simulation.gate;
    const from = elastic?.cut?.shrinkFrom ?? Number.POSITIVE_INFINITY;
    if (elastic === undefined || pressureOf(this.#load(), this.#capacity()) <= from) return;
    const thinking: { readonly job: Job; readonly copy: Copy; readonly used: number }[] = [];
    this.#fleet.eachDecoding(now, (job, copy) => {
      if (!job.elastic || job.callsLeft < 2) return;
      const used = job.thinkingTokens - job.thinkingLeft - job.tokensLeft + copy.tokensOf(job);
      thinking.push({ job, copy, used });
    });
    const isOver = ({ job, used }: (typeof thinking)[number]) => {
      const request = { floorTokens: job.floorTokens, ceilingTokens: job.wantedTokens };
      const key = { reservedTokens: this.#keyOf(job.key).reserved, activeKeys: this.#activeKeys };
      return isOverGrant(request, used, this.#load(), this.#capacity(), key, elastic);
    };
    const partOf = ({ job, used }: (typeof thinking)[number]) => used / job.wantedTokens;
    cutLongest(thinking, partOf, isOver, ({ job, copy, used }) => {
      const less = Math.max(0, job.grantedTokens - used);
      job.thinkingTokens = used;
      job.thinkingLeft = 0;
      job.grantedTokens = used;
      job.callsLeft = 2;
      // What it will not use counts no more.
      this.#limits -= less;
      job.limitTokens -= less;
      const reserved = job.promptTokens + Math.min(job.reservedTokens - job.promptTokens, used + job.answerTokens);
      this.#reserved -= job.reservedTokens - reserved;
      this.#keyOf(job.key).reserved -= job.reservedTokens - reserved;
      job.reservedTokens = reserved;
      copy.cut(job, now);
    });
  }

  /** Calls that waited for a copy go to those that there are now. */
  #house(now: number): void {
    for (let waiting = this.#unrouted.length; waiting > 0; waiting--) {
      const job = this.#unrouted.shift();
      const place = job && this.#fleet.route(job);
      if (job !== undefined && place !== undefined) place.copy.add(job, now, place.cached);
      else if (job !== undefined) this.#unrouted.push(job);
    }
  }

  #load(): Load {
    return {
      copies: this.#fleet.running.length,
      startingCopies: this.#fleet.starting.length,
      requests: this.#inFlight,
      reservedTokens: this.#reserved,
      committedTokens: committedTokens({ limitTokens: this.#limits }, this.#usedAtSample),
    };
  }

  #capacity() {
    const { cacheTokens, maxSequences } = this.#simulation.profile.speed;
    return { cacheTokens, maxRequests: maxSequences, tokensPerSecond: this.#tokensPerSecond };
  }

  #keyOf(key: number): { reserved: number; requests: number } {
    let found = this.#byKey.get(key);
    if (found === undefined) {
      found = { reserved: 0, requests: 0 };
      this.#byKey.set(key, found);
    }
    return found;
  }

  #isMeasured(at: number): boolean {
    return at >= this.#simulation.measureFrom && at < this.#simulation.measureUntil;
  }

  /** Adds up requests and copies over time. */
  #count(now: number): void {
    const from = Math.max(this.#lastCount, this.#simulation.measureFrom);
    const until = Math.min(now, this.#simulation.measureUntil);
    if (until > from) {
      this.#requestSeconds += (until - from) * this.#inFlight;
      this.#copySeconds += (until - from) * this.#fleet.running.length;
    }
    this.#lastCount = now;
  }

  #beginMeasuring(now: number): void {
    this.#paidAtStart = this.#fleet.paidUntil(now);
    this.#preemptionsAtStart = this.#fleet.preemptions(now);
  }

  #endMeasuring(now: number): number {
    return this.#fleet.paidUntil(now) - this.#paidAtStart;
  }

  #outcome(now: number, paidSeconds: number): Outcome {
    const { profile, measureFrom, measureUntil } = this.#simulation;
    const seconds = Math.max(1e-9, Math.min(now, measureUntil) - measureFrom);
    const instanceHours = paidSeconds / 3_600;
    return {
      requests: this.#measured.requests,
      completed: this.#measured.completed,
      refused: this.#measured.refused,
      firstToken: this.#firstToken.percentiles(),
      answer: this.#answer.percentiles(),
      total: this.#total.percentiles(),
      gpuHours: instanceHours * profile.gpusPerInstance,
      instanceHours,
      dollars: instanceHours * profile.dollarsPerInstanceHour,
      thinking: { ...this.#thinking, shortened: this.#measured.shortened },
      answerTokens: this.#answerTokens,
      copies: { mean: this.#copySeconds / seconds, most: this.#mostCopies },
      copyStarts: this.#copyStarts,
      meanRequests: this.#requestSeconds / seconds,
      measuredSeconds: seconds,
      preemptions: this.#fleet.preemptions(now) - this.#preemptionsAtStart,
      whole: {
        arrived: this.#arrived,
        completed: this.#completed,
        refused: this.#refused,
        outputTokens: this.#outputTokens,
        decodedTokens: this.#fleet.decodedTokens(now),
        endedAt: now,
      },
      timeline: this.#timeline.bins,
    };
  }
}

/** Functions look at the load so often while their requests think. */
const LOOK_SECONDS = 2;

/** Where copies are full, so that requests begin to wait. */
const FULL_PRESSURE = defaultAdmission.fullAt;

/** Without a copy the pressure has no end; a plot has. */
const MAX_PRESSURE = 5;
