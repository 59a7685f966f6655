/**
 * All traffics and all policies in one table: `npx node bench/scaling-table.ts`. Means of the seeds 1 to 5. `--only NAMES` and `--seeds N`
 * run a part, `--json` prints the results as JSON.
 *
 * The settings of our policy are those of lambda/policy. They were fitted on the traffics marked with "fitted" and are judged on the others. The
 * objective of all is named here, before the run: 95 % of the first tokens within 1 s and 0.15 ms for each token of the prompt, about twice
 * what a prompt takes alone. AWS's default has half of the load that a load test finds for it; "tuned" is the cheapest of `TUNED` parts of
 * that load with which the run met the objective, chosen afterwards; `fixed` and `oracle` are chosen afterwards as well.
 */

import { parseArgs } from 'node:util';
import type { Outcome } from '../simulate/engine/outcome.ts';
import type { Failure } from '../simulate/engine/simulate.ts';
import { type Policy, PolicyMaker } from '../simulate/policies.ts';
import { r1OnP5 } from '../simulate/profile.ts';
import { ON_TIME } from '../simulate/scaling/load-test.ts';
import { runScenario, type Scenario, shapedScenario, traceScenario } from '../simulate/scenario.ts';
import { type TrafficKindName, trafficKinds } from '../simulate/traffic/kinds.ts';
import type { RateShape } from '../simulate/traffic/shaped.ts';
import { defaultMix } from '../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, type TraceName } from '../simulate/traffic/trace.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const HOUR = 3_600;
const TUNED = [0.4, 0.6, 0.8, 1, 1.25];
const ORACLES = [0.7, 0.9, 1.1].flatMap((utilization) => [{ utilization, spreadSeconds: 600 }]);
/** Share of refused requests, and of the thinking, with which a run counts as having met the objective. */
const REFUSED = 0.001;

const rest = {
  profile: r1OnP5(),
  objective: { seconds: 1, secondsPerPromptToken: 0.000_15 },
  // The deployed default. Continued thoughts are prefilled again on another copy.
  routing: { prefixAware: false, concurrencyThreshold: 1_024 },
  minCopies: 1,
  maxCopies: 128,
};

type Case = (seed: number) => Scenario;

function recorded(name: TraceName, factor: number): Case {
  return (seed) => traceScenario(builtInTrace(name), { ...noBursts, factor }, 4, { ...rest, mix: defaultMix, seed });
}

function generated(
  name: TrafficKindName,
  hours: number,
  {
    rate = { swing: 0.3 },
    factor = 1,
    failures = [],
  }: { readonly rate?: RateShape; readonly factor?: number; readonly failures?: readonly Failure[] } = {},
): Case {
  const { kinds, requestsPerSecond } = trafficKinds[name];
  const settings = { kinds, requestsPerSecond: requestsPerSecond * factor, rate, seconds: hours * HOUR };
  return (seed) => ({ ...shapedScenario(name, settings, { ...rest, seed }), failures });
}

const lost = (part: number): Failure[] => [{ kind: 'copies', at: 3.5 * HOUR, part }];
const cases: Readonly<Record<string, { readonly fitted?: boolean; readonly make: Case }>> = {
  'conversation 1×': { fitted: true, make: recorded('conversation', 1) },
  'conversation 3×': { fitted: true, make: recorded('conversation', 3) },
  'code 1×': { fitted: true, make: recorded('code', 1) },
  'code 3×': { fitted: true, make: recorded('code', 3) },
  'long prompts': { fitted: true, make: generated('long', 6) },
  'long prompts, half shared': { make: generated('long-shared', 6) },
  'long prompts, random bursts 3×': {
    make: generated('long', 6, {
      rate: { swing: 0.3, bursts: { factor: 3, seconds: 300, gapSeconds: HOUR } },
      factor: 0.6,
    }),
  },
  documents: { make: generated('documents', 6) },
  agents: { make: generated('agents', 4) },
  'generated code': { make: generated('code', 5) },
  chat: { make: generated('chat', 5) },
  reasoning: { make: generated('reasoning', 5) },
  mixed: { make: generated('mixed', 5) },
  'mixed, a week': { make: generated('mixed', 168, { rate: { swing: 0.6, weekend: 0.4 }, factor: 0.1 }) },
  'launch, 10× in an hour': {
    make: generated('chat', 6, {
      rate: { swing: 0, launch: { at: 3 * HOUR, riseSeconds: HOUR, factor: 10 } },
      factor: 0.2,
    }),
  },
  'half of the copies gone': { make: generated('mixed', 5, { failures: lost(0.5) }) },
  'a zone of three gone': { make: generated('mixed', 5, { failures: lost(1 / 3) }) },
  'no capacity for 40 minutes': {
    make: generated('chat', 6, {
      rate: { swing: 0, launch: { at: 3 * HOUR, riseSeconds: 0.25 * HOUR, factor: 2 } },
      factor: 0.7,
      failures: [{ kind: 'capacity', at: 3 * HOUR, seconds: 2_400 }],
    }),
  },
};

interface Row {
  readonly policy: string;
  readonly outcome: Outcome;
  readonly met: boolean;
}

function meets({ onTime, refused, requests }: Outcome): boolean {
  return onTime >= ON_TIME && refused <= REFUSED * requests;
}

