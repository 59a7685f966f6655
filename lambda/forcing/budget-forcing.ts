import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { FormatIds } from './format.ts';
import { endsInLoop } from './loops.ts';
import type { EndReason, ForcingEvent, ForcingReport, Limits, MinimumMissed } from './report.ts';
import { TextGate } from './text-gate.ts';

/** What a request is, once its limits are settled (`settleLimits`) and its text is ids. */
export interface ForcingPlan {
  /** The conversation up to the assistant's turn, the thinking not yet opened. At least one id. */
  readonly promptIds: readonly number[];
  readonly format: FormatIds;
  readonly limits: Limits;
  /** What is appended where an end is suppressed: "Wait" in the ids of the model. At least one id where `waits` > 0. */
  readonly wait: { readonly ids: readonly number[]; readonly text: string };
  /** The window of the model: prompt and completion together. Tokens. */
  readonly contextTokens: number;
  /** The most thinking and answer tokens together. What only delimits them is not counted. */
  readonly maxCompletionTokens?: number;
  /** The caller's `stop`: text that ends the answer, and is not part of it. */
  readonly stopTexts?: readonly string[];
  /**
   * From this share of the maximum on, thinking ends where a sentence or a line does (never below the minimum), so that the hard cut at the
   * maximum is rare. 0 to 1; absent: only the hard cut.
   */
  readonly softLanding?: number;
  /** Whether a thought that goes round in circles is cut (never below the minimum). */
  readonly detectLoops?: boolean;
  /** Makes text from ids. Absent: the server's text is used. */
  readonly newDecoder?: () => StreamDecoder;
}

/** The segment to run next. The caller adds sampling. */
export interface NextSegment {
  readonly part: 'thinking' | 'answer';
  readonly promptIds: readonly number[];
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly stopTokenIds: readonly number[];
}

/** Text that is certain. `forced`: it was not sampled. */
export interface Emission {
  readonly part: 'thinking' | 'answer';
  readonly text: string;
  readonly forced: boolean;
}

/** A piece of a segment, of any size. */
export interface SegmentPiece {
  readonly tokenIds: readonly number[];
  readonly text: string;
}

/** The end of a line, or of a sentence: not the point of a number ("3.") nor one letter's ("e.g."). */
const SENTENCE_END = /(\n|[\p{L})\]"'*_$}]{2}[.!?…]["')\]*]*|[。！？])[ ]?$/u;

/** As much of a text's end as a sentence's end needs. */
const tailOf = (text: string): string => text.slice(-8);

/** How often a server may end a masked segment too early before the minimum is given up. */
const MASK_FAILURES_ALLOWED = 2;

/**
 * Budget forcing as a state machine over one growing list of token ids. It decides; it runs nothing.
 *
 * ```text
 *            ┌── end below the minimum: "Wait", or the end masked ──┐
 *            ▼                                                      │
 *  begin ─ thinking ──── end by the model ──► openAnswer ──┐        │
 *            │  └───────────────────────────────────────────────────┘
 *            └── at the maximum, or cut() ──► forceAnswer ──┴─► answer ─► done
 * ```
 *
 * The loop of the caller: `next()` names a segment; `push()` takes what came of it; `segmentEnded()` when it is over, or
 * `segmentBroke()` when the call died; until `next()` gives `undefined`. `push()` gives `over: true` where nothing more of the
 * segment is wanted.
 *
 * Source: s1 (arXiv 2501.19393, section 3.1). Where the reference goes wrong (a left-over of 0 or less, a maximum for each segment
 * instead of all together, a cut without an answer) this does not: see docs/budget-forcing.md.
 */
export class BudgetForcing {
  readonly #plan: ForcingPlan;
  readonly #ids: number[];
  readonly #promptTokens: number;
  readonly #emissions: Emission[] = [];
  readonly #events: ForcingEvent[] = [];

  #part: 'thinking' | 'answer' | 'done' = 'thinking';
  #gate: TextGate;
  #decoder: StreamDecoder | undefined;
  /** The last characters of the thought's text so far. */
  #tail = '';
  /** Where in `#ids` the sampled thought began, after the last forced token. */
  #sampledFrom: number;
  #segment: NextSegment | undefined;
  #segmentTokens = 0;
  /** The end token that the running segment gave, once it gave one. */
  #sampledEnd: number | undefined;

  #thinkingTokens = 0;
  #answerTokens = 0;
  #delimiterTokens = 0;
  #sampledTokens = 0;
  #forcedTokens = 0;
  #discardedTokens = 0;
  #waits = 0;
  #segments = 0;
  #minTokensOfNext = 0;
  #maskFailures = 0;
  #endReason: EndReason | undefined;
  #minimumMissed: MinimumMissed | undefined;
  #finishReason: 'stop' | 'length' | undefined;
  #stopText: string | undefined;

