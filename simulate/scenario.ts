import type { Routing } from './engine/fleet.ts';
import type { Gate } from './engine/gate.ts';
import type { FirstTokenObjective, Outcome } from './engine/outcome.ts';
import { type Failure, simulate } from './engine/simulate.ts';
import type { Profile } from './profile.ts';
import type { Scaler } from './scaling/scaler.ts';
import { EvenTraffic, type GeneratedSettings, GeneratedTraffic } from './traffic/generated.ts';
import { type ShapedSettings, ShapedTraffic } from './traffic/shaped.ts';
import { defaultMix, type ThinkingMix } from './traffic/thinking.ts';
import { type Bursts, type Trace, TraceTraffic, withBursts } from './traffic/trace.ts';
import type { Traffic } from './traffic/traffic.ts';

/** Traffic, endpoint and bounds under which policies are compared. */
export interface Scenario {
  readonly name: string;
  readonly source:
    | { readonly kind: 'trace'; readonly trace: Trace; readonly rounds: number }
    | { readonly kind: 'generated'; readonly settings: GeneratedSettings }
    | { readonly kind: 'shaped'; readonly settings: ShapedSettings };
  /** See `Simulation`. @default - none */
  readonly failures?: readonly Failure[];
  readonly mix: ThinkingMix;
  readonly profile: Profile;
  /** Objective for the first token. 95 % of the requests must meet it. */
  readonly objective: FirstTokenObjective;
  readonly routing: Routing;
  readonly minCopies: number;
  readonly maxCopies: number;
  readonly seed: number;
  /** Initial time that is not measured, in seconds. */
  readonly warmUpSeconds: number;
}

/** AWS's PREFIX_AWARE routing, with the maximum threshold, so that a continued thought stays on its copy. */
export const defaultRouting: Routing = { prefixAware: true, concurrencyThreshold: 1_024 };

/** Bytes of a token id in the body of a request, with its comma. */
const BYTES_PER_TOKEN_ID = 6;

/**
 * PREFIX_AWARE routing of requests that begin with the same tokens: if these fill the compared bytes, all requests go to one copy.
 *
 * @param sharedPromptTokens system prompt and tools that all requests share
 * @param prefixBytes bytes of the body that are compared
 */
export function prefixRouting(sharedPromptTokens: number, prefixBytes: number, concurrencyThreshold: number): Routing {
  const samePrefix = sharedPromptTokens * BYTES_PER_TOKEN_ID >= prefixBytes;
  return { prefixAware: true, concurrencyThreshold, samePrefix };
}

/** Generated requests of several kinds. The first two hours, in which a new endpoint learns, are not measured. */
export function shapedScenario(
  name: string,
  settings: ShapedSettings,
  rest: Omit<Scenario, 'name' | 'source' | 'warmUpSeconds' | 'mix'>,
): Scenario {
  return { ...rest, name, mix: defaultMix, source: { kind: 'shaped', settings }, warmUpSeconds: 7_200 };
}

/** A trace, repeated for a number of rounds. The first round is the warm-up. */
export function traceScenario(
  trace: Trace,
  bursts: Bursts,
  rounds: number,
  rest: Omit<Scenario, 'name' | 'source' | 'warmUpSeconds'>,
): Scenario {
  const loaded = withBursts(trace, bursts, rest.seed);
  return {
    ...rest,
    name: `${trace.name}, bursts ${bursts.factor}×`,
    source: { kind: 'trace', trace: loaded, rounds },
    warmUpSeconds: rounds > 1 ? trace.periodSeconds : 0,
  };
}

/** Deterministic: every call returns the same requests. */
function trafficOf({ source, mix, seed }: Scenario): Traffic {
  switch (source.kind) {
    case 'trace':
      return new TraceTraffic(source.trace, source.rounds, mix, seed);
    case 'generated':
      return new GeneratedTraffic(source.settings, mix, seed);
    case 'shaped':
      return new ShapedTraffic(source.settings, seed);
  }
}

/** Duration of the scenario's traffic, in seconds. */
function secondsOf({ source }: Scenario): number {
  return source.kind === 'trace' ? source.trace.periodSeconds * source.rounds : source.settings.seconds;
}

/** Runs one policy in a scenario. */
export function runScenario(
  scenario: Scenario,
  policy: { readonly scaler: Scaler; readonly gate: Gate; readonly initialCopies: number },
): Outcome {
  const seconds = secondsOf(scenario);
  return simulate({
    ...policy,
    profile: scenario.profile,
    routing: scenario.routing,
    objective: scenario.objective,
    failures: scenario.failures ?? [],
    traffic: trafficOf(scenario),
    measureFrom: scenario.warmUpSeconds,
    measureUntil: seconds,
    binSeconds: Math.max(60, Math.ceil(seconds / MAX_POINTS / 10) * 10),
  });
}

/** Maximum points of a plotted line. */
const MAX_POINTS = 480;

/** Requests at a constant rate with the scenario's lengths, for a load test of one copy. */
export function evenTrafficOf(scenario: Scenario, requestsPerSecond: number, seconds: number): Traffic {
  const { source, mix, seed } = scenario;
  if (source.kind === 'trace') return new EvenTraffic(source.trace, requestsPerSecond, seconds, mix, seed);
  if (source.kind === 'shaped')
    return new ShapedTraffic({ ...source.settings, requestsPerSecond, seconds, rate: { swing: 0 } }, seed);
  const even = {
    ...source.settings,
    requestsPerSecond,
    seconds,
    swing: 0,
    burstFactor: 1,
    requests: Number.POSITIVE_INFINITY,
  };
  return new GeneratedTraffic(even, mix, seed);
}
