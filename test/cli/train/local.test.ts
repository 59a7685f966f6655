import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { RunFolder } from '../../../cli/train/local/run-folder.ts';
import { recipeOptions } from '../../../cli/train/recipe-values.ts';
import { TrainingLog } from '../../../cli/train/training-log.ts';

const bin = resolve('bin/budgetforce.ts');
let folder: string;
let python: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'train-local-'));
  python = join(folder, 'python');
  writeFileSync(python, `#!/bin/sh\nexec ${process.execPath} ${resolve('test/cli/train/fake-python.ts')} "$@"\n`);
  chmodSync(python, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const gate = () => join(folder, 'gate');
const runs = () => join(folder, 'runs');
const argumentsOf = (argv: readonly string[]) => [bin, 'train', ...argv, '--runs', runs()];

/** Runs the command to its end. */
function train(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, argumentsOf(argv), {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return { status, stdout, stderr };
}
const start = (more: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) =>
  train(['start', '--local', '--python', python, ...more], environment);

/** Starts a training that waits after seven steps until `gate` exists. */
async function startSlowly(more: readonly string[] = []) {
  const child = spawn(
    process.execPath,
    argumentsOf(['start', '--local', '--python', python, '--run', 'slow', ...more]),
    {
      env: { ...process.env, FAKE_GATE: gate() },
    },
  );
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const ended = once(child, 'close').then(([status]) => ({ status: z.number().nullable().parse(status), stderr }));
  await until(() => logOf('slow').includes('"step":7,'));
  return { child, ended };
}

function logOf(run: string): string {
  const path = join(runs(), run, 'log.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('It does not come to hold.');
    await new Promise((done) => setTimeout(done, 50));
  }
}

const statusOf = (run: string) => JSON.parse(train(['status', run, '--json']).stdout);
const starts = (run: string) =>
  logOf(run)
    .split('\n')
    .filter((line) => line.includes('"start"'))
    .map((line) => JSON.parse(line).checkpoint);

describe('budgetforce train start --local', () => {
  it('makes example rows, trains, exports, and says how to serve and evaluate', () => {
    const { status, stdout, stderr } = start();
    expect(status, stderr).toBe(0);
    const [run = ''] = readdirSync(runs()).filter((name) => name !== 'example');
    expect(run).toMatch(/^\d{8}-[0-9a-f]{8}$/);
    const path = join(runs(), run);
    expect(stdout).toContain(`${run}: 20 steps, loss 2.000 → 0.103\n`);
    expect(stdout).toContain(`npx budgetforce start --model ${run}=`);
    expect(stdout).toMatch(
      /npx budgetforce eval .* --questions \S*runs\/example\/questions\.jsonl --out \S*\/evaluation\n/,
    );
    expect([existsSync(join(path, 'model/config.json')), existsSync(join(path, 'model.gguf'))]).toEqual([true, true]);
    expect(statusOf(run)).toMatchObject({ state: 'done', place: 'this machine', progress: { step: 20, rows: 3 } });
    expect(train(['runs']).stdout).toMatch(new RegExp(`^${run} .* this machine {2}done\n$`));
    expect(train(['logs']).stdout).toBe(readFileSync(join(path, 'log.jsonl'), 'utf8'));
  });

  it('is over if the same command ran before, and begins anew with other options', () => {
    start();
    expect(start().stderr).toMatch(/^The run \S+ is done\./);
    expect(start(['--epochs', '3']).status).toBe(0);
    expect(readdirSync(runs())).toHaveLength(3);
  });

  it('stops with a checkpoint at Ctrl-C, and goes on by the same command', async () => {
    const { child, ended } = await startSlowly();
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /Stopping with a checkpoint[\s\S]*budgetforce train: Stopped at step \d+ of 20 with checkpoint-\d+\. The same command goes on from there\.\n$/,
    );
    expect(statusOf('slow')).toMatchObject({ state: 'stopped' });
    expect(start(['--run', 'slow']).status).toBe(0);
    expect(starts('slow')).toEqual([null, expect.stringMatching(/^checkpoint-\d+$/)]);
    expect(statusOf('slow')).toMatchObject({ state: 'done', progress: { step: 20 } });
  });

  it('goes on from the last checkpoint after its processes were killed', async () => {
    const { ended } = await startSlowly();
    process.kill(-(new RunFolder(join(runs(), 'slow')).runningPid() ?? 0), 'SIGKILL');
    const { status, stderr } = await ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /without saying why: was it killed\? Its last checkpoint is checkpoint-5\. The same command goes on from there\.\n$/,
    );
    expect(statusOf('slow')).toMatchObject({ state: 'interrupted' });
    expect(start(['--run', 'slow']).status).toBe(0);
    expect(starts('slow')).toEqual([null, 'checkpoint-5']);
  });

  it('leaves the training alone if the command itself is killed, and follows it by the same command', async () => {
    const { child, ended } = await startSlowly();
    child.kill('SIGKILL');
    await ended;
    expect(statusOf('slow')).toMatchObject({ state: 'running' });
    const second = spawn(process.execPath, argumentsOf(['start', '--local', '--python', python, '--run', 'slow']));
    let stderr = '';
    second.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    const followed = once(second, 'close');
    await until(() => stderr.includes('The run slow is going already. Its progress:\n'));
    writeFileSync(gate(), '');
    const [status] = await followed;
    expect(status, stderr).toBe(0);
    expect(starts('slow')).toEqual([null]);
    expect(existsSync(join(runs(), 'slow/model.gguf'))).toBe(true);
  });

  it('is stopped from another terminal', async () => {
    const { ended } = await startSlowly();
    const stopped = train(['stop', 'slow']);
    expect(stopped.stdout).toMatch(/^Stopped at step \d+ of 20 with checkpoint-\d+\. /);
    expect((await ended).status).toBe(1);
    expect(train(['stop', 'slow'])).toMatchObject({
      status: 2,
      stderr: 'budgetforce train: The run slow is not running: it is stopped.\n',
    });
  });

  it('is found from another folder than the one it was started in', async () => {
    const started = spawn(
      process.execPath,
      [bin, 'train', 'start', '--local', '--python', python, '--run', 'slow', '--runs', 'runs'],
      { cwd: folder, env: { ...process.env, FAKE_GATE: gate() }, stdio: 'ignore' },
    );
    const ended = once(started, 'close');
    await until(() => logOf('slow').includes('"step":7,'));
    expect(train(['stop', 'slow']).stdout).toMatch(/^Stopped at step \d+ of 20/);
    await ended;
  });

  it('passes on why the script refuses', () => {
    const refused = start(['--run', 'bad'], {
      FAKE_REFUSAL: '3 rows, fewer than one batch. Write --batch-size 3 or less.',
    });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      /budgetforce train: 3 rows, fewer than one batch\. Write --batch-size 3 or less\. \(All of the output: .*errors\.log\)\n$/,
    );
    expect(statusOf('bad')).toMatchObject({
      state: 'failed',
      notes: [expect.stringContaining('fewer than one batch')],
    });
  });

  it('gives the safetensors alone if the model cannot be GGUF here', () => {
    const { status, stdout, stderr } = start([], { FAKE_GGUF: 'refused' });
    expect(status).toBe(0);
    expect(stderr).toContain(
      'No GGUF file was written: FOLDER is no llama like the embedded models: its architecture is qwen2.\n',
    );
    expect(stdout).toContain('vLLM serves the folder');
  });

  it.each<[string, readonly string[], Readonly<Record<string, string>>, RegExp]>([
    [
      'a Python without packages',
      [],
      { FAKE_MISSING: 'trl,gguf' },
      /lacks the packages trl, gguf\. Install them: \S+ -m pip install --requirement \S+requirements\.txt\n$/,
    ],
    ['an old Python', [], { FAKE_VERSION: '3.9' }, /is Python 3\.9, but the script needs 3\.11 or later/],
    ['no Python', ['--python', '/nowhere/python'], {}, /--python \/nowhere\/python cannot be run as Python/],
    ['data that does not exist', ['--data', '/nowhere.jsonl'], {}, /\/nowhere\.jsonl does not exist\./],
    [
      'a model without data',
      ['--model', '/models/mine', '--format', 'qwen3'],
      {},
      /Give the rows: --data rows\.jsonl\./,
    ],
    [
      'a model without format',
      ['--model', '/models/mine', '--data', 'x.jsonl'],
      {},
      /Say how the model delimits its thinking: --format, one of s1, /,
    ],
    ['an unknown option', ['--set', 'epoch=1'], {}, /--set epoch: training\/sft has no such option\. It has /],
    ['an option without value', ['--set', 'epochs'], {}, /--set is "epochs"\. Give an option and its value/],
    ['a name that is none', ['--run', '../x'], {}, /"\.\.\/x" is no name of a run\./],
  ])('refuses %s with one sentence', (_, argv, environment, message) => {
    const { status, stderr } = start(argv, environment);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('refuses the name of a run with other options, and says which', () => {
    start(['--run', 'mine']);
    expect(start(['--run', 'mine', '--epochs', '3']).stderr).toBe(
      'budgetforce train: The run mine has another options ({"epochs":"10","learning_rate":"1e-3"}, now {"epochs":"3","learning_rate":"1e-3"}). Give another --run.\n',
    );
  });

  it('says what an environment needs if it cannot be made', () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const without = train(['start', '--local', '--venv', join(folder, 'venv')], { PATH: empty });
    expect(without.status).toBe(1);
    expect(without.stderr).toMatch(
      /^budgetforce train: Training needs python3, 3\.11 or later; there is none on the path\./,
    );
    const failing = join(folder, 'failing');
    mkdirSync(failing);
    // python3 that can do nothing but say its version, and no network.
    writeFileSync(
      join(failing, 'python3'),
      '#!/bin/sh\n[ "$2" = "import sys; print(*sys.version_info[:2])" ] && echo 3 12 || exit 1\n',
    );
    chmodSync(join(failing, 'python3'), 0o755);
    const offline = train(['start', '--local', '--venv', join(folder, 'venv')], { PATH: `${failing}:/usr/bin:/bin` });
    expect(offline.status).toBe(1);
    expect(offline.stderr).toMatch(
      /could not be made; what failed is above\. It needs a package index that can be reached \(PIP_INDEX_URL names another one\)/,
    );
  });

  it('says that there is no such run', () => {
    expect(train(['status', 'gone']).stderr).toMatch(
      /There is no run gone in \S+\. For a run of a deployment give its config/,
    );
    expect(train(['logs']).stderr).toMatch(/There are no runs in \S+\. Start one: /);
    start(['--run', 'mine']);
    expect(train(['status', 'gone']).stderr).toMatch(/There is no run gone in \S+, but mine\./);
    expect(train(['promote', 'mine']).stderr).toMatch(
      /promote is for runs on AWS, and mine is one of this machine\. To serve its model: npx budgetforce start --model mine=/,
    );
    expect(train(['compare', 'mine', 'mine']).stdout).toContain(
      'mine has no evaluation. To make one: npx budgetforce eval',
    );
  });
});

