import { parseArgs } from 'node:util';
import { logRecordSchema } from '../lambda/background/log-record.ts';
import { bodyOf, Process, playedWorld, post } from '../test/lambda/background/played-world.ts';

// Long thoughts in the background, whose process is killed again and again, against undisturbed ones. The model is played: its calls
// end as those of an endpoint do, and its text follows from the place of each token.
//
//   npm run bench:background -- --runs 200 --tokens 100000 --kills 20

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    tokens: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '20' },
    'call-tokens': { type: 'string', default: '14400' },
    seed: { type: 'string', default: '1' },
  },
});
const [runs, tokens, kills, callTokens] = [values.runs, values.tokens, values.kills, values['call-tokens']].map(Number);
const ask = { model: 'scripted', input: 'Think long.', temperature: 0, background: true, store: true };
let state = Number(values.seed);

/** A number from 0 to 1 (mulberry32). */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let value = Math.imul(state ^ (state >>> 15), 1 | state);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
}

async function run(points: readonly number[]) {
  const world = playedWorld({ thought: tokens ?? 0, callTokens: callTokens ?? 0 });
  await world.app.request('/v1/responses', post(ask));
  const [pointer] = world.started;
  if (pointer === undefined) throw new Error('Nothing was started.');
  const wasted: number[] = [];
  for (const point of points) {
    const process = new Process();
    world.model.onToken = async (sampled) => {
      if (sampled < point) return;
      process.kill();
      await process.lives();
    };
    const step = world.inProcess(process).runner.step(pointer, new AbortController().signal);
    await Promise.race([step, process.killed]);
    wasted.push(world.model.sampled);
  }
  world.model.onToken = () => {};
  await world.runToEnd(pointer);
  const body = await bodyOf(world.app.request(`/v1/responses/${pointer.id}`));
  let [records, bytes] = [0, 0];
  for await (const item of world.table.query(`RESPONSELOG#${pointer.id}`)) {
    records++;
    bytes += JSON.stringify(item).length;
    logRecordSchema.parse(JSON.parse(String(item['record'])));
  }
  return { body, usage: await world.usage(), sampled: world.model.sampled, records, bytes };
}

const calm = await run([]);
const expected = JSON.stringify([calm.body.output, calm.body.usage, calm.usage]);
const begun = performance.now();
let [equal, worst, total] = [0, 0, 0];
for (let index = 0; index < (runs ?? 0); index++) {
  const points = Array.from({ length: kills ?? 0 }, () => Math.floor(random() * (tokens ?? 0))).toSorted(
    (a, b) => a - b,
  );
  const killed = await run(points);
  const same = JSON.stringify([killed.body.output, killed.body.usage, killed.usage]) === expected;
  if (same) equal++;
  else process.stdout.write(`Run ${index} differs: ${JSON.stringify(points)}\n`);
  const wasted = (killed.sampled - calm.sampled) / Math.max(1, points.length);
  worst = Math.max(worst, wasted);
  total += wasted;
}
const seconds = (performance.now() - begun) / 1_000;
process.stdout.write(
  `${[
    `thoughts of ${tokens} tokens, calls of ${callTokens} tokens, ${kills} kills each`,
    `runs equal to the undisturbed one in text, counts and usage: ${equal} of ${runs}`,
    `wasted tokens a kill: ${(total / (runs ?? 1)).toFixed(1)} on average, ${worst.toFixed(1)} in the worst run`,
    `log of the undisturbed run: ${calm.records} records, ${(calm.bytes / (tokens ?? 1)).toFixed(1)} bytes a token`,
    `${(seconds / (runs ?? 1)).toFixed(2)} s a run`,
  ].join('\n')}\n`,
);
process.exit(equal === runs ? 0 : 1);
