import { decideVote, type VoteDecision, type VoteUntil, votesNeeded } from '../forcing/vote-rule.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import { AnswerReader } from './answer-reader.ts';
import type { GenerationEvent } from './generation.ts';
import { type Ballot, majorityVote, type Vote } from './majority.ts';

/** Measure of the confidence by which votes are weighted. */
export const VOTE_MEASURE = 'min_token';

/** How the samples of a request vote. */
export interface VoteOptions {
  /** When the vote ends although samples are left. If omitted, every sample runs and votes. */
  readonly until?: VoteUntil | undefined;
  /** Whether a vote counts as much as its sample is confident. If false, each counts 1. */
  readonly weighted: boolean;
}

/** A vote so far. */
export interface VoteState extends Vote {
  readonly started: number;
  readonly finished: number;
  /** Samples that were started and not finished when the vote was decided. */
  readonly aborted: number;
  /** `undefined` while the vote runs. `deadline`: the time of the request was over. */
  readonly decidedBy: VoteDecision | 'deadline' | undefined;
}

/** Starts a sample. It ends early if `signal` aborts. */
export type StartSample = (index: number, signal: AbortSignal) => AsyncGenerator<GenerationEvent>;

interface RunningSample {
  readonly events: AsyncGenerator<GenerationEvent>;
  readonly reader: AnswerReader;
  readonly abort: AbortController;
  pending: Promise<{ readonly index: number; readonly result: IteratorResult<GenerationEvent, void> }>;
  text: string;
}

/**
 * The vote of a request's samples. Samples start in waves: each has as many as can decide the vote at the earliest, and the next one
 * starts as soon as the running samples alone cannot. Once the vote is decided, running samples are aborted.
 */
export class RunningVote {
  readonly #samples: number;
  readonly #options: VoteOptions;
  readonly #tools: ToolUse | undefined;
  readonly #running = new Map<number, RunningSample>();
  readonly #ballots: Ballot[] = [];
  #started = 0;
  #aborted = 0;
  #decidedBy: VoteState['decidedBy'];

  /** @param tools tools of the request, whose calls are not part of an answer's text */
  constructor(samples: number, options: VoteOptions, tools: ToolUse | undefined) {
    this.#samples = samples;
    this.#options = options;
    this.#tools = tools;
  }

  get weighted(): boolean {
    return this.#options.weighted;
  }

  get state(): VoteState {
    return {
      ...majorityVote(this.#ballots),
      started: this.#started,
      finished: this.#ballots.length,
      aborted: this.#aborted,
      decidedBy: this.#decidedBy,
    };
  }

  /**
   * Runs the samples and yields their events as they come, with the index of their sample.
   *
   * @param isOver whether the time of the request is over: the finished samples then decide
   */
  async *events(
    start: StartSample,
    isOver: () => boolean,
  ): AsyncGenerator<{ readonly index: number; readonly value: GenerationEvent }, void, undefined> {
    try {
      this.#fill(start);
      while (this.#running.size > 0) {
        const next = await this.#next(isOver);
        if (next === undefined) break;
        const { index, value } = next;
        if (value.kind === 'done') this.#count(index, value);
        yield next;
        if (value.kind !== 'done') continue;
        await this.#end(index);
        if (this.#decidedBy !== undefined) break;
        if (isOver()) {
          if (this.#running.size === 0) this.#decidedBy = 'deadline';
        } else {
          this.#fill(start);
        }
      }
    } finally {
      await this.#stop();
    }
  }

  /** The next event of any sample. `undefined` if the time is over and finished samples decide. */
  async #next(isOver: () => boolean) {
    try {
      const { index, result } = await Promise.race([...this.#running.values()].map(({ pending }) => pending));
      const sample = this.#running.get(index);
      if (sample === undefined || result.done === true) throw new Error(`Sample ${index} ended without an account.`);
      if (result.value.kind !== 'done') sample.pending = read(index, sample.events);
      for (const piece of sample.reader.take(result.value)) if (piece.kind === 'text') sample.text += piece.text;
      return { index, value: result.value };
    } catch (error) {
      if (this.#ballots.length === 0 || !isOver()) throw error;
      this.#decidedBy = 'deadline';
      return undefined;
    }
  }

  /** If the running samples alone cannot decide the vote, starts as many as could. */
  #fill(start: StartSample): void {
    const { counts } = majorityVote(this.#ballots);
    const needed = votesNeeded(counts, this.#samples - this.#ballots.length, this.#options.until);
    if (this.#running.size >= needed) return;
    const wave = Math.min(needed, this.#samples - this.#started);
    for (let count = 0; count < wave; count++) {
      const index = this.#started++;
      const abort = new AbortController();
      const events = start(index, abort.signal);
      const reader = new AnswerReader({ excludeThinking: true, tools: this.#tools, whole: true });
      this.#running.set(index, { events, reader, abort, pending: read(index, events), text: '' });
    }
  }

  /** Counts the vote of a finished sample. If the vote is decided, aborts the others at once. */
  #count(index: number, done: Extract<GenerationEvent, { kind: 'done' }>): void {
    const text = this.#running.get(index)?.text ?? '';
    const weight = this.#options.weighted ? (done.report.gateConfidence ?? 1) : 1;
    this.#ballots.push({ index, text, weight });
    const { counts } = majorityVote(this.#ballots);
    this.#decidedBy = decideVote(counts, this.#samples - this.#ballots.length, this.#options.until);
    if (this.#decidedBy === undefined) return;
    for (const [other, { abort }] of this.#running) if (other !== index) abort.abort(decided());
  }

  /** Ends the generator of a finished sample, which then settles its account. */
  async #end(index: number): Promise<void> {
    const sample = this.#running.get(index);
    this.#running.delete(index);
    await sample?.events.return(undefined);
  }

  /** Aborts the running samples. Resolves when their accounts are settled. */
  async #stop(): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    if (this.#decidedBy !== undefined) this.#aborted = running.length;
    for (const { abort } of running) abort.abort(decided());
    await Promise.allSettled(running.map(({ pending }) => pending));
    await Promise.allSettled(running.map(({ events }) => events.return(undefined)));
  }
}

function decided(): DOMException {
  return new DOMException('The vote is over.', 'AbortError');
}

function read(index: number, events: AsyncGenerator<GenerationEvent>): RunningSample['pending'] {
  const pending = events.next().then((result) => ({ index, result }));
  // A failure is handled when it is this event's turn.
  pending.catch(() => undefined);
  return pending;
}
