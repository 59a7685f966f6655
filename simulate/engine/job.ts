/** A request of the traffic: its arrival time in seconds, its lengths and limits in tokens. */
export interface Arrival {
  at: number;
  promptTokens: number;
  /** Number of the text with which the prompt begins, and how many tokens of it. 0: the prompt has nothing in common with another. */
  prefix: number;
  sharedTokens: number;
  /** Thinking that the model would do without any limit. */
  naturalThinkingTokens: number;
  /** Requested maximum of the thinking. */
  maxThinkingTokens: number;
  /** Requested minimum of the thinking: earlier ends become "Wait". */
  minThinkingTokens: number;
  answerTokens: number;
  /** Limit of the answer, which is reserved although most answers are shorter. */
  maxAnswerTokens: number;
  /** Whether the maximum may shrink, down to `floorTokens`. */
  elastic: boolean;
  floorTokens: number;
  /** Model calls until the thinking is over. Minimum: 1. */
  thinkingCalls: number;
  /** Index of the API key: 0, 1, … */
  key: number;
}

/** An admitted request. Jobs are reused, so that memory stays constant. */
export class Job {
  arrivedAt = 0;
  firstTokenAt = -1;
  answerAt = -1;
  key = 0;
  naturalThinkingTokens = 0;
  /** Requested and granted maximum of the thinking. */
  requestedTokens = 0;
  grantedTokens = 0;
  /** Actual thinking: the natural length within the limits. */
  thinkingTokens = 0;
  answerTokens = 0;
  /** Whether the maximum may shrink, and down to which floor. */
  elastic = false;
  floorTokens = 0;
  /** Grant and reservation, which a cut lowers. See `Held` of lambda/policy. */
  promptTokens = 0;
  /** See `Arrival`. */
  prefix = 0;
  sharedTokens = 0;
  /** Tokens of its context that the copy holds once for all requests with this prefix, while a call of it is inside. */
  sharedHeld = 0;
  /** Prompt tokens that the first call found in the cache. */
  cachedTokens = 0;
  /** Whether the controller knows of its first token. */
  started = false;
  /** Position in a copy's queues: lower first. */
  order = 0;
  limitTokens = 0;
  minTokens = 0;
  reservedTokens = 0;
  /** Limit of the answer. Its actual length is unknown until it ends. */
  maxAnswerTokens = 0;

  /** Calls left, including the running one. The last call is the answer. */
  callsLeft = 0;
  thinkingLeft = 0;

  /** Context of the running call: prompt and output so far. */
  contextTokens = 0;
  /** Tokens left in the running call. */
  tokensLeft = 0;
  /** Context tokens to prefill before the next token. */
  prefillTokens = 0;
  /** Step count of the copy at the first token of the call; position in its queue of ends. */
  startStep = 0;
  endStep = -1;
  copy = -1;
  /** Neighbours in the copy's list of decoding sequences, in the order of admission. */
  before: Job | undefined;
  after: Job | undefined;

  /** Initializes the job with an arrival and its granted maximum. */
  begin(arrival: Arrival, grantedTokens: number, now: number): void {
    this.arrivedAt = now;
    this.firstTokenAt = -1;
    this.answerAt = -1;
    this.copy = -1;
    this.key = arrival.key;
    this.requestedTokens = arrival.maxThinkingTokens;
    this.grantedTokens = grantedTokens;
    this.naturalThinkingTokens = Math.max(
      Math.min(arrival.naturalThinkingTokens, arrival.maxThinkingTokens),
      arrival.minThinkingTokens,
    );
    this.thinkingTokens = Math.min(this.naturalThinkingTokens, grantedTokens);
    this.answerTokens = Math.min(arrival.answerTokens, arrival.maxAnswerTokens);
    this.promptTokens = arrival.promptTokens;
    this.prefix = arrival.prefix;
    this.sharedTokens = arrival.sharedTokens;
    this.sharedHeld = 0;
    this.cachedTokens = 0;
    this.started = false;
    this.minTokens = arrival.minThinkingTokens;
    this.maxAnswerTokens = arrival.maxAnswerTokens;
    this.limitTokens = grantedTokens + arrival.maxAnswerTokens;
    this.elastic = arrival.elastic;
    this.floorTokens = arrival.floorTokens;
    this.contextTokens = arrival.promptTokens;
    this.thinkingLeft = this.thinkingTokens;
    const thinkingCalls = this.thinkingTokens > 0 ? Math.min(arrival.thinkingCalls, this.thinkingTokens) : 0;
    this.callsLeft = thinkingCalls + (this.answerTokens > 0 ? 1 : 0);
  }

  /** Sets the tokens of the next call. Thinking calls have equal lengths; the last one takes the rest. */
  nextCall(): void {
    if (this.callsLeft === 1 && this.answerTokens > 0) {
      this.tokensLeft = this.answerTokens;
      return;
    }
    const thinkingCalls = this.callsLeft - (this.answerTokens > 0 ? 1 : 0);
    this.tokensLeft = thinkingCalls === 1 ? this.thinkingLeft : Math.floor(this.thinkingLeft / thinkingCalls);
    this.thinkingLeft -= this.tokensLeft;
  }

  /** Tokens of its prompt that later requests begin with as well: all of a session's turn, or the common text. */
  get keptTokens(): number {
    if (this.prefix === 0) return 0;
    return this.prefix > 0 ? this.promptTokens : this.sharedTokens;
  }

  /** Thinking tokens so far, if the running call has generated `callTokens`. */
  thinkingUntil(callTokens: number): number {
    return this.thinkingTokens - this.thinkingLeft - this.tokensLeft + callTokens;
  }

  /** Ends the thinking after `usedTokens`: only the running call and the answer are left. */
  endThinking(usedTokens: number): void {
    this.thinkingTokens = usedTokens;
    this.thinkingLeft = 0;
    this.grantedTokens = usedTokens;
    this.callsLeft = 2;
  }
}
