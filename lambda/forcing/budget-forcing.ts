import { type Confidence, ConfidenceMeter, topTokensOf } from './confidence.ts';
import { endsInLoop } from './loops.ts';
import { OutputText } from './output-text.ts';
import {
  type Emission,
  type ForcingPlan,
  givenIds,
  type LookUpStep,
  type MovedPlan,
  type NextSegment,
  type NextStep,
  type SegmentPiece,
  type WaitText,
  type WrittenText,
} from './plan.ts';
import { nextProbeAt, PROBE_TOKENS, ProbeRule } from './probe-rule.ts';
import type { EndReason, ForcingEvent, ForcingReport, MinimumMissed } from './report.ts';
import { RunningProbe } from './running-probe.ts';

/** Number of times that a server may end a segment before its `minTokens`; after that the minimum is given up. */
const MASK_FAILURES_ALLOWED = 2;

/** What a piece did: see `BudgetForcing.push`. */
interface Pushed {
  readonly over: boolean;
  readonly leave: boolean;
  readonly kept: number;
}

/**
 * Budget forcing as a state machine over one growing list of token ids. It decides what to append and which segment to run
 * next; the caller runs the segments.
 *
 * ```text
 *            ┌── end below the minimum: "Wait", or the end masked ──┐
 *            ▼                                                      │
 *  begin ─ thinking ──── end by the model ──► openAnswer ──┐        │
 *            │  └───────────────────────────────────────────────────┘
 *            └── at the maximum, or cut() ──► forceAnswer ──┴─► answer ─► done
 * ```
 *
 * If the plan says when the model is unsure, an end of the thinking may become a step of its own: the caller looks documents up, and the
 * passages are appended to the thought, which goes on.
 *
 * If the plan says when the model is sure, thinking is left at ends of lines for a probe: a short answer from the ids so far,
 * after which thinking goes on or ends.
 *
 * The caller loops: `next()` returns a segment; `push()` takes each piece of its output; then `segmentEnded()` if the call
 * completed, or `segmentBroke()` if it failed; until `next()` returns `undefined`. If `next()` asks for passages, it calls
 * `takePassages()` instead.
 *
 * Source: s1 (arXiv 2501.19393, section 3.1). docs/budget-forcing.md lists the errors of the reference implementation that this
 * one avoids: a remaining budget of 0 or less, a maximum for each segment instead of for all together, a cut without an answer.
 */
export class BudgetForcing {
  #plan: ForcingPlan;
  #ids: number[];
  readonly #promptTokens: number;
  readonly #text: OutputText;
  readonly #events: ForcingEvent[] = [];

  #part: 'thinking' | 'answer' | 'done' = 'thinking';
  /** Index in `#ids` of the first token of the thinking after the last forced one. */
  #sampledFrom: number;
  #segment: NextSegment | undefined;
  #segmentTokens = 0;
  /** The end token that the running segment sampled, if it did. */
  #sampledEnd: number | undefined;

  readonly #meter: ConfidenceMeter | undefined;
  /** The meter of `gateMeasure`. It is `#meter` if both measure the same. */
  readonly #gateMeter: ConfidenceMeter | undefined;
  /** Each of the two once. */
  readonly #meters: readonly ConfidenceMeter[];
  readonly #probeRule: ProbeRule | undefined;
  #confidence: Confidence | undefined;
  #gate: Confidence | undefined;
  #probe: RunningProbe | undefined;
  #probeDue = false;
  /** Whether a probe had no confidence, so that agreement alone decided. */
  #unmeasuredProbe = false;
  #probeAt = nextProbeAt(0);
  #probes = 0;
  /** The end of the thinking that waits for passages: of a segment, or of the budget. */
  #endBeforePassages: NextSegment | 'budget' | undefined;
  #lookedUp = false;

  #thinkingTokens = 0;
  #answerTokens = 0;
  #probeTokens = 0;
  #delimiterTokens = 0;
  #sampledTokens = 0;
  #forcedTokens = 0;
  #retrievedTokens = 0;
  #discardedTokens = 0;
  #abortedTokens = 0;
  #waits = 0;
  #segments = 0;
  #minTokensOfNext = 0;
  #maskFailures = 0;
  #endReason: EndReason | undefined;
  #minimumMissed: MinimumMissed | undefined;
  #finishReason: 'stop' | 'length' | undefined;
  #answerCutBy: ForcingReport['answerCutBy'];
  #stopText: string | undefined;

