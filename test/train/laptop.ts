import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { RunFolder } from '../../cli/train/local/run-folder.ts';

const root = join(import.meta.dirname, '../..');
const PAGE = join(root, 'docs/fine-tuning.md');
const MAX_MINUTES = 15;

type Expect = (holds: boolean, what: string, errors?: string) => void;

/** The commands of a section of the page, block by block. */
export async function commandsOf(heading: string): Promise<readonly string[]> {
  const page = await readFile(PAGE, 'utf8');
  const section = page.split(`\n### ${heading}\n`)[1]?.split(/\n##+ /)[0] ?? '';
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

/**
 * Runs the laptop half of docs/fine-tuning.md as it is written: trains, is killed in the middle, goes on by the same command, serves the
 * models before and after, and compares them.
 *
 * @param python command with the packages of training/sft; its folder comes first on the path
 */
export async function runLaptopHalf(python: string, out: string, expectThat: Expect): Promise<void> {
  const folder = join(out, 'laptop');
  await mkdir(folder, { recursive: true });
  await symlink(join(root, 'local'), join(folder, 'local'));
  const blocks = await commandsOf('On a laptop');
  expectThat(blocks.length === 3, 'the page has three blocks of commands: train, serve, evaluate');
  const [training = '', serving = '', evaluating = ''] = blocks;
  const shell = await shellIn(folder, python);
  await train(shell, training, new RunFolder(join(folder, '.budgetforce/train/after')), expectThat);
  const server = shell.start(serving);
  try {
    await shell.untilServed(server);
    const { status, output } = await shell.run(evaluating);
    expectThat(status === 0, 'the commands of the page end well', output);
    const skill = await shell.json('npx budgetforce train compare .budgetforce/train/before after --json');
    expectThat(differenceOf(skill).low > 0, 'the new skill is better for certain');
    const ask = (model: string) =>
      `npx budgetforce eval --base-url http://localhost:8787/v1 --model ${model} --questions local/model/questions.jsonl --limit 200 --budgets none --waits none --samples 1 --baselines none --out old/${model}\n`;
    await shell.run(ask('before') + ask('after'));
    const old = await shell.json('npx budgetforce train compare old/before old/after --json');
    console.log(`The old skill: ${JSON.stringify(old.conditions)}`);
    expectThat(differenceOf(old).high >= 0, 'the old skill is not worse for certain');
  } finally {
    killGroup(server);
  }
}

/** Runs the command of the page, kills its processes in the middle, and runs it again. */
async function train(shell: Shell, command: string, folder: RunFolder, expectThat: Expect): Promise<void> {
  const startedAt = Date.now();
  const first = shell.run(command);
  const half = async () => {
    const { step, steps } = (await folder.readLog()).progress();
    return steps !== undefined && step * 2 > steps;
  };
  let ended = false;
  first.finally(() => {
    ended = true;
  });
  while (!ended && !(await half())) await sleep(200);
  const pid = folder.runningPid();
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  const killed = await first;
  expectThat(
    killed.status === 1 && killed.output.includes('was it killed?'),
    'a killed run says how to go on',
    killed.output,
  );
  const resumed = await shell.run(command);
  expectThat(resumed.status === 0, 'the same command ends well', resumed.output);
  const starts = (await readFile(folder.log, 'utf8')).split('\n').filter((line) => line.includes('"event":"start"'));
  const checkpoint = Number(/checkpoint-(\d+)/.exec(starts.at(-1) ?? '')?.[1] ?? 0);
  expectThat(starts.length === 2 && checkpoint >= 300, `it goes on from checkpoint-${checkpoint}`);
  expectThat(existsSync(folder.gguf) && existsSync(join(folder.model, 'model.safetensors')), 'it exports both forms');
  const copied = await Promise.all(
    [folder.base, folder.model].map((path) => readFile(join(path, 'tokenizer.json'), 'utf8')),
  );
  expectThat(copied[0] === copied[1], 'the trained model has the tokenizer of its base');
  const minutes = (Date.now() - startedAt) / 60_000;
  console.log(`Training: ${minutes.toFixed(1)} minutes, with the kill, both starts and the export.`);
  expectThat(minutes <= MAX_MINUTES, `training takes at most ${MAX_MINUTES} minutes`);
}

const comparedSchema = z.object({
  conditions: z
    .array(
      z.object({
        condition: z.string(),
        difference: z.object({ share: z.number(), low: z.number(), high: z.number() }),
      }),
    )
    .min(1),
});
type Compared = z.infer<typeof comparedSchema>;

function differenceOf({ conditions: [natural] }: Compared) {
  return natural?.difference ?? { share: 0, low: 0, high: 0 };
}

interface Shell {
  run(commands: string): Promise<{ readonly status: number | null; readonly output: string }>;
  start(commands: string): ChildProcess;
  json(command: string): Promise<Compared>;
  untilServed(server: ChildProcess): Promise<void>;
}

/** A shell in which `npx budgetforce` is this repository's, and port 8787 is a free one. */
async function shellIn(folder: string, python: string): Promise<Shell> {
  const port = await freePort();
  const program = `"${process.execPath}" "${join(root, 'bin/budgetforce.ts')}"`;
  const npx = `npx() { shift; if [ "$1" = start ]; then set -- "$@" --port ${port}; fi; ${program} "$@"; }\n`;
  const path = isAbsolute(python) ? `${dirname(python)}${delimiter}${process.env['PATH']}` : process.env['PATH'];
  const start = (commands: string) =>
    spawn('bash', ['-euo', 'pipefail', '-c', npx + commands.replaceAll('localhost:8787', `localhost:${port}`)], {
      cwd: folder,
      env: { ...process.env, PATH: path },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const run = async (commands: string, quiet = false) => {
    const child = start(commands);
    const stop = () => killGroup(child);
    process.once('exit', stop);
    let output = '';
    let printed = '';
    child.stdout.on('data', (bytes) => {
      printed += bytes;
      output += bytes;
      if (!quiet) process.stdout.write(bytes);
    });
    child.stderr.on('data', (bytes) => {
      output += bytes;
      if (!quiet) process.stdout.write(bytes);
    });
    const [status] = z.tuple([z.number().nullable(), z.unknown()]).parse(await once(child, 'close'));
    process.off('exit', stop);
    return { status, output, printed };
  };
  return {
    run,
    start: (commands) => {
      const child = start(commands);
      process.once('exit', () => killGroup(child));
      child.stdout.resume();
      child.stderr.resume();
      return child;
    },
    json: async (command) => comparedSchema.parse(JSON.parse((await run(command, true)).printed)),
    untilServed: async (server) => {
      for (;;) {
        if (server.exitCode !== null) throw new Error('npx budgetforce start ended.');
        const response = await fetch(`http://localhost:${port}/healthz`).catch(() => undefined);
        if (response?.ok) return;
        await sleep(200);
      }
    },
  };
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGTERM');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.object({ port: z.int() }).parse(server.address());
  server.close();
  await once(server, 'close');
  return port;
}