  constructor(plan: ForcingPlan) {
    this.#plan = plan;
    const { format, limits } = plan;
    const skips = limits.maxTokens === 0;
    this.#ids = skips ? [...plan.promptIds] : [...plan.promptIds, ...format.openThinking];
    this.#promptTokens = this.#ids.length;
    this.#sampledFrom = this.#ids.length;
    this.#gate = this.#newGate('thinking');
    this.#decoder = plan.newDecoder?.();
    if (skips) {
      this.#endReason = 'disabled';
      this.#beginAnswer(format.skipThinking, { forced: true });
    } else if (limits.minTokens > 0 && limits.waits === 0) {
      this.#minTokensOfNext = limits.minTokens;
    }
  }

  /** Takes the text that became certain since the last call. */
  takeEmissions(): readonly Emission[] {
    return this.#emissions.splice(0);
  }

  /** The segment to run now, or `undefined` when all is done. */
  next(): NextSegment | undefined {
    if (this.#part === 'thinking' && this.#thinkingLeft() <= 0) this.#cutThinking('budget');
    if (this.#part === 'answer' && this.#answerLeft() <= 0) this.#finish('length');
    if (this.#part === 'done') return undefined;
    const maxTokens = this.#part === 'thinking' ? this.#thinkingLeft() : this.#answerLeft();
    this.#segment = {
      part: this.#part,
      promptIds: [...this.#ids],
      minTokens: Math.min(this.#minTokensOfNext, maxTokens),
      maxTokens,
      stopTokenIds: this.#endIds(),
    };
    this.#segments++;
    this.#segmentTokens = 0;
    this.#sampledEnd = undefined;
    return this.#segment;
  }

  /**
   * Takes a piece of the running segment. `over`: nothing more of this segment is wanted (stop the call, then `segmentEnded`). `leave`: the
   * segment has ended here already; stop the call and go on with `next()`.
   */
  push(piece: SegmentPiece): { readonly over: boolean; readonly leave: boolean } {
    const segment = this.#running();
    const room = segment.maxTokens - this.#segmentTokens;
    const kept: number[] = [];
    for (const id of piece.tokenIds) {
      this.#sampledTokens++;
      if (this.#sampledEnd !== undefined || kept.length >= room) {
        // Only a server that ignores what it was told sends this.
        this.#discardedTokens++;
      } else if (segment.stopTokenIds.includes(id)) {
        this.#sampledEnd = id;
        this.#discardedTokens++;
      } else {
        kept.push(id);
      }
    }
    this.#keep(kept);
    const text = this.#decoder === undefined ? piece.text : this.#decoder.push(kept);
    this.#show(text);
    const over = this.#sampledEnd !== undefined || this.#gate.stopped || this.#segmentTokens >= segment.maxTokens;
    if (over || kept.length === 0) return { over, leave: false };
    const cut = this.#reasonToCut(kept.length);
    if (cut === undefined) return { over, leave: false };
    this.#segment = undefined;
    this.#cutThinking(cut === 'loop' ? 'loop' : 'budget', { soft: cut === 'landing' });
    return { over: true, leave: true };
  }

  /**
   * The running segment is over.
   *
   * @param finish `stop` also where a caller's stop text ended the answer; `length` where its limit did.
   * @param stop what the server says stopped it: the caller's stop text, or an id. An end that we did not ask for (the model's own, from
   *   its generation config) comes in the ids too, and is dropped.
   */
  segmentEnded(finish: 'stop' | 'length', stop?: number | string): void {
    const stopId = typeof stop === 'number' ? stop : undefined;
    if (typeof stop === 'string') this.#stopText = stop;
    const segment = this.#running();
    this.#segment = undefined;
    if (this.#sampledEnd === undefined && finish === 'stop' && stopId !== undefined && this.#ids.at(-1) === stopId) {
      if (this.#segmentTokens > 0) this.#unkeep();
      this.#sampledEnd = stopId;
    }
    const byModel = this.#sampledEnd !== undefined || finish === 'stop' || this.#gate.stopped;
    const endText = this.#sampledEnd === undefined ? undefined : this.#plan.format.endTexts.get(this.#sampledEnd);
    if (segment.part === 'answer') {
      this.#closeText(this.#decoder === undefined ? endText : undefined);
      this.#finish(byModel ? 'stop' : 'length');
      return;
    }
    if (this.#decoder === undefined) this.#gate.drop(endText);
    this.#minTokensOfNext = 0;
    if (!byModel) {
      // Less than was asked for, without an end: go on from here. `next()` cuts where nothing is left.
      if (this.#thinkingLeft() > 0) this.#guardProgress();
      return;
    }
    this.#thinkingEnded(segment);
  }

  /** The call of the running segment died. What came stands; `next()` goes on from there. */
  segmentBroke(): void {
    const segment = this.#running();
    this.#segment = undefined;
    if (this.#sampledEnd !== undefined || this.#segmentTokens >= segment.maxTokens) {
      this.#segment = segment;
      this.segmentEnded(this.#sampledEnd === undefined ? 'length' : 'stop');
      return;
    }
    this.#minTokensOfNext = Math.max(0, segment.minTokens - this.#segmentTokens);
    const at = segment.part === 'thinking' ? this.#thinkingTokens : this.#answerTokens;
    this.#events.push({ kind: 'resume', at });
  }

  /** Ends the thinking from outside, between two pieces or two segments. In the answer it ends the answer. */
  cut(reason: 'deadline' | 'loop' | 'load'): void {
    this.#segment = undefined;
    if (this.#part === 'thinking') {
      if (this.#thinkingTokens < this.#plan.limits.minTokens) this.#minimumMissed = 'cut';
      this.#cutThinking(reason);
    } else if (this.#part === 'answer') {
      this.#closeText();
      this.#finish('length');
    }
  }

  /** Thinking and answer so far, as limits count them. */
  tokens(): { readonly thinking: number; readonly answer: number } {
    return { thinking: this.#thinkingTokens, answer: this.#answerTokens };
  }

  /** The account so far; final once `next()` gave `undefined`. */
  report(): ForcingReport {
    return {
      thinkingTokens: this.#thinkingTokens,
      answerTokens: this.#answerTokens,
      delimiterTokens: this.#delimiterTokens,
      completionTokens: this.#thinkingTokens + this.#answerTokens,
      promptTokens: this.#promptTokens,
      sampledTokens: this.#sampledTokens,
      forcedTokens: this.#forcedTokens,
      discardedTokens: this.#discardedTokens,
      endReason: this.#endReason,
      waits: this.#waits,
      segments: this.#segments,
      minimumMissed: this.#minimumMissed,
      finishReason: this.#finishReason,
      stopText: this.#stopText ?? (this.#part === 'done' ? this.#gate.stopText : undefined),
      limits: this.#plan.limits,
      events: [...this.#events],
    };
  }

  #thinkingEnded(segment: NextSegment): void {
    const { limits, wait } = this.#plan;
    const below = this.#thinkingTokens < limits.minTokens;
    const waitsLeft = this.#waits < limits.waits;
    const waitFits = wait.ids.length > 0 && wait.ids.length < this.#thinkingLeft();
    if (this.#segmentTokens < segment.minTokens) this.#maskFailures++;

    if ((below || limits.minTokens === 0) && waitsLeft && waitFits) {
      this.#events.push({ kind: 'wait', at: this.#thinkingTokens, tokens: wait.ids.length });
      this.#waits++;
      this.#forceThinking(wait.ids, wait.text);
      this.#minTokensOfNext = 1;
    } else if (below && this.#maskFailures <= MASK_FAILURES_ALLOWED) {
      this.#events.push({ kind: 'suppress', at: this.#thinkingTokens });
      this.#minTokensOfNext = limits.minTokens - this.#thinkingTokens;
    } else {
      if (below) this.#minimumMissed = 'server_ignores_min_tokens';
      this.#endReason = 'model';
      this.#closeText();
      this.#beginAnswer(this.#plan.format.openAnswer, { forced: false });
    }
  }

  /** A segment that ends by length with nothing in it would be asked for again for ever. */
  #guardProgress(): void {
    if (this.#segmentTokens > 0) return;
    this.#maskFailures++;
    if (this.#maskFailures > MASK_FAILURES_ALLOWED) {
      if (this.#thinkingTokens < this.#plan.limits.minTokens) this.#minimumMissed = 'server_ignores_min_tokens';
      this.#cutThinking('budget');
    }
  }

  /** Whether the thinking should end here although its maximum is not reached. Looked at between two pieces. */
  #reasonToCut(added: number): 'landing' | 'loop' | undefined {
    if (this.#part !== 'thinking') return undefined;
    const { limits, softLanding, detectLoops } = this.#plan;
    if (this.#thinkingTokens < limits.minTokens) return undefined;
    if (detectLoops === true && endsInLoop(this.#ids, this.#sampledFrom, added)) return 'loop';
    const waitsOutstanding = limits.minTokens === 0 && this.#waits < limits.waits;
    if (softLanding === undefined || waitsOutstanding) return undefined;
    return this.#thinkingTokens >= softLanding * limits.maxTokens && SENTENCE_END.test(this.#tail)
      ? 'landing'
      : undefined;
  }

  #cutThinking(reason: EndReason, { soft = false } = {}): void {
    const { format } = this.#plan;
    this.#endReason = reason;
    this.#closeText();
    const ids = this.#tail.endsWith('\n') ? format.forceAnswer : [...format.newline, ...format.forceAnswer];
    this.#events.push({ kind: 'cut', at: this.#thinkingTokens, tokens: ids.length, ...(soft ? { soft } : {}) });
    this.#beginAnswer(ids, { forced: true });
  }

  #closeText(endText?: string): void {
    if (this.#decoder !== undefined) this.#show(this.#decoder.end());
    this.#emit(this.#gate.end(endText));
  }

  #beginAnswer(ids: readonly number[], how: { readonly forced: boolean }): void {
    const shown = how.forced ? this.#plan.format.forcedAnswerText : '';
    this.#part = 'answer';
    this.#ids.push(...ids);
    this.#forcedTokens += ids.length;
    this.#delimiterTokens += ids.length;
    this.#decoder = this.#plan.newDecoder?.();
    this.#gate = this.#newGate('answer');
    // Where the answer was forced to begin, it has to say something.
    this.#minTokensOfNext = how.forced ? 1 : 0;
    if (shown !== '') this.#emissions.push({ part: 'answer', text: this.#gate.push(shown), forced: true });
  }

  #forceThinking(ids: readonly number[], text: string): void {
    if (this.#decoder !== undefined) {
      this.#show(this.#decoder.end());
      this.#decoder = this.#plan.newDecoder?.();
    }
    this.#emit(this.#gate.flush());
    const shown = this.#gate.push(text);
    if (shown !== '') this.#emissions.push({ part: 'thinking', text: shown, forced: true });
    this.#ids.push(...ids);
    this.#thinkingTokens += ids.length;
    this.#forcedTokens += ids.length;
    this.#tail = tailOf(this.#tail + text);
    this.#sampledFrom = this.#ids.length;
  }

  #keep(ids: readonly number[]): void {
    for (const id of ids) this.#ids.push(id);
    this.#segmentTokens += ids.length;
    if (this.#part === 'thinking') this.#thinkingTokens += ids.length;
    else this.#answerTokens += ids.length;
  }

  #unkeep(): void {
    this.#ids.pop();
    this.#segmentTokens--;
    this.#discardedTokens++;
    if (this.#part === 'thinking') this.#thinkingTokens--;
    else this.#answerTokens--;
  }

  #show(text: string): void {
    if (text === '') return;
    this.#tail = tailOf(this.#tail + text);
    this.#emit(this.#gate.push(text));
  }

  #emit(text: string): void {
    if (text === '' || this.#part === 'done') return;
    this.#emissions.push({ part: this.#part, text, forced: false });
  }

  #finish(reason: 'stop' | 'length'): void {
    this.#finishReason = reason;
    this.#part = 'done';
  }

  #newGate(part: 'thinking' | 'answer'): TextGate {
    // Text made from our own ids holds no delimiter: nothing to hold back.
    const ids = part === 'thinking' ? this.#plan.format.thinkingEnds : this.#plan.format.answerEnds;
    const texts = this.#plan.newDecoder === undefined ? ids.map((id) => this.#plan.format.endTexts.get(id) ?? '') : [];
    return new TextGate({
      endTexts: texts.filter((text) => text !== ''),
      stopTexts: part === 'answer' ? (this.#plan.stopTexts ?? []) : [],
      trimEnd: part === 'thinking',
    });
  }

  #endIds(): readonly number[] {
    return this.#part === 'thinking' ? this.#plan.format.thinkingEnds : this.#plan.format.answerEnds;
  }

  /** Thinking tokens that may still come. Room to close the thinking and to answer is kept by `settleLimits`. */
  #thinkingLeft(): number {
    return this.#plan.limits.maxTokens - this.#thinkingTokens;
  }

  #answerLeft(): number {
    const { limits, contextTokens, maxCompletionTokens } = this.#plan;
    return Math.min(
      limits.maxAnswerTokens - this.#answerTokens,
      contextTokens - this.#ids.length,
      (maxCompletionTokens ?? Number.POSITIVE_INFINITY) - this.#thinkingTokens - this.#answerTokens,
    );
  }

  #running(): NextSegment {
    if (this.#segment === undefined) throw new Error('No segment is running: call next() first.');
    return this.#segment;
  }
}
