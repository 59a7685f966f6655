import * as z from 'zod';
import { JsonLines, NoReply } from './json-lines.ts';
import { MATH_VERIFY } from './math-verify-script.ts';

/** What an external grader is asked. */
export interface Answered {
  readonly question: string;
  readonly expected: string;
  readonly answer: string;
}

export interface Verdict {
  readonly right: boolean;
  /** What a vote counts, the same for answers that agree. `null` if the grader gives none. */
  readonly key: string | null;
  /** Why there is no verdict: the answer counts as wrong. */
  readonly note?: string;
}

/** A grader outside this process. It comes from the command line only: a file of questions cannot run anything. */
export interface ExternalGrader {
  /** Kept with the results; a folder has one. */
  readonly name: string;
  grade(answered: Answered): Promise<Verdict>;
  close(): void;
}

const verdictSchema = z.looseObject({ right: z.boolean(), key: z.string().nullish() });
const EXPECTED = 'a JSON object such as {"right": true, "key": "42"}';
const MAX_REPLY = 1_000_000;

/**
 * Runs a command without a shell. For each answer it reads a line of JSON with `question`, `expected` and `answer`, and writes one with
 * `right` and, if it has one, `key`. It may go on with the next line, or end and be started again.
 *
 * @throws {Error} when it grades, if the command cannot be started, ends without a verdict or writes anything else
 */
export function commandGrader(command: readonly string[], timeoutMs: number): ExternalGrader {
  const name = `command ${command.join(' ')}`;
  return overLines(new JsonLines(command, timeoutMs), name);
}

/**
 * Sends each answer to a URL: POST of JSON with `question`, `expected` and `answer`; the response has `right` and, if it has one, `key`.
 *
 * @throws {Error} when it grades, if the response has another status than 2xx or anything else in it
 */
export function urlGrader(url: string, timeoutMs: number): ExternalGrader {
  return {
    name: `url ${url}`,
    async grade(answered) {
      let text: string;
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(answered),
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        });
        text = (await response.text()).slice(0, MAX_REPLY);
        if (!response.ok) throw new Error(`The grader ${url} answered ${response.status}: ${text.slice(0, 200)}`);
      } catch (cause) {
        if (cause instanceof DOMException && cause.name === 'TimeoutError') return timedOut(timeoutMs);
        if (cause instanceof TypeError) throw new Error(`The grader ${url} cannot be reached.`, { cause });
        throw cause;
      }
      return parseVerdict(text, `The grader ${url}`);
    },
    close: () => undefined,
  };
}

/**
 * Compares by math-verify in a Python that has it. The versions of its packages are part of the name.
 *
 * @param python command of the interpreter
 * @throws {Error} if it cannot be started, or has no math-verify
 */
export async function mathVerifyGrader(python: string, timeoutMs: number): Promise<ExternalGrader> {
  const lines = new JsonLines([python, '-u', '-c', MATH_VERIFY], timeoutMs);
  try {
    // The import of sympy takes seconds.
    const reply = JSON.parse(await lines.ask({ versions: true }, Math.max(timeoutMs, 60_000)));
    const versions = z.record(z.string(), z.string()).parse(reply);
    const { 'math-verify': own = '', ...others } = versions;
    const names = Object.entries(others).map(([name, version]) => `${name} ${version}`);
    return overLines(lines, `math-verify ${own} (${names.join(', ')})`);
  } catch (cause) {
    lines.close();
    throw new Error(
      `${python} has no math-verify: run "${python} -m pip install math-verify", or name a Python that has it with --grader-python.`,
      { cause },
    );
  }
}

function overLines(lines: JsonLines, name: string): ExternalGrader {
  return {
    name,
    async grade(answered) {
      try {
        return parseVerdict(await lines.ask(answered), `The grader ${lines.title}`);
      } catch (error) {
        if (error instanceof NoReply) return timedOut(lines.timeoutMs);
        throw error;
      }
    },
    close: () => lines.close(),
  };
}

function parseVerdict(text: string, who: string): Verdict {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const verdict = verdictSchema.safeParse(parsed);
  if (!verdict.success) throw new Error(`${who} gave ${JSON.stringify(text.slice(0, 200))}. It must give ${EXPECTED}.`);
  return { right: verdict.data.right, key: verdict.data.key ?? null };
}

function timedOut(timeoutMs: number): Verdict {
  return { right: false, key: null, note: `The grader gave no verdict within ${timeoutMs / 1_000} s.` };
}
