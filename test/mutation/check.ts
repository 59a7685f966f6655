/**
 * Contributors' check: mutation testing by Stryker (`npm run check:mutation`). It changes the code of a room in small ways, one at a time,
 * and runs the room's tests: a change that no test notices is one that a user would notice first.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { equivalents } from './equivalents.ts';
import { MIN_SCORE, type Room, rooms } from './rooms.ts';
import { percentOf, reportSchema, type Score, type Survivor, scoreOf } from './score.ts';

/** Where the survivors are written. Git ignores it. */
const REPORTS = 'reports/mutation';
/** Time beyond a test's own time after which an endless loop is assumed, in milliseconds. */
const TIMEOUT_MS = 5_000;

const HELP = `npm run check:mutation -- [options]

  --room NAME      one room; may be repeated (default: all): ${Object.keys(rooms).join(', ')}
  --file PATH      only this file of the room, such as lambda/policy/admission.ts; may be repeated
  --sample PERCENT only a random part of the mutants, for a room that takes too long (default: all)
  --seed N         another sample (default: 1)
  --fresh          run every mutant again, not only those whose code or tests changed since the last run
  --concurrency N  test processes at a time, 1 to 16 (default: 1)
  --json           print one JSON line
  --help           print this text

A room has a time budget of ${Object.entries(rooms)
  .map(([name, { budgetMinutes }]) => `${budgetMinutes} min (${name})`)
  .join(', ')}: all of them need
a night on two cores. For a long room, give one file at a time. The survivors are written to ${REPORTS}/ROOM.txt.
A mutant that no test can notice belongs in test/mutation/equivalents.ts, with a reason.

Exit codes: 0 each room has ${MIN_SCORE} % or more, 1 one has less or exceeds its time, 2 wrong usage.`;

