import type { ConfidenceMeasure } from '../lambda/forcing/confidence.ts';

/**
 * A way to control thinking. To add one, add an entry to `methods`: `--conditions NAME-SETTING` then asks it, and summary, plots and
 * exports show it.
 */
export interface Method {
  /** Name of its curve in a plot. */
  readonly label: string;
  /** What a setting is: a whole number, one of some words, or none. */
  readonly settings: 'number' | 'none' | readonly string[];
  /** The `thinking` field of the request. @default - no budget: the model ends by itself */
  readonly thinking?: (setting: number, thresholds: Thresholds) => Readonly<Record<string, unknown>>;
  /** Further fields of the request. @default - none */
  readonly body?: (setting: number) => Readonly<Record<string, unknown>>;
  /** Sentence after the question. @default - none */
  readonly instruction?: (setting: number | string) => string;
  /** Bounds of thinking that the setting asks for. @default - no bounds */
  readonly bounds?: (setting: number | string, outcome: Outcome) => Bounds;
  /** Whether an answer out of bounds is sampled again, at most `MAX_TRIES` times. @default false */
  readonly rejects?: boolean;
  /** What it asks instead of the evaluated model. @default - that model */
  readonly asks?: 'route' | 'last-model';
  /** Whether it depends on a calibration: its questions must be others than those that are asked. @default false */
  readonly calibrated?: boolean;
  /** Method that it is a cheaper form of, with the same setting: the report compares the two. @default - none */
  readonly cheaperThan?: string;
}

/** Thresholds of rules by confidence: from a calibration, whose questions must be others than those that are asked. */
export interface Thresholds {
  readonly measure: ConfidenceMeasure;
  readonly unsureBelow: number;
  readonly sureAbove: number;
  /** Id of the calibration. `null` for the defaults, which were chosen on other models and questions. */
  readonly calibration: string | null;
}

export const defaultThresholds: Thresholds = {
  measure: 'min_token',
  unsureBelow: 0.3,
  sureAbove: 0.95,
  calibration: null,
};

/** What bounds may depend on. */
export interface Outcome {
  /** Waits that were kept. */
  readonly waits: number;
  /** Thinking tokens of the natural run for the same question and seed. `undefined` if it was not asked. */
  readonly naturalTokens: number | undefined;
}

/** Bounds of thinking tokens, both inclusive. An omitted bound does not exist. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

export const MAX_TRIES = 8;

/** Tokens of a step in the s1 paper's step-conditional control: "each step is around 100 tokens" (section 3.1). */
const TOKENS_PER_STEP = 100;

const atMost = (setting: number | string): Bounds => ({ max: Number(setting) });
const tokensInPrompt = (setting: number | string) => `Think for up to ${setting} tokens.`;

/** The sentences are those of s1's evaluation. Source: arXiv 2501.19393, section 3.1, and its repository. */
const declared = {
  budget: {
    label: 'maximum',
    settings: 'number',
    thinking: (tokens) => ({ max_tokens: tokens }),
    bounds: atMost,
  },
  natural: { label: 'natural', settings: 'none' },
  wait: {
    label: 'Waits',
    settings: 'number',
    thinking: (waits) => ({ waits }),
    // Maximum, window or loop detection may leave no room for a Wait: the minimum was missed.
    bounds: (setting, { waits }) => (waits < Number(setting) ? { min: Number.POSITIVE_INFINITY } : {}),
  },
  'unsure-wait': {
    label: 'Waits if unsure',
    settings: 'number',
    cheaperThan: 'wait',
    calibrated: true,
    thinking: (waits, { measure, unsureBelow }) => ({
      waits,
      wait_when: 'unsure',
      unsure_below: unsureBelow,
      confidence_measure: measure,
    }),
  },
  sure: {
    label: 'stop if sure',
    settings: 'none',
    cheaperThan: 'natural',
    calibrated: true,
    thinking: (_, { sureAbove }) => ({ stop_when: 'sure', sure_above: sureAbove }),
  },
  risk: {
    label: 'risk in percent',
    settings: 'number',
    calibrated: true,
    thinking: (percent) => ({ risk: percent / 100 }),
  },
  'server-vote': { label: 'vote on the server', settings: 'number', body: (n) => ({ n, vote: true }) },
  'vote-lead': {
    label: 'vote that stops at a lead of 2',
    settings: 'number',
    cheaperThan: 'server-vote',
    body: (n) => ({ n, vote: true, vote_until: { lead: 2 } }),
  },
  route: { label: 'route', settings: 'none', asks: 'route', cheaperThan: 'last-model' },
  'last-model': { label: 'last model of the route', settings: 'none', asks: 'last-model' },
  'token-conditional': {
    label: 'tokens in the prompt',
    settings: 'number',
    instruction: tokensInPrompt,
    bounds: atMost,
  },
  'token-conditional-forced': {
    label: 'tokens in the prompt, and maximum',
    settings: 'number',
    instruction: tokensInPrompt,
    thinking: (tokens) => ({ max_tokens: tokens }),
    bounds: atMost,
  },
  'step-conditional': {
    label: 'steps in the prompt',
    settings: 'number',
    instruction: (steps) => `Think for up to ${steps} steps.`,
    bounds: (steps) => ({ max: Number(steps) * TOKENS_PER_STEP }),
  },
  'class-conditional': {
    label: 'short or long in the prompt',
    settings: ['short', 'long'],
    instruction: (length) =>
      length === 'short'
        ? 'Answer after a short amount of thinking. Do not spend excessive time double-checking your work.'
        : 'Answer after a long amount of thinking. If you feel like you are finished early, spend the extra time trying to double-check your work until you are absolutely sure that you have the correct answer.',
    // Without a word on length, the model thinks `naturalTokens`.
    bounds: (length, { naturalTokens }) =>
      naturalTokens === undefined ? {} : length === 'short' ? { max: naturalTokens } : { min: naturalTokens },
  },
  rejection: { label: 'rejection sampling', settings: 'number', bounds: atMost, rejects: true },
} as const satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof declared;
export const methods: Readonly<Record<MethodName, Method>> = declared;
export const methodNames = Object.keys(declared) as readonly MethodName[];
