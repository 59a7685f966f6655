import type { Profile } from '../profile.ts';
import type { Fleet } from './fleet.ts';
import type { Job } from './job.ts';
import { type Percentiles, Timeline, type TimelineBin, Times } from './measures.ts';

/**
 * Result of one run. Counts and times cover the requests that arrived in the measured time. The fields are those of the
 * results.json that `budgetforce simulate` writes.
 */
export interface Outcome {
  readonly requests: number;
  readonly completed: number;
  readonly refused: number;
  readonly firstToken: Percentiles;
  /** Share of the completed requests whose first token met the objective, 0 to 1. */
  readonly onTime: number;
  /** Time to the first token of the answer, so after all thinking. */
  readonly answer: Percentiles;
  /** Time to the last token. */
  readonly total: Percentiles;
  readonly gpuHours: number;
  readonly instanceHours: number;
  readonly dollars: number;
  readonly thinking: {
    /** Requested and granted maxima of all completed requests, in tokens. */
    readonly wanted: number;
    readonly granted: number;
    /** Thinking that the model would have done within the requested maxima, and that it did, in tokens. */
    readonly natural: number;
    readonly done: number;
    /** Requests that got less thinking than their own maximum allowed. */
    readonly shortened: number;
  };
  readonly answerTokens: number;
  /** Running copies: the time average and the maximum. */
  readonly copies: { readonly mean: number; readonly most: number };
  readonly copyStarts: number;
  /** Requests in flight, averaged over time. */
  readonly meanRequests: number;
  /** Length of the measured time, in seconds. */
  readonly measuredSeconds: number;
  readonly preemptions: number;
  /** Totals of the whole run, including the warm-up, to check the conservation of requests and tokens. */
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

/** Objective for the first token of a request: at most `seconds + secondsPerPromptToken × prompt`. */
export interface FirstTokenObjective {
  readonly seconds: number;
  readonly secondsPerPromptToken: number;
}

/** When a run is measured, and in which resolution. */
export interface MeasuredTime {
  /** End of the warm-up, in seconds. */
  readonly measureFrom: number;
  /** End of the measurement and of the billing, in seconds. `Infinity` measures until the last request has ended. */
  readonly measureUntil: number;
  /** Bin width of the timeline, in seconds. */
  readonly binSeconds: number;
  /** @default - every request is on time */
  readonly objective?: FirstTokenObjective | undefined;
}

/** Measures a run. */
export class OutcomeRecorder {
  outputTokens = 0;
  readonly #from: number;
  readonly #until: number;
  readonly #overheadSeconds: number;
  readonly #objective: FirstTokenObjective;
  readonly #timeline: Timeline;
  readonly #firstToken = new Times();
  readonly #answer = new Times();
  readonly #total = new Times();
  readonly #measured = { requests: 0, completed: 0, refused: 0, shortened: 0 };
  readonly #thinking = { wanted: 0, granted: 0, natural: 0, done: 0 };
  #onTime = 0;
  #arrived = 0;
  #completed = 0;
  #refused = 0;
  #answerTokens = 0;
  #requestSeconds = 0;
  #copySeconds = 0;
  #maxCopies = 0;
  #copyStarts = 0;
  #integratedUntil = 0;
  #paidAtStart = 0;
  #paidSeconds: number | undefined;
  #preemptionsAtStart = 0;

  constructor({ measureFrom, measureUntil, binSeconds, objective }: MeasuredTime, profile: Profile) {
    this.#objective = objective ?? { seconds: Number.POSITIVE_INFINITY, secondsPerPromptToken: 0 };
    this.#from = measureFrom;
    this.#until = measureUntil;
    this.#overheadSeconds = profile.callOverheadSeconds;
    this.#timeline = new Timeline(binSeconds);
  }

  isMeasured(at: number): boolean {
    return at >= this.#from && at < this.#until;
  }

  arrived(now: number): void {
    this.#arrived += 1;
    if (this.isMeasured(now)) this.#measured.requests += 1;
  }

  refused(now: number): void {
    this.#refused += 1;
    if (this.isMeasured(now)) this.#measured.refused += 1;
  }