  constructor(plan: ForcingPlan) {
    this.#plan = plan;
    const { format, limits, prefix } = plan;
    this.#ids = givenIds(plan);
    this.#promptTokens = this.#ids.length;
    this.#sampledFrom = this.#ids.length - (prefix?.ids.length ?? 0);
    this.#text = new OutputText(plan);
    this.#meter = plan.confidence && new ConfidenceMeter(plan.confidence.measure);
    this.#gateMeter =
      plan.gateMeasure === plan.confidence?.measure
        ? this.#meter
        : plan.gateMeasure && new ConfidenceMeter(plan.gateMeasure);
    this.#meters = [...new Set([this.#meter, this.#gateMeter])].filter((meter) => meter !== undefined);
    this.#probeRule = plan.stopWhenSure && new ProbeRule(plan.stopWhenSure);
    if (prefix?.part === 'answer') {
      this.#endReason = 'disabled';
      this.#part = 'answer';
      this.#minTokensOfNext = plan.minAnswerTokens ?? 0;
    } else if (limits.maxTokens === 0 && prefix === undefined) {
      this.#endReason = 'disabled';
      this.#beginAnswer(format.skipThinking, { forced: true });
    } else if (limits.minTokens > 0 && limits.waits === 0) {
      this.#minTokensOfNext = limits.minTokens;
    }
  }

  /** Takes the text that became certain since the last call. */
  takeEmissions(): readonly Emission[] {
    return this.#text.takeEmissions();
  }

