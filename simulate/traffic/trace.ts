import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Arrival } from '../engine/job.ts';
import { Random } from '../random.ts';
import { drawThinking, type ThinkingMix } from './thinking.ts';
import type { Traffic } from './traffic.ts';

/** Recorded requests: arrival times in seconds since the first, and lengths of prompts and answers in tokens. */
export interface Trace {
  readonly name: string;
  readonly at: Float64Array;
  readonly promptTokens: Int32Array;
  readonly answerTokens: Int32Array;
  /** Length of one round when the trace is repeated, in seconds. */
  readonly periodSeconds: number;
}

/** The included traces, see simulate/traces/README.md. */
export const traceNames = ['conversation', 'code'] as const;
export type TraceName = (typeof traceNames)[number];

export function builtInTrace(name: TraceName): Trace {
  return readTrace(new URL(`../traces/azure-llm-2023-${name}.csv.gz`, import.meta.url), name);
}

/**
 * Reads a CSV file with a header line, gzipped or not. Columns are found by name, in any order: the time (`TIMESTAMP`, `time`,
 * `arrived_at`, `seconds`; a date with up to nine fractional digits, or seconds), the prompt (`ContextTokens`, `prompt_tokens`,
 * `input_tokens`), and the answer (`GeneratedTokens`, `completion_tokens`, `output_tokens`, `answer_tokens`).
 *
 * @throws {Error} with the file, the line and the problem
 */
export function readTrace(file: string | URL, name = String(file)): Trace {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new Error(`${name} cannot be read as a trace: ${cause instanceof Error ? cause.message : cause}.`, {
      cause,
    });
  }
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return parseTrace((gzipped ? gunzipSync(bytes) : bytes).toString('utf8'), name);
}

const columnNames = {
  time: ['timestamp', 'time', 'arrived_at', 'seconds'],
  prompt: ['contexttokens', 'prompt_tokens', 'input_tokens'],
  answer: ['generatedtokens', 'completion_tokens', 'output_tokens', 'answer_tokens'],
} as const;

export function parseTrace(text: string, name: string): Trace {
  const lines = text.split('\n');
  const heading = (lines[0] ?? '').trim().split(',');
  const column = (kind: keyof typeof columnNames) => {
    const names: readonly string[] = columnNames[kind];
    const index = heading.findIndex((title) => names.includes(title.trim().toLowerCase()));
    if (index < 0)
      throw new Error(
        `${name}, line 1: no column for the ${kind}. Name it ${names.join(', ')}. The columns are ${heading.join(', ')}.`,
      );
    return index;
  };
  const columns = { time: column('time'), prompt: column('prompt'), answer: column('answer') };
  const rows: { readonly at: number; readonly prompt: number; readonly answer: number }[] = [];
  for (let index = 1; index < lines.length; index++) {
    const line = (lines[index] ?? '').trim();
    if (line === '') continue;
    const cells = line.split(',');
    const at = secondsOf(cells[columns.time] ?? '');
    const prompt = Number(cells[columns.prompt]);
    const answer = Number(cells[columns.answer]);
    if (!Number.isFinite(at))
      throw new Error(
        `${name}, line ${index + 1}: ${JSON.stringify(line)} has no valid time. Write a date or seconds.`,
      );
    for (const count of [prompt, answer]) {
      if (!Number.isInteger(count) || count < 0)
        throw new Error(
          `${name}, line ${index + 1}: ${JSON.stringify(line)} has an invalid token count. Write a whole number from 0.`,
        );
    }
    rows.push({ at, prompt, answer });
  }
  if (rows.length === 0) throw new Error(`${name} contains no requests.`);
  rows.sort((a, b) => a.at - b.at);
  const first = rows[0]?.at ?? 0;
  const last = (rows.at(-1)?.at ?? 0) - first;
  return {
    name,
    at: Float64Array.from(rows, ({ at }) => at - first),
    promptTokens: Int32Array.from(rows, ({ prompt }) => prompt),
    answerTokens: Int32Array.from(rows, ({ answer }) => answer),
    // The gap between two rounds is the mean gap between two requests.
    periodSeconds: rows.length > 1 ? last + last / (rows.length - 1) : 1,
  };
}

