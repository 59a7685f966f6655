/**
 * Contributors' check: the training script on this machine's CPU (`npm run check:train`), and the laptop half of docs/fine-tuning.md
 * as it is written: two processes teach the embedded model a new skill by 1,000 rows; the run is killed in the middle and continued; the
 * result is exported, served by the embedded engine and compared with the model before. Fails if the skill is not better for certain,
 * or the old one is worse for certain.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { installEnvironment, runOrExit } from './environment.ts';
import { runLaptopHalf } from './laptop.ts';
import { continuedFrom, eventOf, FSDP_ON_CPU, runTraining } from './training-run.ts';

const root = join(import.meta.dirname, '../..');
const EMBEDDED = join(root, 'local/model/budgetforce-tiny.gguf');

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    'download-cuda': { type: 'boolean', default: false },
    out: { type: 'string', default: join(root, 'training/work/sft') },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.only !== undefined && values.only !== 'laptop')
  throw new Error('--only is for laptop: the commands of docs/fine-tuning.md.');
if (values.help) {
  console.log(
    'npm run check:train -- [--python COMMAND with training/sft/requirements.txt] [--download-cuda] [--only laptop] [--out FOLDER]',
  );
  process.exit(0);
}

const python = values.python ?? (await installEnvironment(values['download-cuda']));
const out = values.out;
const [base, skill] = [join(out, 'base'), join(out, 'skill')];
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const failures: string[] = [];
const common = ['--model', base, '--format', 's1', '--learning-rate', '1e-3'];
if (values.only !== 'laptop') {
  for (const file of [
    'test_data.py',
    'test_launch.py',
    'test_export.py',
    'test_preference.py',
    'test_grading.py',
    'test_reward.py',
  ])
    runOrExit(python, [join(import.meta.dirname, file)]);
  runOrExit(python, [join(root, 'training/export_safetensors.py'), '--gguf', EMBEDDED, '--out', base]);
  runOrExit(python, [join(root, 'training/sft/skill.py'), '--out', skill]);
  await checkRefusals();
  await checkSameWeights();
  await checkStop();
  await checkHosts();
  for (const rank of [0, 8]) await checkSharding(rank);
}
await runLaptopHalf(python, out, expectThat);
for (const failure of failures) console.error(`FAILED: ${failure}`);
console.log(failures.length === 0 ? 'Passed.' : 'Failed.');
process.exit(failures.length === 0 ? 0 : 1);

/** A run that is killed and continued gives the weights of one that is not, bit by bit. */
async function checkSameWeights(): Promise<void> {
  const options = [...common, '--data', join(skill, 'train.jsonl'), '--max-steps', '40', '--save-steps', '4'];
  const whole = await runTraining(python, [...options, '--output', join(out, 'whole')]);
  expectThat(whole.status === 0, 'a run of 40 steps ends well', whole.errors);
  const interrupted = [...options, '--output', join(out, 'interrupted')];
  await runTraining(python, interrupted, { stopWhen: ({ step, loss }) => step === 10 && loss !== undefined });
  const resumed = await runTraining(python, interrupted);
  expectThat(
    continuedFrom(resumed) >= 8 && continuedFrom(resumed) < 40,
    `a killed run continues from checkpoint-${continuedFrom(resumed)}`,
  );
  const weights = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(out, name, 'model.safetensors')))
      .digest('hex');
  expectThat((await weights('whole')) === (await weights('interrupted')), 'a continued run has the same weights');
  const other = await runTraining(python, [...interrupted, '--seed', '2']);
  expectThat(/belongs to another run \(seed 1 → 2\)/.test(other.errors), 'a run of another seed is refused');
}

/** Two hosts of a job, as launch.py starts them: SIGTERM at one of them stops both at the same step, with a checkpoint of both. */
async function checkHosts(): Promise<void> {
  const output = join(out, 'hosts');
  const hosts = ['127.0.0.1', 'localhost'];
  const options = [...common, '--data', join(skill, 'train.jsonl'), '--output', output, '--save-steps', '1000'];
  const launchers = hosts.map((host) =>
    spawn(python, [join(root, 'training/sft/launch.py'), ...options], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        SM_HOSTS: JSON.stringify(hosts),
        SM_CURRENT_HOST: host,
        SM_NUM_GPUS: '0',
        SM_NETWORK_INTERFACE_NAME: 'lo',
      },
    }),
  );
  const [first, second] = launchers;
  if (first === undefined || second === undefined) return;
  let text = '';
  first.stdout.on('data', (bytes) => {
    text += bytes;
    if (text.includes('{"step":3,')) second.kill('SIGTERM');
  });
  second.stdout.resume();
  const statuses = await Promise.all(
    launchers.map(
      async (launcher) => z.tuple([z.number().nullable(), z.unknown()]).parse(await once(launcher, 'close'))[0],
    ),
  );
  const step = /"event":"stopped","step":(\d+)/.exec(text)?.[1];
  const marks = await Promise.all(
    hosts.map((_, node) =>
      readFile(join(output, 'checkpoints', `checkpoint-${step}`, `complete-${node}.json`)).then(
        () => true,
        () => false,
      ),
    ),
  );
  expectThat(statuses[1] === 143 && statuses[0] !== 0, `a stop of one host ends both: ${statuses.join(' and ')}`);
  expectThat(step !== undefined && marks.every(Boolean), `both hosts stop with a whole checkpoint-${step}`);
}

