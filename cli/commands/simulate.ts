import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultPrices } from '../../lib/facts/prices.ts';
import { calibrate } from '../../simulate/calibrate.ts';
import { compare, type Objective } from '../../simulate/compare.ts';
import { type PolicyKind, parsePolicies, policyKinds } from '../../simulate/policies.ts';
import { type Profile, readProfile, s1OnP5 } from '../../simulate/profile.ts';
import { comparisonText, plotsOf, type ReportHead, reportPage } from '../../simulate/report.ts';
import { defaultRouting, type Scenario, traceScenario } from '../../simulate/scenario.ts';
import { defaultGenerated } from '../../simulate/traffic/generated.ts';
import { defaultMix, type ThinkingMix } from '../../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, readTrace, type Trace, traceNames } from '../../simulate/traffic/trace.ts';
import type { Command } from '../command.ts';
import { UsageError } from '../usage-error.ts';

const help = `Usage: budgetforce simulate [options]

Plays scaling policies on the same requests: what they cost, how long first tokens and answers take, how much thinking is granted.
The rules of "committed" and "elastic" are those that run live (lambda/policy). Writes report.html, plots and results.json.

Traffic:
  --trace LIST           ${traceNames.join(', ')}, or files: CSV with time, prompt and answer (default: ${traceNames.join(',')})
  --bursts LIST          requests come so many times as often in bursts of 5 minutes: in a trace every 20 minutes, in generated
                         requests at random, one an hour on average. 1: no bursts (default 1,3)
  --rounds N             each trace so often in a row; the first one warms up (default 4)
  --generate RATE        instead: so many requests a second on average, by chance
  --hours N              of generated requests (default 24)
  --swing N              how far their rate swings over a day, 0 to 1 (default 0.5)
  --thinking-median N    of the natural thinking, log-normal. Tokens (default ${defaultMix.medianTokens})
  --thinking-sigma N     of its logarithm (default ${defaultMix.sigma.toFixed(2)})
  --elastic N            part of the requests whose maximum may shrink, 0 to 1 (default ${defaultMix.elasticPart})
  --floor N              how far: part of the maximum, 0 to 1 (default ${defaultMix.floorPart})
  --seed N               (default 1)

Endpoint:
  --profile FILE.json    speed, memory, start and price of a copy (default: s1-32b on ml.p5.48xlarge, derived)
  --min-copies N         (default 1)
  --max-copies N         (default 64)
  --no-prefix-routing    continued thoughts go anywhere

Policies:
  --policies LIST        ${policyKinds.join(', ')}; each may have ":NUMBER"
                         (target of aws-*, copies of fixed, part of the copies' speed of the others). Default: all
  --search LIST          of these, also the cheapest setting that meets the objective; "all", or "none" (default).
                         Of fixed and oracle it is always looked for, unless they have a number
  --first-token SECONDS  the objective: 95 % of first tokens within (default 1)
  --refused N            and at most this part refused (default 0.001)
  --thought N            and at least this part of the thinking done (default 0)

  --calibrate URL        instead: measure an OpenAI-compatible API (with its /v1) and print a profile
  --api-key KEY          its bearer key (or the variable BUDGETFORCE_API_KEY)
  --model ID             which of its models (default: its first)

  --out FOLDER           where to write (default .budgetforce/simulate)
  --json                 print the results as JSON
  --help                 this text

Exit codes: 0 done, 1 failed, 2 wrong options.
`;

/** `budgetforce simulate`. */
export const simulateCommand: Command = {
  name: 'simulate',
  summary: 'compare scaling policies on recorded traffic',
  help,
  async run(argv) {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        trace: { type: 'string', default: traceNames.join(',') },
        bursts: { type: 'string', default: '1,3' },
        rounds: { type: 'string', default: '4' },
        generate: { type: 'string' },
        hours: { type: 'string', default: '24' },
        swing: { type: 'string', default: '0.5' },
        'thinking-median': { type: 'string', default: String(defaultMix.medianTokens) },
        'thinking-sigma': { type: 'string', default: String(defaultMix.sigma) },
        elastic: { type: 'string', default: String(defaultMix.elasticPart) },
        floor: { type: 'string', default: String(defaultMix.floorPart) },
        seed: { type: 'string', default: '1' },
        profile: { type: 'string' },
        'min-copies': { type: 'string', default: '1' },
        'max-copies': { type: 'string', default: '64' },
        'no-prefix-routing': { type: 'boolean', default: false },
        policies: { type: 'string', default: policyKinds.join(',') },
        search: { type: 'string', default: 'none' },
        'first-token': { type: 'string', default: '1' },
        refused: { type: 'string', default: '0.001' },
        thought: { type: 'string', default: '0' },
        calibrate: { type: 'string' },
        'api-key': { type: 'string' },
        model: { type: 'string' },
        out: { type: 'string', default: '.budgetforce/simulate' },
        json: { type: 'boolean', default: false },
      },
    });
    if (values.calibrate !== undefined) {
      const apiKey = values['api-key'] ?? process.env['BUDGETFORCE_API_KEY'];
      const profile = await calibrate({ baseUrl: values.calibrate, apiKey, model: values.model, base: s1OnP5() });
      process.stdout.write(`${JSON.stringify(profile, null, 2)}\n`);
      return 0;
    }
    const profile = values.profile === undefined ? s1OnP5() : readProfile(values.profile);
    const scenarios = scenariosOf(values, profile);
    const policies = parsePolicies(values.policies);
    const objective: Objective = {
      firstTokenSeconds: number(values, 'first-token', 0.001, 86_400),
      refusedPart: number(values, 'refused', 0, 1),
      thinkingPart: number(values, 'thought', 0, 1),
    };
    const search = searchOf(values.search);
    const comparisons = scenarios.map((scenario) => compare(scenario, policies, objective, search));
    const head = headOf(profile, scenarios);
    mkdirSync(values.out, { recursive: true });
    const results = { profile, traffic: head.traffic, objective, comparisons };
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
};

