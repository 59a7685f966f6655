import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as z from 'zod';
import type { Interval } from '../../evaluate/statistics/clusters.ts';
import { wilson } from '../../evaluate/statistics/wilson.ts';
import type { OwnAccuracy } from './own-accuracy.ts';
import type { RequestLog } from './request-log.ts';

/** What a harness runs against. */
export interface World {
  /** Folder for its files; `questions.jsonl` in it has the questions. */
  readonly folder: string;
  /** Address of the server, without `/v1`. */
  readonly url: string;
  /** Address of the SageMaker endpoint behind it. */
  readonly endpoint: string;
  readonly model: string;
  /** Requests of a load harness. */
  readonly requests: number;
  readonly own: OwnAccuracy;
  readonly log: RequestLog;
}

/** Whether a harness agrees with our own figures, and both in a sentence. */
export interface Finding {
  readonly agrees: boolean;
  readonly text: string;
}

export type Harness = (world: World) => Promise<Finding>;

/**
 * Compares a harness's accuracy, 0 to 1, with that of `budgetforce eval` on as many questions. Both are samples, so they agree if
 * Newcombe's 95 % interval of their difference (his method 10, not paired) contains 0.
 */
export function compareAccuracy(share: number, { share: ours, lines }: OwnAccuracy): Finding {
  const [a, b]: readonly [Sample, Sample] = [sampleOf(share, lines.length), sampleOf(ours, lines.length)];
  const difference = a.value - b.value;
  const low = difference - Math.hypot(a.value - a.low, b.high - b.value);
  const high = difference + Math.hypot(a.high - a.value, b.value - b.low);
  const points = (value: number): string => (value * 100).toFixed(1);
  return {
    agrees: low <= 0 && high >= 0,
    text: `${points(share)} % right, difference ${points(difference)} points (${points(low)} to ${points(high)})`,
  };
}

interface Sample extends Interval {
  readonly value: number;
}

function sampleOf(value: number, count: number): Sample {
  return { value, ...wilson(value, count) };
}

/**
 * Runs a command to its end.
 *
 * @throws {Error} with the end of its output if its exit code is not 0.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output = `${output}${data.toString()}`.slice(-4_000);
    });
  }
  const [code] = z.tuple([z.number().nullable(), z.unknown()]).parse(await once(child, 'close'));
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${output}`);
}
