/** What a client sends: when, and how long prompt, thought and answer would be. Seconds and tokens. */
export interface Arrival {
  at: number;
  promptTokens: number;
  /** Thinking that the model would do if nothing cut it. */
  naturalThinkingTokens: number;
  /** Thinking that the request allows at most. */
  maxThinkingTokens: number;
  /** Thinking that it asks for at least: ends before it become "Wait". */
  minThinkingTokens: number;
  answerTokens: number;
  /** The limit of the answer, which nobody knows to be reached. */
  maxAnswerTokens: number;
  /** Whether its maximum may shrink, down to `floorTokens`. */
  elastic: boolean;
  floorTokens: number;
  /** Calls of the model until the thinking is over. Minimum: 1. */
  thinkingCalls: number;
  /** Whose request it is: 0, 1, … */
  key: number;
}

/** One request under way. Objects are used again, so that memory stays flat. */
export class Job {
  arrivedAt = 0;
  firstTokenAt = -1;
  answerAt = -1;
  key = 0;
  naturalThinkingTokens = 0;
  /** The maximum that was asked for, and the one that was granted. */
  wantedTokens = 0;
  grantedTokens = 0;
  /** Thinking that is done: the natural length, within the limits. */
  thinkingTokens = 0;
  answerTokens = 0;
  /** Whether it lets its maximum shrink, and how far. */
  elastic = false;
  floorTokens = 0;
  /** What was reserved and committed for it. */
  limitTokens = 0;
  reservedTokens = 0;
  promptTokens = 0;

  /** Calls that are still to come, the running one included. The last one is the answer. */
  callsLeft = 0;
  thinkingLeft = 0;

  /** Prompt and output so far, as the running call sees them. */
  contextTokens = 0;
  /** Tokens of the running call that are still to come. */
  tokensLeft = 0;
  /** Tokens of the context that have to be evaluated before the next token comes. */
  prefillTokens = 0;
  /** The copy's steps when its first token came; its place in the queue of ends. */
  startStep = 0;
  endStep = -1;
  copy = -1;
  /** Neighbours among the sequences that the copy decodes, in the order in which they were let in. */
  before: Job | undefined;
  after: Job | undefined;
}
