import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scalingPolicyNames } from '../../lambda/policy/scaling-policies.ts';
import { limits } from '../../lib/facts/aws-limits.ts';
import { defaultPrices } from '../../lib/facts/prices.ts';
import { calibrate } from '../../simulate/calibrate.ts';
import { type Comparison, compare } from '../../simulate/compare.ts';
import type { Routing } from '../../simulate/engine/fleet.ts';
import type { FirstTokenObjective } from '../../simulate/engine/outcome.ts';
import { type PolicyKind, parsePolicies, policyKinds } from '../../simulate/policies.ts';
import { type Profile, readProfile, s1OnP5 } from '../../simulate/profile.ts';
import { comparisonText, plotsOf, type ReportHead, reportPage } from '../../simulate/report.ts';
import { defaultRouting, prefixRouting, type Scenario, traceScenario } from '../../simulate/scenario.ts';
import { defaultGenerated } from '../../simulate/traffic/generated.ts';
import { defaultMix, type ThinkingMix } from '../../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, readTrace, type Trace, traceNames } from '../../simulate/traffic/trace.ts';
import { apiKeyOf, apiOptions } from '../api-client.ts';
import { defineCommand } from '../command.ts';
import { parseNumber, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce simulate`. */
export const simulateCommand = defineCommand({
  name: 'simulate',
  description:
    'Runs scaling policies on the same requests and compares cost, time to first token and to the answer, and granted thinking. The rules of "committed" and "elastic" are those that run live (lambda/policy). Writes report.html, plots and results.json.',
  options: {
    trace: {
      type: 'string',
      placeholder: 'LIST',
      group: 'Traffic',
      default: traceNames.join(','),
      description: `traces: ${traceNames.join(', ')}, or CSV files with time, prompt and answer`,
    },
    bursts: {
      type: 'string',
      placeholder: 'LIST',
      group: 'Traffic',
      default: '1,3',
      description:
        'factors by which bursts of 5 minutes raise the rate: every 20 minutes in a trace, at random once an hour on average in generated requests; 1 is no bursts',
    },
    rounds: {
      type: 'string',
      placeholder: 'N',
      group: 'Traffic',
      default: '4',
      description: 'repetitions of each trace; the first one warms up',
    },
    generate: {
      type: 'string',
      placeholder: 'RATE',
      group: 'Traffic',
      description: 'random requests instead of traces, at this mean rate per second',
    },
    hours: {
      type: 'string',
      placeholder: 'N',
      group: 'Traffic',
      default: '24',
      description: 'duration of the generated requests',
    },
    swing: {
      type: 'string',
      placeholder: 'N',
      group: 'Traffic',
      default: '0.5',
      description: 'daily variation of their rate, 0 to 1',
    },
    'thinking-median': {
      type: 'string',
      placeholder: 'N',
      group: 'Traffic',
      default: String(defaultMix.medianTokens),
      description: 'median of the natural thinking, in tokens; its distribution is log-normal',
    },
    'thinking-sigma': {
      type: 'string',
      placeholder: 'N',
      group: 'Traffic',
      default: String(defaultMix.sigma),
      defaultText: defaultMix.sigma.toFixed(2),
      description: 'standard deviation of its logarithm',
    },
    elastic: {
      type: 'string',
      placeholder: 'SHARE',
      group: 'Traffic',
      default: String(defaultMix.elasticPart),
      description: 'share of elastic requests, 0 to 1',
    },
    floor: {
      type: 'string',
      placeholder: 'SHARE',
      group: 'Traffic',
      default: String(defaultMix.floorPart),
      description: 'floor of an elastic request, as a share of its maximum, 0 to 1',
    },
    seed: { type: 'string', placeholder: 'N', group: 'Traffic', default: '1', description: 'random seed' },
    profile: {
      type: 'string',
      placeholder: 'FILE.json',
      group: 'Endpoint',
      defaultText: 's1-32b on ml.p5.48xlarge, derived',
      description: 'speed, memory, start time and price of a copy',
    },
    'min-copies': {
      type: 'string',
      placeholder: 'N',
      group: 'Endpoint',
      default: '1',
      description: 'minimum copies',
    },
    'max-copies': {
      type: 'string',
      placeholder: 'N',
      group: 'Endpoint',
      default: '64',
      description: 'maximum copies',
    },
    'no-prefix-routing': {
      type: 'boolean',
      group: 'Endpoint',
      description: 'route continued thoughts to any copy',
    },
    'shared-prompt': {
      type: 'string',
      placeholder: 'TOKENS',
      group: 'Endpoint',
      default: '0',
      description: 'tokens with which all prompts begin; a longer beginning than --prefix-bytes goes to one copy',
    },
    'prefix-bytes': {
      type: 'string',
      placeholder: 'BYTES',
      group: 'Endpoint',
      default: '1024',
      description: 'bytes of a request that prefix-aware routing compares',
    },
    'prefix-threshold': {
      type: 'string',
      placeholder: 'N',
      group: 'Endpoint',
      default: String(defaultRouting.concurrencyThreshold),
      description: 'requests of a copy from which on its prefix is ignored',
    },
    policies: {
      type: 'string',
      placeholder: 'LIST',
      group: 'Policies',
      default: policyKinds.join(','),
      defaultText: 'all',
      description: `policies: ${policyKinds.join(', ')}; each may have ":NUMBER" (target of aws-*, copies of fixed, share of the copies' speed of the others); committed and elastic may have "@" and a scaling policy before it: ${scalingPolicyNames.join(', ')}`,
    },
    search: {
      type: 'string',
      placeholder: 'LIST',
      group: 'Policies',
      default: 'none',
      description:
        'policies whose cheapest setting that meets the objective is searched; "all" or "none". Of fixed and oracle it is always searched, unless they have a number',
    },
    'first-token': {
      type: 'string',
      placeholder: 'SECONDS',
      group: 'Policies',
      default: '1',
      description: 'objective: 95 % of the first tokens come within this time',
    },
    'per-prompt-token': {
      type: 'string',
      placeholder: 'MS',
      group: 'Policies',
      default: '0',
      description: 'milliseconds that the objective adds for each token of the prompt',
    },
    refused: {
      type: 'string',
      placeholder: 'SHARE',
      group: 'Policies',
      default: '0.001',
      description: 'objective: maximum share of refused requests',
    },
    thought: {
      type: 'string',
      placeholder: 'SHARE',
      group: 'Policies',
      default: '0',
      description: 'objective: minimum share of the natural thinking that is done',
    },
    calibrate: {
      type: 'string',
      placeholder: 'URL',
      group: 'Calibration',
      description: 'measure an OpenAI-compatible API instead, and print its profile; the URL ends in /v1',
    },
    'api-key': { ...apiOptions['api-key'], group: 'Calibration', description: 'bearer key of this API' },
    model: {
      type: 'string',
      placeholder: 'ID',
      group: 'Calibration',
      defaultText: 'the first one',
      description: 'model to measure',
    },
    out: {
      type: 'string',
      placeholder: 'FOLDER',
      default: '.budgetforce/simulate',
      description: 'folder of the results',
    },
    json: { type: 'boolean', description: 'print the results as JSON' },
  },
  exitCodes: ['done', 'failed'],
  async run({ values }) {
    if (values.calibrate !== undefined) {
      const api = { baseUrl: values.calibrate, apiKey: apiKeyOf(values), model: values.model };
      process.stdout.write(`${JSON.stringify(await calibrate({ ...api, base: s1OnP5() }), null, 2)}\n`);
      return 0;
    }
    const profile = values.profile === undefined ? s1OnP5() : readProfile(values.profile);
    const firstToken = {
      seconds: parseNumber('first-token', values['first-token'], { min: 0.001, max: 86_400 }),
      secondsPerPromptToken:
        parseNumber('per-prompt-token', values['per-prompt-token'], { min: 0, max: 1_000 }) / 1_000,
    };
    const scenarios = makeScenarios(values, profile, firstToken);
    const policies = parsePolicies(values.policies);
    const objective = {
      refusedPart: parseNumber('refused', values.refused, { min: 0, max: 1 }),
      thinkingPart: parseNumber('thought', values.thought, { min: 0, max: 1 }),
    };
    const search = searchedKinds(values.search);
    const comparisons = scenarios.map((scenario) => compare(scenario, policies, objective, search));
    const head = reportHead(profile, scenarios[0]?.mix ?? defaultMix);
    mkdirSync(values.out, { recursive: true });
    const results = { profile, traffic: head.traffic, objective: { firstToken, ...objective }, comparisons };
    writeFileSync(join(values.out, 'results.json'), `${JSON.stringify(results)}\n`);
    writeFileSync(join(values.out, 'report.html'), reportPage(comparisons, head));
    for (const [name, svg] of Object.entries(plotsOf(comparisons))) writeFileSync(join(values.out, name), svg);
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ ...results, comparisons: comparisons.map(withoutTimeline) }, null, 2)}\n`
        : `${comparisonText(comparisons, head)}\nIn ${values.out}: report.html, results.json, plots\n`,
    );
    return 0;
  },
});

interface ScenarioValues {
  readonly trace: string;
  readonly bursts: string;
  readonly rounds: string;
  readonly generate?: string;
  readonly hours: string;
  readonly swing: string;
  readonly 'thinking-median': string;
  readonly 'thinking-sigma': string;
  readonly elastic: string;
  readonly floor: string;
  readonly seed: string;
  readonly 'min-copies': string;
  readonly 'max-copies': string;
  readonly 'no-prefix-routing'?: boolean;
  readonly 'shared-prompt': string;
  readonly 'prefix-bytes': string;
  readonly 'prefix-threshold': string;
}

function toRouting(values: ScenarioValues): Routing {
  const shared = parseWholeNumber('shared-prompt', values['shared-prompt'], { min: 0, max: 1_000_000 });
  const prefixBytes = parseWholeNumber('prefix-bytes', values['prefix-bytes'], limits.prefixBytes);
  const threshold = parseWholeNumber('prefix-threshold', values['prefix-threshold'], limits.prefixConcurrencyThreshold);
  const routing = prefixRouting(shared, prefixBytes, threshold);
  return { ...routing, prefixAware: values['no-prefix-routing'] !== true };
}

function makeScenarios(values: ScenarioValues, profile: Profile, objective: FirstTokenObjective): readonly Scenario[] {
  const share = { min: 0, max: 1 };
  const mix = {
    ...defaultMix,
    medianTokens: parseNumber('thinking-median', values['thinking-median'], { min: 1, max: 1e6 }),
    sigma: parseNumber('thinking-sigma', values['thinking-sigma'], { min: 0, max: 5 }),
    elasticPart: parseNumber('elastic', values.elastic, share),
    floorPart: parseNumber('floor', values.floor, share),
  };
  const maxCopies = parseWholeNumber('max-copies', values['max-copies'], { min: 1, max: 1_000 });
  const minCopies = parseWholeNumber('min-copies', values['min-copies'], { min: 0, max: 1_000 });
  if (minCopies > maxCopies)
    throw new UsageError(`--min-copies is ${minCopies}, more than --max-copies (${maxCopies}).`);
  const rest = {
    mix,
    profile,
    objective,
    routing: toRouting(values),
    minCopies,
    maxCopies,
    seed: parseWholeNumber('seed', values.seed, { min: 0, max: 2 ** 31 }),
  };
  const factors = values.bursts.split(',').map((factor) => parseNumber('bursts', factor, { min: 1, max: 100 }));
  if (values.generate !== undefined) {
    const hours = parseNumber('hours', values.hours, { min: 0.1, max: 1e5 });
    const settings = {
      ...defaultGenerated,
      requestsPerSecond: parseNumber('generate', values.generate, { min: 0.0001, max: 1e4 }),
      swing: parseNumber('swing', values.swing, share),
      seconds: hours * 3_600,
    };
    return factors.map((burstFactor) => ({
      ...rest,
      name: `generated, ${settings.requestsPerSecond}/s for ${hours} h, bursts ${burstFactor}×`,
      source: { kind: 'generated', settings: { ...settings, burstFactor } },
      warmUpSeconds: (hours * 3_600) / 24,
    }));
  }
  const rounds = parseWholeNumber('rounds', values.rounds, { min: 1, max: 100_000 });
  const traces = values.trace.split(',').map((name) => findTrace(name.trim()));
  return traces.flatMap((trace) =>
    factors.map((factor) => traceScenario(trace, { ...noBursts, factor }, rounds, rest)),
  );
}

function findTrace(name: string): Trace {
  const known = traceNames.find((builtIn) => builtIn === name);
  return known === undefined ? readTrace(name) : builtInTrace(known);
}

/** The policies whose cheapest setting is searched. Of `oracle` and `fixed` it always is, so they are left out. */
function searchedKinds(list: string): readonly PolicyKind[] {
  if (list === 'none') return [];
  const kinds = list === 'all' ? policyKinds : parsePolicies(list).map(({ kind }) => kind);
  return kinds.filter((kind) => kind !== 'oracle' && kind !== 'fixed');
}

/** The assumptions of the comparison, in sentences for its report. */
function reportHead(profile: Profile, mix: ThinkingMix): ReportHead {
  return {
    profile,
    traffic: `Thinking: log-normal, median ${mix.medianTokens}, sigma ${mix.sigma.toFixed(2)}; maxima ${mix.maxima.map(({ tokens, part }) => `${tokens} (${part * 100} %)`).join(', ')}; ${mix.elasticPart * 100} % of the requests elastic, down to ${mix.floorPart * 100} %.`,
    prices: `Dollars: estimates, ${defaultPrices.date}, ${profile.dollarsPerInstanceHour} an instance and hour.`,
  };
}

function withoutTimeline(comparison: Comparison) {
  return {
    ...comparison,
    results: comparison.results.map(({ outcome: { timeline: _, ...outcome }, ...result }) => ({ ...result, outcome })),
  };
}