  /** Returns the segment to run now or the documents to look up, or `undefined` when the output is complete. */
  next(): NextStep | undefined {
    if (this.#part === 'thinking' && this.#endBeforePassages === undefined && this.#thinkingLeft() <= 0) {
      this.#measure();
      if (this.#needsPassages()) this.#endBeforePassages = 'budget';
      else this.#cutThinking('budget');
    }
    const { lookUp } = this.#plan;
    if (this.#endBeforePassages !== undefined && lookUp !== undefined) {
      return { part: 'thinking', lookUp: { maxTokens: lookUp.maxTokens } } satisfies LookUpStep;
    }
    const probe = this.#part === 'thinking' && this.#probeDue ? this.#beginProbe() : undefined;
    if (probe !== undefined) return probe;
    if (this.#part === 'answer' && this.#answerLeft() <= 0) this.#finish('length');
    if (this.#part === 'done') return undefined;
    const maxTokens = this.#part === 'thinking' ? this.#thinkingLeft() : this.#answerLeft();
    this.#segment = {
      part: this.#part,
      promptIds: [...this.#ids],
      minTokens: Math.min(Math.max(this.#minTokensOfNext, this.#missingFromAnswer()), maxTokens),
      maxTokens,
      stopTokenIds: this.#endIds(),
      ...this.#neededLogprobs(),
    };
    this.#segments++;
    this.#segmentTokens = 0;
    this.#sampledEnd = undefined;
    return this.#segment;
  }

  /**
   * Takes a piece of the running segment. If it returns `over`, further pieces of this segment are discarded: wait for the end
   * of the call, or stop it, then call `segmentEnded()` or `segmentBroke()`. If it returns `leave`, the segment has ended here
   * already: stop the call, then call `next()`. `kept`: how many of the piece's ids, from its first, are part of the output.
   */
  push(piece: SegmentPiece): Pushed {
    if (this.#probe !== undefined) return this.#pushToProbe(piece, this.#probe);
    // A probe must come at the same token whatever the pieces are. A server's text belongs to its whole piece.
    const single = this.#probeRule !== undefined && this.#part === 'thinking' && this.#plan.newDecoder !== undefined;
    if (!single || piece.tokenIds.length <= 1) return this.#pushPiece(piece);
    const { tokenIds, logprobs } = piece;
    let kept = 0;
    let over = false;
    for (const [index, id] of tokenIds.entries()) {
      const logprob = logprobs?.[index];
      const pushed = this.#pushPiece({ tokenIds: [id], text: '', ...(logprob && { logprobs: [logprob] }) });
      kept += pushed.kept;
      ({ over } = pushed);
      if (!pushed.leave) continue;
      this.#sampledTokens += tokenIds.length - index - 1;
      this.#discardedTokens += tokenIds.length - index - 1;
      return { over: true, leave: true, kept };
    }
    return { over, leave: false, kept };
  }

  #pushPiece(piece: SegmentPiece): Pushed {
    const segment = this.#running();
    const room = segment.maxTokens - this.#segmentTokens;
    const kept: number[] = [];
    for (const id of piece.tokenIds) {
      this.#sampledTokens++;
      if (this.#sampledEnd !== undefined || kept.length >= room) {
        // A server that obeys `stopTokenIds` and `maxTokens` never sends these.
        this.#discardedTokens++;
      } else if (segment.stopTokenIds.includes(id)) {
        this.#sampledEnd = id;
        this.#discardedTokens++;
      } else {
        kept.push(id);
      }
    }
    this.#keep(kept);
    if (this.#part === 'thinking') {
      for (const index of kept.keys()) for (const meter of this.#meters) meter.add(piece.logprobs?.[index]);
    }
    this.#text.push({ tokenIds: kept, text: piece.text });
    const stopped = this.#text.stopText !== undefined;
    const over = this.#sampledEnd !== undefined || stopped || this.#segmentTokens >= segment.maxTokens;
    if (over || kept.length === 0) return { over, leave: false, kept: kept.length };
    const cut = this.#reasonToCut(kept.length);
    if (cut === undefined && !this.#isProbeDue()) return { over, leave: false, kept: kept.length };
    this.#segment = undefined;
    if (cut === undefined) {
      this.#probeDue = true;
      this.#minTokensOfNext = Math.max(0, segment.minTokens - this.#segmentTokens);
      return { over: true, leave: true, kept: kept.length };
    }
    this.#cutThinking(cut === 'loop' ? 'loop' : 'budget', { soft: cut === 'landing' });
    return { over: true, leave: true, kept: kept.length };
  }

  /**
   * Records that the call of the running segment completed.
   *
   * @param finish `stop` if an end token or one of the request's stop texts ended it; `length` if `maxTokens` did.
   * @param stop the stop text or token id that ended it, if the server reports one. An end token that the request did not list
   *   (from the model's own generation config) is part of the ids as well, and is dropped.
   */
  segmentEnded(finish: 'stop' | 'length', stop?: number | string): void {
    if (this.#probe !== undefined) {
      this.#probeEnded(this.#probe, finish === 'stop');
      return;
    }
    const stopId = typeof stop === 'number' ? stop : undefined;
    if (typeof stop === 'string') this.#stopText = stop;
    const segment = this.#running();
    this.#segment = undefined;
    if (this.#sampledEnd === undefined && finish === 'stop' && stopId !== undefined && this.#ids.at(-1) === stopId) {
      if (this.#segmentTokens > 0) this.#unkeep();
      this.#sampledEnd = stopId;
    }
    const byModel = this.#sampledEnd !== undefined || finish === 'stop' || this.#text.stopText !== undefined;
    const endText = this.#sampledEnd === undefined ? undefined : this.#plan.format.endTexts.get(this.#sampledEnd);
    if (segment.part === 'answer') {
      this.#text.close(endText);
      this.#finish(byModel ? 'stop' : 'length');
      return;
    }
    this.#text.drop(endText);
    this.#minTokensOfNext = 0;
    if (!byModel) {
      // The server stopped early without an end token: continue from here. If nothing is left, `next()` cuts.
      if (this.#thinkingLeft() > 0) this.#guardProgress();
      return;
    }
    this.#thinkingEnded(segment);
  }

  /** Records that the call of the running segment failed. The tokens so far are kept; `next()` continues from them. */
  segmentBroke(): void {
    if (this.#probe !== undefined) {
      // Thinking goes on without a result.
      this.#endProbe();
      this.#probeRule?.forget();
      return;
    }
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

  /**
   * Takes the passages that `next()` asked for, as they stand in the thought. Thinking goes on; if it was at its maximum, the answer
   * follows them. Without passages, the thinking ends as it would have ended.
   *
   * @param passages at most `maxTokens` of the step. `undefined`: nothing was found, nothing fits, or the search failed
   */
  takePassages(passages: WaitText | undefined): void {
    const ended = this.#endBeforePassages;
    const { lookUp, limits } = this.#plan;
    if (ended === undefined || lookUp === undefined) throw new Error('No passages were asked for: call next() first.');
    if (passages !== undefined && passages.ids.length > lookUp.maxTokens) {
      throw new Error(
        `The passages have ${passages.ids.length} tokens, but at most ${lookUp.maxTokens} were asked for.`,
      );
    }
    this.#endBeforePassages = undefined;
    this.#lookedUp = true;
    if (passages === undefined) {
      if (ended !== 'budget') this.#thinkingEnded(ended);
      return;
    }
    const { ids, text } = passages;
    const value = this.#confidence?.value ?? 0;
    this.#events.push({ kind: 'retrieval', at: this.#thinkingTokens, tokens: ids.length, value });
    this.#retrievedTokens += ids.length;
    this.#appendToThought(ids, text);
    // What follows must be thought, as after a "Wait".
    this.#minTokensOfNext = Math.max(1, limits.waits === 0 ? limits.minTokens - this.#thinkingTokens : 0);
  }

  /**
   * Ends the thinking between two pieces or two segments. If the answer has begun, ends the answer.
   *
   * @param options `called`: whether the segment that `next()` returned was run; if not, it does not count. @default true
   */
  cut(reason: 'deadline' | 'loop' | 'load' | 'shutdown', { called = true } = {}): void {
    if (!called && this.#segment !== undefined) {
      this.#segments--;
      if (this.#probe !== undefined) this.#probes--;
    }
    this.#segment = undefined;
    this.#endBeforePassages = undefined;
    this.#endProbe();
    if (this.#part === 'thinking') {
      if (this.#thinkingTokens < this.#plan.limits.minTokens) this.#minimumMissed = 'cut';
      this.#cutThinking(reason);
    } else if (this.#part === 'answer') {
      this.#text.close();
      if (reason === 'deadline') this.#answerCutBy = reason;
      this.#finish('length');
    }
  }

  /**
   * Ends the sample before its answer is complete: its client left, another sample failed, or its own failure is final. Its thinking
   * and answer tokens become aborted tokens. Does nothing if the answer is complete.
   */
  abort(): void {
    if (this.#part === 'done') return;
    this.#segment = undefined;
    this.#endBeforePassages = undefined;
    this.#endProbe();
    this.#part = 'done';
    this.#abortedTokens += this.#thinkingTokens + this.#answerTokens;
    this.#thinkingTokens = 0;
    this.#answerTokens = 0;
  }

  /** Returns the text so far, from which another vocabulary can go on. */
  written(): WrittenText {
    return { part: this.#part === 'thinking' ? 'thinking' : 'answer', ...this.#text.written };
  }

  /** Tokens that may still follow: the rest of the thinking, passages, the rest of the answer, and the delimiters between them. */
  roomNeeded(): number {
    const { limits, format, contextTokens } = this.#plan;
    const thinking = this.#part === 'thinking' ? this.#thinkingLeft() : 0;
    const delimiters = this.#part === 'thinking' ? format.newline.length + format.forceAnswer.length : 0;
    const passages = this.#part === 'thinking' && !this.#lookedUp ? (this.#plan.lookUp?.maxTokens ?? 0) : 0;
    const window = contextTokens - this.#ids.length - thinking - passages - delimiters;
    return (
      thinking + passages + delimiters + Math.max(0, Math.min(limits.maxAnswerTokens - this.#answerTokens, window))
    );
  }

  /**
   * Goes on in the ids of another vocabulary, which encode the prompt and the text so far. Between two segments only. All counts stay:
   * each token is counted once, as the model counted it that sampled it.
   */
  moveTo({ ids, partLength, probeHint, ...plan }: MovedPlan): void {
    if (this.#segment !== undefined) throw new Error('A segment is running: call segmentBroke() first.');
    const { stopWhenSure } = this.#plan;
    this.#plan = {
      ...this.#plan,
      ...plan,
      ...(stopWhenSure === undefined ? {} : { stopWhenSure: { ...stopWhenSure, hint: probeHint ?? [] } }),
    };
    this.#ids = [...ids];
    this.#sampledFrom = ids.length - partLength;
    this.#text.moveTo(this.#plan);
  }

  /** Counts tokens that another call sampled for the running segment before it was aborted. They are no part of the output. */
  countAborted(tokens: number): void {
    this.#segments++;
    this.#sampledTokens += tokens;
    this.#abortedTokens += tokens;
  }

  /** Token counts so far, as the limits count them: forced "Wait" included, delimiters not. */
  tokens(): { readonly thinking: number; readonly answer: number } {
    return { thinking: this.#thinkingTokens, answer: this.#answerTokens };
  }

  /** Confidence in the thought so far, 0 to 1. `undefined` if it is not measured or unknown. */
  get confidence(): number | undefined {
    return this.#meter?.soFar();
  }

  /** The account so far. It is final once `next()` has returned `undefined`. */
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
      retrievedTokens: this.#retrievedTokens,
      probeTokens: this.#probeTokens,
      probes: this.#probes,
      confidence: this.#confidence,
      gateConfidence: this.#plan.gateMeasure && this.#gate?.value,
      gatesOff: this.#gatesOff(),
      abortedTokens: this.#abortedTokens,
      endReason: this.#endReason,
      waits: this.#waits,
      segments: this.#segments,
      minimumMissed: this.#minimumMissed,
      finishReason: this.#finishReason,
      answerCutBy: this.#answerCutBy,
      stopText: this.#stopText ?? (this.#part === 'done' ? this.#text.stopText : undefined),
      limits: this.#plan.limits,
      events: [...this.#events],
    };
  }

  #thinkingEnded(segment: NextSegment): void {
    const { limits } = this.#plan;
    this.#measure();
    if (this.#needsPassages()) {
      this.#endBeforePassages = segment;
      return;
    }
    const wait = this.#nextWait();
    const below = this.#thinkingTokens < limits.minTokens;
    const waitsLeft = this.#waits < limits.waits;
    const waitFits = wait.ids.length > 0 && wait.ids.length < this.#thinkingLeft();
    if (this.#segmentTokens < segment.minTokens) this.#maskFailures++;

    const asked = (below || limits.minTokens === 0) && waitsLeft && waitFits;
    const surely = asked ? this.#surelyEnded() : undefined;
    if (surely !== undefined) {
      this.#events.push({ kind: 'wait_skipped', at: this.#thinkingTokens, value: surely });
    }
    if (asked && surely === undefined) {
      const own = this.#plan.laterWaits === undefined ? {} : { text: wait.text };
      this.#events.push({ kind: 'wait', at: this.#thinkingTokens, tokens: wait.ids.length, ...own });
      this.#waits++;
      this.#forceThinking(wait.ids, wait.text);
      this.#minTokensOfNext = 1;
    } else if (below && this.#maskFailures <= MASK_FAILURES_ALLOWED) {
      this.#events.push({ kind: 'suppress', at: this.#thinkingTokens });
      this.#minTokensOfNext = limits.minTokens - this.#thinkingTokens;
    } else {
      if (below) this.#minimumMissed = 'server_ignores_min_tokens';
      this.#endReason = 'model';
      this.#text.close();
      this.#beginAnswer(this.#plan.format.openAnswer, { forced: false });
    }
  }

  /** How many tokens the answer needs until the completion has its minimum; 0 while the model thinks. */
  #missingFromAnswer(): number {
    if (this.#part !== 'answer') return 0;
    return (this.#plan.minCompletionTokens ?? 0) - this.#thinkingTokens - this.#answerTokens;
  }

  /** Whether the model is unsure of its thought, and no documents were looked up yet. */
  #needsPassages(): boolean {
    const { lookUp } = this.#plan;
    if (lookUp === undefined || this.#lookedUp || this.#confidence === undefined) return false;
    return this.#confidence.value < lookUp.below;
  }

  /** The confidence if it is high enough that the thinking needs no "Wait". */
  #surelyEnded(): number | undefined {
    const { waitBelow } = this.#plan;
    if (waitBelow === undefined || this.#confidence === undefined) return undefined;
    return this.#confidence.value >= waitBelow ? this.#confidence.value : undefined;
  }

  /** Reads the confidence at an end of the thinking. */
  #measure(): void {
    const read = (meter: ConfidenceMeter | undefined, before: Confidence | undefined) =>
      meter?.read() ?? (meter?.missing === true ? undefined : before);
    this.#confidence = read(this.#meter, this.#confidence);
    this.#gate = this.#gateMeter === this.#meter ? this.#confidence : read(this.#gateMeter, this.#gate);
  }

  #gatesOff(): ForcingReport['gatesOff'] {
    const rules = this.#plan.waitBelow !== undefined || this.#plan.lookUp !== undefined;
    const unmeasured = this.#meter?.missing === true && rules;
    return unmeasured || this.#unmeasuredProbe ? 'no_logprobs' : this.#plan.gateOff;
  }

  #neededLogprobs(): Pick<NextSegment, 'logprobs'> {
    const { confidence, gateMeasure } = this.#plan;
    const measures = [confidence?.measure, gateMeasure].filter((measure) => measure !== undefined);
    if (this.#part !== 'thinking' || measures.length === 0) return {};
    return { logprobs: { top: Math.max(...measures.map(topTokensOf)), field: confidence?.field } };
  }

  /** Whether a line just ended at which a probe may end the thinking. */
  #isProbeDue(): boolean {
    if (this.#part !== 'thinking' || this.#probeRule === undefined) return false;
    const { limits, waitBelow, lookUp } = this.#plan;
    const soFar = this.#meter?.soFar() ?? 1;
    // "Wait"s that the request asks for at any confidence come first.
    if (limits.minTokens === 0 && this.#waits < limits.waits && waitBelow === undefined) return false;
    // A "Wait" asks for a check, and an unsure thought for a "Wait" or for passages: the short answer would only repeat what is in doubt.
    if (this.#waits > 0 || (waitBelow !== undefined && soFar < waitBelow)) return false;
    if (lookUp !== undefined && !this.#lookedUp && soFar < lookUp.below) return false;
    if (this.#thinkingTokens < limits.minTokens || this.#thinkingTokens < this.#probeAt) return false;
    return this.#thinkingLeft() > 0 && this.#text.endsInNewline;
  }

  /** Begins a probe, unless the context window has no room for it. */
  #beginProbe(): NextSegment | undefined {
    const { format, stopWhenSure, contextTokens, newDecoder } = this.#plan;
    this.#probeDue = false;
    this.#probeAt = nextProbeAt(this.#thinkingTokens);
    const promptIds = [...this.#ids, ...format.forceAnswer, ...(stopWhenSure?.hint ?? [])];
    const maxTokens = Math.min(PROBE_TOKENS, contextTokens - promptIds.length);
    if (maxTokens < 1) return undefined;
    this.#probe = new RunningProbe(format.answerEnds, newDecoder);
    this.#segments++;
    this.#probes++;
    this.#segment = {
      part: 'thinking',
      promptIds,
      minTokens: 0,
      maxTokens,
      stopTokenIds: format.answerEnds,
      logprobs: { top: 0, field: stopWhenSure?.field },
      probe: true,
    };
    return this.#segment;
  }

  #pushToProbe(piece: SegmentPiece, probe: RunningProbe): Pushed {
    const { maxTokens } = this.#running();
    const room = maxTokens - probe.tokens;
    const fitting = piece.tokenIds.slice(0, room);
    const kept = probe.push({ ...piece, tokenIds: fitting });
    this.#sampledTokens += piece.tokenIds.length;
    this.#probeTokens += kept;
    this.#discardedTokens += piece.tokenIds.length - kept;
    if (!probe.over) return { over: probe.tokens >= maxTokens, leave: false, kept: 0 };
    this.#probeEnded(probe, false);
    return { over: true, leave: true, kept: 0 };
  }

  #probeEnded(probe: RunningProbe, byModel: boolean): void {
    this.#endProbe();
    const answer = probe.end(byModel);
    const { confidence: value } = answer;
    if (value === undefined && probe.tokens > 0) this.#unmeasuredProbe = true;
    this.#events.push({ kind: 'probe', at: this.#thinkingTokens, ...(value === undefined ? {} : { value }) });
    if (this.#probeRule?.take(answer) === true) this.#cutThinking('sure');
  }

  #endProbe(): void {
    if (this.#probe === undefined) return;
    this.#probe = undefined;
    this.#segment = undefined;
  }

  /** The text of the next Wait. */
  #nextWait(): WaitText {
    const { wait, laterWaits = [] } = this.#plan;
    return this.#waits === 0 ? wait : (laterWaits[this.#waits - 1] ?? laterWaits.at(-1) ?? wait);
  }

  /** Prevents an endless loop on a server that ends segments by length without any token. */
  #guardProgress(): void {
    if (this.#segmentTokens > 0) return;
    this.#maskFailures++;
    if (this.#maskFailures > MASK_FAILURES_ALLOWED) {
      if (this.#thinkingTokens < this.#plan.limits.minTokens) this.#minimumMissed = 'server_ignores_min_tokens';
      this.#cutThinking('budget');
    }
  }

  /** Why the thinking should end after this piece although its maximum is not reached, if it should. */
  #reasonToCut(added: number): 'landing' | 'loop' | undefined {
    if (this.#part !== 'thinking') return undefined;
    const { limits, softLanding, detectLoops } = this.#plan;
    if (this.#thinkingTokens < limits.minTokens) return undefined;
    if (detectLoops === true && endsInLoop(this.#ids, this.#sampledFrom, added)) return 'loop';
    const waitsOutstanding = limits.minTokens === 0 && this.#waits < limits.waits;
    if (softLanding === undefined || waitsOutstanding) return undefined;
    return this.#thinkingTokens >= softLanding * limits.maxTokens && this.#text.endsInSentence ? 'landing' : undefined;
  }

  #cutThinking(reason: EndReason, { soft = false } = {}): void {
    const { format } = this.#plan;
    this.#measure();
    this.#endReason = reason;
    this.#text.close();
    const ids = this.#text.endsInNewline ? format.forceAnswer : [...format.newline, ...format.forceAnswer];
    if (!this.#text.endsInNewline && format.newline.length > 0) this.#text.addNewline();
    this.#events.push({ kind: 'cut', at: this.#thinkingTokens, tokens: ids.length, ...(soft ? { soft } : {}) });
    this.#beginAnswer(ids, { forced: true });
  }

  #beginAnswer(ids: readonly number[], { forced }: { readonly forced: boolean }): void {
    this.#part = 'answer';
    this.#ids.push(...ids);
    this.#forcedTokens += ids.length;
    this.#delimiterTokens += ids.length;
    // A forced answer must not be empty.
    this.#minTokensOfNext = forced ? 1 : 0;
    this.#text.beginAnswer(forced ? this.#plan.format.forcedAnswerText : '');
  }

  #forceThinking(ids: readonly number[], text: string): void {
    this.#thinkingTokens += ids.length;
    this.#forcedTokens += ids.length;
    this.#appendToThought(ids, text);
  }

  #appendToThought(ids: readonly number[], text: string): void {
    this.#text.force(text, ids);
    for (const id of ids) this.#ids.push(id);
    this.#sampledFrom = this.#ids.length;
    for (const meter of this.#meters) meter.reset();
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
    if (this.#part === 'thinking') {
      this.#thinkingTokens--;
      for (const meter of this.#meters) meter.dropLast();
    } else {
      this.#answerTokens--;
    }
  }

  #finish(reason: 'stop' | 'length'): void {
    this.#finishReason = reason;
    this.#part = 'done';
  }

  #endIds(): readonly number[] {
    return this.#part === 'thinking' ? this.#plan.format.thinkingEnds : this.#plan.format.answerEnds;
  }

  /** Remaining thinking tokens. `settleLimits` has kept room to close the thinking and to answer. */
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