  admitted(requestedTokens: number, grantedTokens: number): void {
    this.#timeline.arrival(requestedTokens, grantedTokens);
  }

  firstToken(job: Job, now: number): void {
    this.#timeline.firstToken(now - job.arrivedAt + this.#overheadSeconds);
  }

  ended(job: Job, now: number): void {
    this.#completed += 1;
    this.outputTokens += job.thinkingTokens + job.answerTokens;
    if (!this.isMeasured(job.arrivedAt)) return;
    const overhead = this.#overheadSeconds;
    this.#measured.completed += 1;
    const firstToken = job.firstTokenAt - job.arrivedAt + overhead;
    this.#firstToken.add(firstToken);
    const { seconds, secondsPerPromptToken } = this.#objective;
    if (firstToken <= seconds + secondsPerPromptToken * job.promptTokens) this.#onTime += 1;
    // The answer takes one more call than the first token if there is thinking.
    const answerAt = job.answerAt < 0 ? now : job.answerAt;
    this.#answer.add(answerAt - job.arrivedAt + overhead * (job.thinkingTokens > 0 ? 2 : 1));
    this.#total.add(now - job.arrivedAt + overhead * 2);
    this.#thinking.wanted += job.requestedTokens;
    this.#thinking.granted += job.grantedTokens;
    this.#thinking.natural += job.naturalThinkingTokens;
    this.#thinking.done += job.thinkingTokens;
    this.#answerTokens += job.answerTokens;
    if (job.thinkingTokens < job.naturalThinkingTokens) this.#measured.shortened += 1;
  }

  /** Integrates requests and copies over time. Call it before either changes. */
  integrate(now: number, requests: number, copies: number): void {
    const from = Math.max(this.#integratedUntil, this.#from);
    const until = Math.min(now, this.#until);
    if (until > from) {
      this.#requestSeconds += (until - from) * requests;
      this.#copySeconds += (until - from) * copies;
    }
    this.#integratedUntil = now;
  }

  copiesRequested(now: number, copies: number): void {
    if (this.isMeasured(now)) this.#copyStarts += copies;
  }

  sample(now: number, state: Parameters<Timeline['sample']>[1], runningCopies: number): void {
    if (this.isMeasured(now)) this.#maxCopies = Math.max(this.#maxCopies, runningCopies);
    this.#timeline.sample(now, state);
  }

  /** Call it at the end of the warm-up. */
  begin(fleet: Fleet, now: number): void {
    this.#paidAtStart = fleet.paidUntil(now);
    this.#preemptionsAtStart = fleet.preemptions(now);
  }

  /** Ends the billing. Later calls do nothing. */
  end(fleet: Fleet, now: number): void {
    this.#paidSeconds ??= fleet.paidUntil(now) - this.#paidAtStart;
  }

  outcome(fleet: Fleet, profile: Profile, now: number): Outcome {
    const seconds = Math.max(1e-9, Math.min(now, this.#until) - this.#from);
    const instanceHours = (this.#paidSeconds ?? 0) / 3_600;
    return {
      requests: this.#measured.requests,
      completed: this.#measured.completed,
      refused: this.#measured.refused,
      firstToken: this.#firstToken.percentiles(),
      onTime: this.#onTime / Math.max(1, this.#measured.completed),
      answer: this.#answer.percentiles(),
      total: this.#total.percentiles(),
      gpuHours: instanceHours * profile.gpusPerInstance,
      instanceHours,
      dollars: instanceHours * profile.dollarsPerInstanceHour,
      thinking: { ...this.#thinking, shortened: this.#measured.shortened },
      answerTokens: this.#answerTokens,
      copies: { mean: this.#copySeconds / seconds, most: this.#maxCopies },
      copyStarts: this.#copyStarts,
      meanRequests: this.#requestSeconds / seconds,
      measuredSeconds: seconds,
      preemptions: fleet.preemptions(now) - this.#preemptionsAtStart,
      whole: {
        arrived: this.#arrived,
        completed: this.#completed,
        refused: this.#refused,
        outputTokens: this.outputTokens,
        decodedTokens: fleet.decodedTokens(now),
        endedAt: now,
      },
      timeline: this.#timeline.bins,
    };
  }
}
