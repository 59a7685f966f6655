import { logNormalQuantiles, type Quantiles } from './quantiles.ts';
import { defaultMix, type ThinkingMix } from './thinking.ts';

/** Requests of one kind. */
export interface RequestKind {
  readonly name: string;
  /** Weight among the kinds of a traffic. Above 0. */
  readonly weight: number;
  readonly prompt: Quantiles;
  readonly answer: Quantiles;
  readonly mix: ThinkingMix;
  /**
   * Beginnings of prompts that several requests have in common.
   *
   * @default - every prompt is new
   */
  readonly shared?: {
    /** Share of each prompt's tokens that is such a beginning, 0 to 1. */
    readonly part: number;
    /** Number of different beginnings, equally likely. */
    readonly prefixes: number;
  };
  /** Conversations of an agent: each turn sends all earlier turns again, and a tool's result. */
  readonly turns?: {
    /** Mean number of turns, geometrically distributed. Minimum: 1. */
    readonly mean: number;
    /** Mean time from one turn to the next, exponentially distributed, in seconds. */
    readonly gapSeconds: number;
    /** Tokens that each turn adds: the previous answer and a tool's result. */
    readonly added: Quantiles;
  };
}

/** Context window of r1-distill-32b, less the largest limits of thinking and answer, in tokens. */
const LONGEST_PROMPT = 131_072 - 16_384 - defaultMix.maxAnswerTokens;

/**
 * Production chat with long prompts: p50 6,900, p90 27,400, p95 39,600 and p99 85,400 tokens; answers p50 350 and p95 700. The
 * quantiles below the median mirror those above it.
 */
const longPrompts: RequestKind = {
  name: 'long prompts',
  weight: 1,
  prompt: [
    [0, 64],
    [0.01, 557],
    [0.1, 1_738],
    [0.5, 6_900],
    [0.9, 27_400],
    [0.95, 39_600],
    [0.99, 85_400],
    [1, LONGEST_PROMPT],
  ],
  answer: [
    [0, 16],
    [0.05, 175],
    [0.5, 350],
    [0.95, 700],
    [1, 2_048],
  ],
  mix: defaultMix,
};

/** Half of the thinking of the usual distribution. */
const littleThinking: ThinkingMix = { ...defaultMix, medianTokens: 1_024 };

const documents: RequestKind = {
  name: 'documents',
  weight: 1,
  prompt: logNormalQuantiles(40_000, 0.6, { min: 4_000, max: LONGEST_PROMPT }),
  answer: logNormalQuantiles(600, 0.6, { max: 2_048 }),
  mix: littleThinking,
  shared: { part: 0.8, prefixes: 40 },
};

const agents: RequestKind = {
  name: 'agents',
  weight: 1,
  prompt: logNormalQuantiles(6_000, 0.4, { min: 1_000, max: 30_000 }),
  answer: logNormalQuantiles(120, 0.7, { max: 2_048 }),
  mix: { ...littleThinking, medianTokens: 384, maxima: [{ tokens: 2_048, part: 1 }] },
  turns: { mean: 12, gapSeconds: 20, added: logNormalQuantiles(900, 1, { max: 8_000 }) },
};

const code: RequestKind = {
  name: 'code',
  weight: 1,
  prompt: logNormalQuantiles(2_500, 0.9, { min: 50, max: 40_000 }),
  answer: logNormalQuantiles(400, 0.9, { max: 2_048 }),
  mix: defaultMix,
};

const chat: RequestKind = {
  name: 'chat',
  weight: 1,
  prompt: logNormalQuantiles(1_020, 0.9, { min: 20, max: 16_000 }),
  answer: logNormalQuantiles(130, 1, { max: 2_048 }),
  mix: defaultMix,
};

const reasoning: RequestKind = {
  name: 'reasoning',
  weight: 1,
  prompt: logNormalQuantiles(300, 0.7, { min: 30, max: 4_000 }),
  answer: logNormalQuantiles(500, 0.6, { max: 2_048 }),
  mix: { ...defaultMix, medianTokens: 8_192, maxima: [{ tokens: 16_384, part: 1 }] },
};

/** Traffic by name. Rates are means, in requests a second; they give each traffic a load of roughly ten to thirty copies of 32B. */
export const trafficKinds = {
  long: { kinds: [longPrompts], requestsPerSecond: 200 / 60 },
  'long-shared': { kinds: [{ ...longPrompts, shared: { part: 0.5, prefixes: 8 } }], requestsPerSecond: 200 / 60 },
  documents: { kinds: [documents], requestsPerSecond: 1.5 },
  agents: { kinds: [agents], requestsPerSecond: 12 },
  code: { kinds: [code], requestsPerSecond: 4 },
  chat: { kinds: [chat], requestsPerSecond: 5 },
  reasoning: { kinds: [reasoning], requestsPerSecond: 3 },
  mixed: {
    kinds: [
      { ...chat, weight: 4 },
      { ...code, weight: 2 },
      { ...reasoning, weight: 1 },
      { ...documents, weight: 1 },
      { ...agents, weight: 4 },
    ],
    requestsPerSecond: 6,
  },
} as const satisfies Record<string, { readonly kinds: readonly RequestKind[]; readonly requestsPerSecond: number }>;

export type TrafficKindName = keyof typeof trafficKinds;
