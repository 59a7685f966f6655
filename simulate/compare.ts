import type { Outcome } from './engine/outcome.ts';
import { type Policy, type PolicyChoice, type PolicyKind, PolicyMaker } from './policies.ts';
import { fullStep } from './profile.ts';
import { type LoadTest, ON_TIME } from './scaling/load-test.ts';
import { oraclesToTry } from './scaling/oracle.ts';
import { runScenario, type Scenario } from './scenario.ts';

/** Result of one policy in one scenario. */
export interface Result {
  readonly policy: string;
  readonly settings: string;
  readonly outcome: Outcome;
}

/** Service level objective of a comparison, besides the scenario's for the first token. */
export interface Objective {
  /** Maximum fraction of refused requests, 0 to 1. */
  readonly refusedPart: number;
  /** Minimum fraction of the natural thinking that is done, 0 to 1. */
  readonly thinkingPart: number;
}

/** Results of all policies in one scenario. */
export interface Comparison {
  readonly scenario: string;
  readonly requests: number;
  /** Result of the load test of one copy. */
  readonly loadTest: LoadTest;
  /** Lower bound: GPU hours if every copy were always full and nothing else were billed. */
  readonly boundGpuHours: number;
  readonly results: readonly Result[];
  /** The cheapest tried setting of each kind that meets the objective. `undefined` if none does. */
  readonly cheapest: readonly {
    readonly kind: PolicyKind;
    readonly tried: number;
    readonly result: Result | undefined;
  }[];
}

/** Settings that the search tries: fractions of the load test's result, or fractions of the copies' speed. */
const searched = {
  'aws-concurrency': [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2],
  'aws-invocations': [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2],
  committed: [0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1],
  elastic: [0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1, 1.1],
} as const;

/** Runs all policies on the same requests. */
export function compare(
  scenario: Scenario,
  choices: readonly PolicyChoice[],
  objective: Objective,
  search: readonly PolicyKind[],
): Comparison {
  const maker = new PolicyMaker(scenario);
  const play = (policy: Policy): Result => {
    const { name, settings } = policy;
    return { policy: name, settings, outcome: runScenario(scenario, policy) };
  };
  let fleets: readonly Result[] | undefined;
  const fixedFleets = () => {
    fleets ??= settingsToTry('fixed', scenario, maker).map((value) => play(maker.make({ kind: 'fixed', value })));
    return fleets;
  };
  // If no number is given, the fixed fleet and the oracle are the cheapest settings, chosen with knowledge of the future.
  const run = (choice: PolicyChoice): Result => {
    const { kind, value } = choice;
    if (value !== undefined || (kind !== 'fixed' && kind !== 'oracle')) return play(maker.make(choice));
    if (kind === 'fixed') return best(fixedFleets(), objective);
    const oracles = oraclesToTry.map((settings) => play(maker.oracle(settings, kind)));
    return { ...best([...oracles, ...fixedFleets()], objective), policy: kind };
  };
  const results = choices.map(run);
  const cheapest = search.map((kind) => {
    const tried = settingsToTry(kind, scenario, maker).map((value) => run({ kind, value }));
    return { kind, tried: tried.length, result: cheapestOf(tried, objective) };
  });
  const outcome = results[0]?.outcome;
  return {
    scenario: scenario.name,
    requests: outcome?.requests ?? 0,
    loadTest: maker.loadTest,
    boundGpuHours: outcome === undefined ? 0 : boundGpuHours(scenario, outcome),
    results,
    cheapest,
  };
}

function cheapestOf(tried: readonly Result[], objective: Objective): Result | undefined {
  return tried
    .filter(({ outcome }) => meets(outcome, objective))
    .toSorted((a, b) => a.outcome.gpuHours - b.outcome.gpuHours)[0];
}

/** The cheapest result that meets the objective; if none does, the one with the fastest first tokens. */
function best(tried: readonly Result[], objective: Objective): Result {
  const fastest = tried.reduce((a, b) => (a.outcome.firstToken.p95 <= b.outcome.firstToken.p95 ? a : b));
  return cheapestOf(tried, objective) ?? fastest;
}

/** Whether a run meets the objective. */
function meets({ onTime, requests, refused, thinking }: Outcome, objective: Objective): boolean {
  return (
    onTime >= ON_TIME &&
    refused <= objective.refusedPart * requests &&
    thinking.done >= objective.thinkingPart * thinking.natural
  );
}

function settingsToTry(kind: PolicyKind, scenario: Scenario, maker: PolicyMaker): readonly number[] {
  switch (kind) {
    case 'aws-concurrency':
      return searched[kind].map((part) => part * maker.loadTest.maxConcurrency);
    case 'aws-invocations':
      return searched[kind].map((part) => part * maker.loadTest.maxRequestsPerSecond * 60);
    case 'fixed': {
      const { copiesPerInstance } = scenario.profile;
      const instances = Math.floor(scenario.maxCopies / copiesPerInstance);
      return Array.from({ length: instances }, (_, index) => (index + 1) * copiesPerInstance);
    }
    case 'committed':
    case 'elastic':
      return searched[kind];
    case 'oracle':
      return [];
  }
}

/** Assumes the average context of a request: its prompt and half of its output. */
function boundGpuHours({ profile }: Scenario, { thinking, answerTokens, completed }: Outcome): number {
  const output = thinking.natural + answerTokens;
  const full = fullStep(profile, Math.max(1, output / Math.max(1, completed) / 2 + TYPICAL_PROMPT));
  const copySeconds = output / (full.requests / full.stepSeconds);
  return (copySeconds / 3_600) * (profile.gpusPerInstance / profile.copiesPerInstance);
}

/** In tokens. */
const TYPICAL_PROMPT = 1_000;
