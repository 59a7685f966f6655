import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';

const TRAIN = join(import.meta.dirname, '../../training/sft/train.py');

/** Runs train.py with FSDP on CPUs. */
export const FSDP_ON_CPU = join(import.meta.dirname, 'fsdp_on_cpu.py');

/** A line that train.py prints: the metrics of a step, or an event. */
const lineSchema = z.union([
  z.looseObject({ step: z.int(), steps: z.int(), loss: z.number(), tokens_per_second: z.number() }),
  z.looseObject({ event: z.string() }),
]);
type Line = z.infer<typeof lineSchema>;

/** How a run ended. */
interface FinishedRun {
  /** Exit status of torchrun. `null` if it was killed. */
  readonly status: number | null;
  readonly lines: readonly Line[];
  /** What the run wrote to stderr. */
  readonly errors: string;
}

/**
 * Runs train.py by torchrun with two processes.
 *
 * @param options.script another script with the arguments of train.py. @default train.py
 * @param options.stopWhen sends `signal` when it is true for a line. If omitted, the run ends by itself.
 * @param options.signal SIGKILL goes to all processes at once, as a lost machine; SIGTERM to torchrun.
 */
export async function runTraining(
  python: string,
  arguments_: readonly string[],
  {
    script = TRAIN,
    stopWhen = () => false,
    signal = 'SIGKILL',
    onLine = () => {},
  }: {
    readonly script?: string;
    readonly stopWhen?: (line: Line) => boolean;
    readonly signal?: 'SIGKILL' | 'SIGTERM';
    readonly onLine?: (line: Line) => void;
  } = {},
): Promise<FinishedRun> {
  const child = spawn(
    python,
    ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', script, ...arguments_],
    // A process group of its own, so that all of its processes can be killed at once.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, OMP_NUM_THREADS: '1' } },
  );
  const kill = () => killGroup(child, 'SIGKILL');
  process.once('exit', kill);
  let errors = '';
  child.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  const lines: Line[] = [];
  let signalled = false;
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (text) => {
    const line = lineSchema.parse(JSON.parse(text));
    lines.push(line);
    onLine(line);
    if (signalled || !stopWhen(line)) return;
    signalled = true;
    if (signal === 'SIGKILL') kill();
    else child.kill(signal);
  });
  const [[status]] = await Promise.all([
    once(child, 'close').then((values) => z.tuple([z.number().nullable(), z.unknown()]).parse(values)),
    once(reader, 'close'),
  ]);
  process.removeListener('exit', kill);
  return { status, lines, errors };
}

/** Kills the processes of a child's group, unless the child has ended. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
}

/** Number of the checkpoint that a run continued from. 0 if it began. */
export function continuedFrom(run: FinishedRun): number {
  return Number(/\d+$/.exec(String(eventOf(run, 'start')?.['checkpoint']))?.[0] ?? 0);
}

/** The last event of a name. */
export function eventOf({ lines }: FinishedRun, name: string): Readonly<Record<string, unknown>> | undefined {
  return lines.findLast((line) => line['event'] === name);
}