type Values = Readonly<Record<string, string | boolean | undefined>>;

function scenariosOf(values: Values, profile: Profile): readonly Scenario[] {
  const mix: ThinkingMix = {
    ...defaultMix,
    medianTokens: number(values, 'thinking-median', 1, 1e6),
    sigma: number(values, 'thinking-sigma', 0, 5),
    elasticPart: number(values, 'elastic', 0, 1),
    floorPart: number(values, 'floor', 0, 1),
  };
  const maxCopies = whole(values, 'max-copies', 1, 1_000);
  const minCopies = whole(values, 'min-copies', 0, 1_000);
  if (minCopies > maxCopies)
    throw new UsageError(`--min-copies is ${minCopies}, more than --max-copies (${maxCopies}).`);
  const rest = {
    mix,
    profile,
    routing: { ...defaultRouting, prefixAware: values['no-prefix-routing'] !== true },
    minCopies,
    maxCopies,
    seed: whole(values, 'seed', 0, 2 ** 31),
  };
  const factors = String(values['bursts'])
    .split(',')
    .map((bursts) => number({ bursts }, 'bursts', 1, 100));
  if (values['generate'] !== undefined) {
    const hours = number(values, 'hours', 0.1, 1e5);
    const settings = {
      ...defaultGenerated,
      requestsPerSecond: number(values, 'generate', 0.0001, 1e4),
      swing: number(values, 'swing', 0, 1),
      seconds: hours * 3_600,
    };
    return factors.map((burstFactor) => ({
      ...rest,
      name: `generated, ${settings.requestsPerSecond}/s for ${hours} h, bursts ${burstFactor}×`,
      source: { kind: 'generated', settings: { ...settings, burstFactor } },
      warmUpSeconds: (hours * 3_600) / 24,
    }));
  }
  const rounds = whole(values, 'rounds', 1, 100_000);
  const traces: readonly Trace[] = String(values['trace']).split(',').map(traceOf);
  return traces.flatMap((trace) =>
    factors.map((factor) => traceScenario(trace, { ...noBursts, factor }, rounds, rest)),
  );
}

function traceOf(name: string): Trace {
  const known = traceNames.find((builtIn) => builtIn === name.trim());
  return known === undefined ? readTrace(name.trim()) : builtInTrace(known);
}

function searchOf(list: string): readonly PolicyKind[] {
  if (list === 'none') return [];
  const kinds = list === 'all' ? policyKinds : parsePolicies(list).map(({ kind }) => kind);
  return kinds.filter((kind) => kind !== 'oracle' && kind !== 'fixed');
}

function headOf(profile: Profile, scenarios: readonly Scenario[]): ReportHead {
  const mix = scenarios[0]?.mix ?? defaultMix;
  return {
    profile,
    traffic: `Thinking: log-normal, median ${mix.medianTokens}, sigma ${mix.sigma.toFixed(2)}; maxima ${mix.maxima.map(({ tokens, part }) => `${tokens} (${part * 100} %)`).join(', ')}; ${mix.elasticPart * 100} % of the requests elastic, down to ${mix.floorPart * 100} %.`,
    prices: `Dollars: estimates, ${defaultPrices.date}, ${profile.dollarsPerInstanceHour} an instance and hour.`,
  };
}

function withoutTimeline(comparison: ReturnType<typeof compare>) {
  return {
    ...comparison,
    results: comparison.results.map(({ outcome: { timeline: _, ...outcome }, ...result }) => ({ ...result, outcome })),
  };
}

function number(values: Values, option: string, min: number, max: number): number {
  const text = String(values[option]);
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. Give a number from ${min} to ${max}.`);
}

function whole(values: Values, option: string, min: number, max: number): number {
  const value = number(values, option, min, max);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${option} is ${value}. Give a whole number.`);
}