/** Parses seconds or a date. The fraction of a date is parsed separately, because `Date` keeps only milliseconds. */
function secondsOf(cell: string): number {
  const text = cell.trim();
  if (text === '') return Number.NaN;
  const plain = Number(text);
  if (Number.isFinite(plain)) return plain;
  const found = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?$/.exec(text);
  if (found === null) return Number.NaN;
  return Date.parse(`${found[1]}T${found[2]}Z`) / 1_000 + Number(found[3] ?? 0);
}

/** Periodic bursts that are added to a trace. */
export interface Bursts {
  /** Factor of the requests during a burst. 1 disables bursts. */
  readonly factor: number;
  /** Duration of a burst, and time from the start of one to the start of the next, in seconds. */
  readonly seconds: number;
  readonly everySeconds: number;
  /** Start of the first burst, in seconds. */
  readonly firstAt: number;
}

export const noBursts: Bursts = { factor: 1, seconds: 300, everySeconds: 1_200, firstAt: 600 };

/** Maximum delay of a repeated request after its original, in seconds. */
const SPREAD_SECONDS = 5;

/** Repeats requests during the bursts. The fractional part of the factor repeats that fraction of the requests. */
export function withBursts(trace: Trace, bursts: Bursts, seed: number): Trace {
  if (bursts.factor === 1) return trace;
  const random = new Random(seed);
  const rows: { at: number; prompt: number; answer: number }[] = [];
  for (let index = 0; index < trace.at.length; index++) {
    const at = trace.at[index] ?? 0;
    const inCycle = (at - bursts.firstAt) % bursts.everySeconds;
    const burst = at >= bursts.firstAt && inCycle < bursts.seconds;
    const row = { prompt: trace.promptTokens[index] ?? 0, answer: trace.answerTokens[index] ?? 0 };
    rows.push({ at, ...row });
    if (!burst) continue;
    let more = bursts.factor - 1;
    while (more > 0) {
      const spread = random.uniform() * SPREAD_SECONDS;
      if (more >= 1 || random.uniform() < more) rows.push({ at: Math.min(at + spread, trace.periodSeconds), ...row });
      more -= 1;
    }
  }
  rows.sort((a, b) => a.at - b.at);
  return {
    name: trace.name,
    at: Float64Array.from(rows, ({ at }) => at),
    promptTokens: Int32Array.from(rows, ({ prompt }) => prompt),
    answerTokens: Int32Array.from(rows, ({ answer }) => answer),
    periodSeconds: trace.periodSeconds,
  };
}

/** A trace, repeated for a number of rounds, with newly drawn thinking in each. */
export class TraceTraffic implements Traffic {
  readonly #trace: Trace;
  readonly #rounds: number;
  readonly #mix: ThinkingMix;
  readonly #random: Random;
  #index = 0;
  #round = 0;

  constructor(trace: Trace, rounds: number, mix: ThinkingMix, seed: number) {
    this.#trace = trace;
    this.#rounds = rounds;
    this.#mix = mix;
    this.#random = new Random(seed);
  }

  next(arrival: Arrival): boolean {
    if (this.#index === this.#trace.at.length) {
      this.#index = 0;
      this.#round += 1;
    }
    if (this.#round >= this.#rounds) return false;
    arrival.at = this.#round * this.#trace.periodSeconds + (this.#trace.at[this.#index] ?? 0);
    arrival.promptTokens = this.#trace.promptTokens[this.#index] ?? 0;
    arrival.answerTokens = Math.max(1, this.#trace.answerTokens[this.#index] ?? 0);
    drawThinking(arrival, this.#mix, this.#random);
    this.#index += 1;
    return true;
  }
}