describe('the options of a recipe', () => {
  it('are those of training/sft that the command does not set itself', () => {
    const source = readFileSync('training/sft/options.py', 'utf8');
    const names = [...source.matchAll(/^ {4}\w+\("--([a-z0-9-]+)"/gm)].map(([, name = '']) =>
      name.replaceAll('-', '_'),
    );
    const ofTasks = ['task', 'beta', 'ld_alpha', 'generations', 'token_price', 'grader', 'temperature'];
    const files = ['model', 'data', 'format', 'output', 'checkpoints', 'columns', 'resume'];
    const own = [...files, ...ofTasks, 'max_completion_length'];
    expect(names.filter((name) => !own.includes(name)).toSorted()).toEqual([...recipeOptions].toSorted());
  });
});

describe('the log of a training', () => {
  const step = (number: number, loss: number, tokens: number) =>
    JSON.stringify({
      step: number,
      steps: 10,
      epoch: 1,
      loss,
      learning_rate: 1,
      token_accuracy: 1,
      tokens_per_second: 100,
      tokens,
    });

  it('counts steps that were done twice once, and the time left from the last start', () => {
    const log = new TrainingLog();
    const lines = [
      '{"event":"start","checkpoint":null,"rows":4}',
      ...[step(1, 5, 100), step(2, 4, 200), '{"event":"checkpoint","step":2}', step(3, 3, 300)],
      ...['Traceback of another program', '{"event":"start","checkpoint":"checkpoint-2","rows":4}', step(3, 3.5, 100)],
    ];
    for (const line of lines) log.add(line);
    expect(log.losses).toEqual([
      { step: 1, loss: 5 },
      { step: 2, loss: 4 },
      { step: 3, loss: 3.5 },
    ]);
    expect(log.progress()).toMatchObject({
      step: 3,
      steps: 10,
      firstLoss: 5,
      loss: 3.5,
      secondsLeft: 7,
      checkpoint: 'checkpoint-2',
    });
  });

  it('has an end only if the last start came to it', () => {
    const log = new TrainingLog();
    log.add('{"event":"start","checkpoint":null}');
    log.add('{"event":"stopped","step":3,"checkpoint":"checkpoint-3"}');
    expect(log.progress().end).toBe('stopped');
    log.add('{"event":"start","checkpoint":"checkpoint-3"}');
    expect(log.progress()).toMatchObject({ end: undefined, step: 3 });
  });
});