function rowsOf(make: Case, seed: number): { readonly rows: readonly Row[]; readonly loadTestMet: boolean } {
  const scenario = make(seed);
  const maker = new PolicyMaker(scenario);
  const play = (policy: string, made: Policy): Row => {
    const outcome = runScenario(scenario, made);
    return { policy, outcome, met: meets(outcome) };
  };
  const cheapest = (rows: readonly Row[]): Row => {
    const met = rows.filter((row) => row.met).toSorted((a, b) => a.outcome.gpuHours - b.outcome.gpuHours)[0];
    const most = rows.reduce((a, b) => (a.outcome.onTime >= b.outcome.onTime ? a : b));
    return met ?? most;
  };
  const full = maker.loadTest.maxConcurrency;
  const aws = (value: number | undefined) => maker.make({ kind: 'aws-concurrency', value });
  return {
    loadTestMet: maker.loadTest.met,
    rows: [
      play('AWS default', aws(undefined)),
      cheapest(TUNED.map((part) => play('AWS tuned', aws(part * full)))),
      fixedFleet(scenario, (value) => play('fixed', maker.make({ kind: 'fixed', value }))),
      play('ours, exact', maker.make({ kind: 'committed', value: undefined })),
      play('ours, elastic', maker.make({ kind: 'elastic', value: undefined })),
      cheapest(ORACLES.map((settings) => play('oracle', maker.oracle(settings, 'oracle')))),
    ],
  };
}

/** The smallest fleet of whole instances that meets the objective, by bisection. */
function fixedFleet({ profile, maxCopies }: Scenario, play: (copies: number) => Row): Row {
  const { copiesPerInstance } = profile;
  let low = 0;
  let high = Math.floor(maxCopies / copiesPerInstance);
  let found: Row | undefined;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const row = play(middle * copiesPerInstance);
    if (row.met) [found, high] = [row, middle];
    else low = middle;
  }
  return found ?? play(maxCopies);
}

const names = values.only === undefined ? Object.keys(cases) : values.only.split(';');
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
const mean = (all: readonly number[]) => all.reduce((sum, one) => sum + one, 0) / Math.max(1, all.length);
const results = names.map((name) => {
  const found = cases[name];
  if (found === undefined)
    throw new Error(`--only has ${JSON.stringify(name)}. Write ${Object.keys(cases).join('; ')}.`);
  const runs = seeds.map((seed) => rowsOf(found.make, seed));
  const rows = (runs[0]?.rows ?? []).map(({ policy }, at) => {
    const of = (value: (outcome: Outcome) => number) =>
      mean(runs.flatMap(({ rows: all }) => (all[at] === undefined ? [] : [value(all[at].outcome)])));
    const toAws = (value: (outcome: Outcome) => number) =>
      mean(
        runs.flatMap(({ rows: all }) => {
          const [aws, row] = [all[0], all[at]];
          return aws === undefined || row === undefined ? [] : [value(row.outcome) / value(aws.outcome)];
        }),
      );
    return {
      policy,
      gpuHours: of(({ gpuHours }) => gpuHours),
      gpuHoursOfAws: toAws(({ gpuHours }) => gpuHours),
      firstTokenP95OfAws: toAws(({ firstToken }) => firstToken.p95),
      firstToken: [of((o) => o.firstToken.p50), of((o) => o.firstToken.p95), of((o) => o.firstToken.p99)],
      answer: [of((o) => o.answer.p50), of((o) => o.answer.p95), of((o) => o.answer.p99)],
      refused: of(({ refused, requests }) => refused / Math.max(1, requests)),
      thinking: of(({ thinking }) => thinking.done / Math.max(1, thinking.natural)),
      onTime: of(({ onTime }) => onTime),
      metObjective: runs.filter(({ rows: all }) => all[at]?.met).length,
    };
  });
  return {
    name,
    fitted: found.fitted === true,
    seeds: seeds.length,
    loadTestMet: runs.every((run) => run.loadTestMet),
    rows,
  };
});

const percent = (part: number, digits = 0) => `${(100 * part).toFixed(digits)} %`;
if (values.json) process.stdout.write(`${JSON.stringify({ objective: rest.objective, results }, null, 2)}\n`);
else {
  const lines = [
    '| requests | policy | GPU hours | of AWS default | p95 of AWS default | first token p50, p95, p99 (s) | answer p50, p95, p99 (s) | refused | thinking | on time |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...results.flatMap(({ name, fitted, loadTestMet, rows }) =>
      rows.map((row, index) => {
        const title =
          index > 0 ? '' : `${name}${fitted ? ' (fitted)' : ''}${loadTestMet ? '' : ', no load meets the objective'}`;
        const times = (all: readonly number[], digits: number) => all.map((one) => one.toFixed(digits)).join(', ');
        return `| ${title} | ${row.policy} | ${row.gpuHours.toFixed(0)} | ${percent(row.gpuHoursOfAws)} | ${row.firstTokenP95OfAws.toFixed(2)} × | ${times(row.firstToken, 2)} | ${times(row.answer, 0)} | ${percent(row.refused, 1)} | ${percent(row.thinking)} | ${percent(row.onTime, 1)} |`;
      }),
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