const { values } = parseArgs({
  options: {
    room: { type: 'string', multiple: true, default: [] },
    file: { type: 'string', multiple: true, default: [] },
    sample: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const concurrency = Number(values.concurrency);
if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 16) {
  usage(`--concurrency ${values.concurrency} is wrong. Give a whole number from 1 to 16.`);
}
const sample = { percent: Number(values.sample), seed: Number(values.seed) };
if (!(sample.percent > 0 && sample.percent <= 100)) {
  usage(`--sample ${values.sample} is wrong. Give percents: above 0, at most 100.`);
}
if (!Number.isInteger(sample.seed)) usage(`--seed ${values.seed} is wrong. Give a whole number.`);
const chosen = Object.entries(rooms).filter(([name]) => values.room.length === 0 || values.room.includes(name));
const unknown = values.room.find((name) => !Object.hasOwn(rooms, name));
if (unknown !== undefined) usage(`--room ${unknown} is unknown. Give one of ${Object.keys(rooms).join(', ')}.`);
if (values.file.length > 0 && values.room.length !== 1) usage('--file requires one --room.');

await mkdir(REPORTS, { recursive: true });
let failed = false;
const rows: { readonly room: string; readonly score: Score; readonly seconds: number }[] = [];
for (const [room, settings] of chosen) {
  const startedAt = performance.now();
  const score = await scoreRoom(room, settings);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  if (score === undefined) {
    failed = true;
    continue;
  }
  if (score.mutants === 0 && score.equivalent === 0) usage('No mutant was made. Is --file a file of the room?');
  rows.push({ room, score, seconds });
  await writeFile(join(REPORTS, `${room}.txt`), `${score.survivors.map(asText).join('\n\n')}\n`);
  if (percentOf(score) < MIN_SCORE || score.stale.length > 0) failed = true;
  if (!values.json) print(room, score, seconds);
}
if (values.json) {
  const data = rows.map(({ room, score: { noticed, mutants, equivalent }, seconds }) => ({
    room,
    percent: Math.round(10 * percentOf({ noticed, mutants })) / 10,
    noticed,
    mutants,
    equivalent,
    seconds,
  }));
  console.log(JSON.stringify({ minimum: MIN_SCORE, rooms: data }));
}
process.exit(failed ? 1 : 0);

/** Runs Stryker on a room. Returns `undefined` if it exceeds its time or fails; the reason is printed. */
async function scoreRoom(name: string, room: Room): Promise<Score | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'budgetforce-mutation-'));
  // In the repository, so that imports find node_modules.
  const sandbox = `.stryker-tmp/${process.pid}`;
  try {
    const reportFile = join(folder, 'report.json');
    const config = join(folder, 'stryker.json');
    await writeFile(
      config,
      JSON.stringify({
        testRunner: 'vitest',
        plugins: [
          createRequire(import.meta.url).resolve('@stryker-mutator/vitest-runner'),
          fileURLToPath(new URL('./sample-checker.ts', import.meta.url)),
        ],
        checkers: sample.percent === 100 ? [] : ['sample'],
        vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
        mutate: values.file.length > 0 ? values.file : room.mutate,
        // Stryker rewrites references of this file with an API that TypeScript 7 lacks.
        tsconfigFile: 'none.json',
        disableTypeChecks: false,
        coverageAnalysis: 'perTest',
        concurrency,
        incremental: true,
        // Stryker would reuse the results of another sample, which excludes other mutants.
        incrementalFile: join(
          REPORTS,
          `${name}${sample.percent === 100 ? '' : `-${sample.percent}-${sample.seed}`}.json`,
        ),
        force: values.fresh,
        timeoutMS: TIMEOUT_MS,
        ignorePatterns: ['.stryker-tmp', 'cdk.out', 'dist', 'docs', 'reports'],
        tempDirName: sandbox,
        reporters: ['json', 'progress-append-only'],
        jsonReporter: { fileName: reportFile },
        allowConsoleColors: false,
        logLevel: 'warn',
      }),
    );
    const code = await runStryker(config, room);
    if (code !== 0) {
      const why =
        code === 'late'
          ? `took longer than its ${room.budgetMinutes} minutes. Give one --file at a time.`
          : `could not be run: Stryker ended with ${code}. Its messages are above.`;
      console.error(`The room ${name} ${why}`);
      return undefined;
    }
    const { files } = reportSchema.parse(JSON.parse(await readFile(reportFile, 'utf8')));
    // The report has the earlier results of other files, too.
    const run = Object.entries(files).filter(([file]) => values.file.length === 0 || values.file.includes(file));
    return scoreOf({ files: Object.fromEntries(run) }, equivalents, sample);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(sandbox, { recursive: true, force: true });
  }
}

async function runStryker(config: string, room: Room): Promise<number | string> {
  const bin = join(
    dirname(createRequire(import.meta.url).resolve('@stryker-mutator/core/package.json')),
    'bin/stryker.js',
  );
  // A group of its own, so that the test processes end with it.
  const child = spawn(process.execPath, [bin, 'run', config], {
    // Its progress is not part of our output.
    stdio: ['ignore', process.stderr, 'inherit'],
    detached: true,
    env: { ...process.env, MUTATION_TESTS: room.tests.join(','), MUTATION_SAMPLE: JSON.stringify(sample) },
  });
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('SIGINT', () => {
    end();
    process.exit(130);
  });
  return await new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve('late');
      end();
    }, room.budgetMinutes * 60_000);
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? signal ?? 'no exit code');
    });
  });
}

function print(room: string, score: Score, seconds: number): void {
  const percent = percentOf(score).toFixed(1).padStart(6);
  const equal = score.equivalent === 0 ? '' : `, ${score.equivalent} equivalent left out`;
  const low = percentOf(score) < MIN_SCORE ? `  below ${MIN_SCORE} %: see ${REPORTS}/${room}.txt` : '';
  console.log(`${room.padEnd(12)}${percent} %  ${score.noticed} of ${score.mutants}${equal}, ${seconds} s${low}`);
  for (const { file, code, mutated } of score.stale) {
    console.log(`  no survivor is like this entry of equivalents.ts. Remove it: ${file}: ${code} → ${mutated}`);
  }
}

function asText({ file, line, code, mutated, covered }: Survivor): string {
  return `${file}:${line}${covered ? '' : ' (run by no test)'}\n- ${code}\n+ ${mutated}`;
}

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}
