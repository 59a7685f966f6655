/**
 * Generations with a fault in mid-stream, compared with the same ones without: `npm run bench:faults -- --generations 1000 --seed 1`.
 *
 * They run over the real API, client and event stream. Tokens come from a hash of the ids before them (bench/chained-engine.ts), or with
 * `--engine model` from the embedded model at temperature 0, where a near tie may fall differently after a resume. Prints for each kind of fault how many texts are the same and how
 * many generations lost or doubled text, hung, failed, broke their budget or counted wrongly. Exits with 1 if one did.
 */

import { parseArgs } from 'node:util';
import { faultKinds } from '../local/endpoint/random-fault.ts';
import { playFaults, type Verdict } from './fault-run.ts';

const { values } = parseArgs({
  options: {
    generations: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string', multiple: true },
    engine: { type: 'string', default: 'chained' },
    'idle-ms': { type: 'string', default: '500' },
  },
});

const kinds = faultKinds.filter((kind) => values.kind === undefined || values.kind.includes(kind));
const results = await playFaults({
  generations: Number(values.generations),
  seed: Number(values.seed),
  kinds,
  engine: values.engine === 'model' ? 'model' : 'chained',
  idleMs: Number(values['idle-ms']),
});
const verdicts = [
  'same',
  'differs',
  'lost',
  'doubled',
  'hung',
  'failed',
  'wrong budget',
  'wrong count',
] as const satisfies readonly Verdict[];
const rowOf = (rows: typeof results) =>
  Object.fromEntries([
    ['generations', rows.length],
    ...verdicts.map((verdict) => [verdict, rows.filter((row) => row.verdict === verdict).length]),
  ]);
console.table(
  Object.fromEntries([
    ...kinds.map((kind) => [kind, rowOf(results.filter((result) => result.kind === kind))]),
    ['all', rowOf(results)],
  ]),
);
console.log(`The slowest took ${(Math.max(...results.map(({ ms }) => ms)) / 1_000).toFixed(1)} s.`);
const wrong = results.filter(({ verdict }) => verdict !== 'same');
for (const { kind, verdict, expected, text } of wrong.slice(0, 20)) console.log({ kind, verdict, expected, text });
const allowed = (verdict: Verdict) => values.engine === 'model' && verdict === 'differs';
process.exitCode = wrong.every(({ verdict }) => allowed(verdict)) ? 0 : 1;