/** FSDP with activation checkpointing, killed and continued, gives the weights of DDP: for all weights, and for an adapter. */
async function checkSharding(rank: number): Promise<void> {
  const name = rank === 0 ? 'all weights' : 'an adapter';
  const options = [...common, '--data', join(skill, 'train.jsonl'), '--max-steps', '20', '--save-steps', '4'];
  options.push('--lora-rank', String(rank));
  const [plain, sharded] = [join(out, `plain-${rank}`), join(out, `sharded-${rank}`)];
  const first = await runTraining(python, [...options, '--output', plain]);
  const arguments_ = [...options, '--output', sharded, '--fsdp', 'on', '--activation-checkpointing', 'on'];
  await runTraining(python, arguments_, {
    script: FSDP_ON_CPU,
    stopWhen: ({ step, loss }) => step === 7 && loss !== undefined,
  });
  const resumed = await runTraining(python, arguments_, { script: FSDP_ON_CPU });
  expectThat(first.status === 0 && resumed.status === 0, `runs for ${name} end well`, resumed.errors);
  expectThat(
    continuedFrom(resumed) >= 4 && continuedFrom(resumed) < 20,
    `with FSDP a killed run continues from checkpoint-${continuedFrom(resumed)}`,
  );
  const { stdout } = spawnSync(python, [join(import.meta.dirname, 'compare_weights.py'), sharded, plain, base]);
  const { names, largest, moved } = z
    .object({ names: z.boolean(), largest: z.number(), moved: z.number() })
    .parse(JSON.parse(stdout.toString()));
  expectThat(
    names && largest < moved / 100,
    `FSDP trains ${name} as DDP: largest difference ${largest}, of ${moved} from the base`,
  );
}

/** SIGTERM gives a checkpoint and no model. */
async function checkStop(): Promise<void> {
  const output = join(out, 'stopped');
  const options = [...common, '--data', join(skill, 'train.jsonl'), '--output', output, '--save-steps', '1000'];
  const stopped = await runTraining(python, options, {
    stopWhen: ({ step, loss }) => step === 3 && loss !== undefined,
    signal: 'SIGTERM',
  });
  const step = z.object({ step: z.int() }).parse(eventOf(stopped, 'checkpoint') ?? { step: 0 }).step;
  const marks = await readFile(join(output, 'checkpoints', `checkpoint-${step}`, 'complete-0.json'), 'utf8').catch(
    () => undefined,
  );
  expectThat(stopped.status !== 0 && step >= 3 && marks !== undefined, 'a stopped run leaves a whole checkpoint');
  expectThat(
    (await readFile(join(output, 'model.safetensors')).catch(() => undefined)) === undefined,
    'a stopped run leaves no model',
  );
}

/** Bad data and options are one sentence before anything is trained. */
async function checkRefusals(): Promise<void> {
  const bad = join(out, 'bad.jsonl');
  await writeFile(bad, '{"question":"1+1?","thought":"1+1=2","answer":"2"}\n{"question":"1+1?","answer":"2"}\n');
  const output = ['--output', join(out, 'refused')];
  const good = join(skill, 'train.jsonl');
  for (const [options, message] of [
    [['--data', bad], /bad\.jsonl, line 2: column 'thought' is missing/],
    [
      ['--data', good, '--block-size', '100'],
      /rows have more than 100 tokens; the longest, .*train\.jsonl, line \d+, has \d+/,
    ],
    [['--data', good, '--batch-size', '15'], /--batch-size 15 cannot be shared by 2 processes/],
    [['--data', good, '--batch-size', '2000'], /1000 rows, fewer than one batch/],
    [['--data', good, '--fsdp', 'on'], /--fsdp on needs GPUs/],
    [['--data', good, '--resume'], /no whole checkpoint to resume/],
  ] as const) {
    const { status, errors } = await runTraining(python, [...common, ...output, ...options]);
    expectThat(status !== 0 && message.test(errors), `${options.join(' ')} is refused by ${message}`);
  }
}

/** Notes whether something holds. `errors`: what the run wrote to stderr, whose end is shown if it does not. */
function expectThat(holds: boolean, what: string, errors = ''): void {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (!holds) failures.push(`${what}\n${errors.slice(-2_000)}`);
}
