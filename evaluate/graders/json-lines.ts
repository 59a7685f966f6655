import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** No line came in time. */
export class NoReply extends Error {}

const MAX_LINE = 1_000_000;

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * A process that answers each line of JSON with a line. One line is asked at a time. A process that is silent for too long is killed;
 * the next line starts it again, as does one after it has ended.
 */
export class JsonLines {
  readonly timeoutMs: number;
  readonly title: string;
  readonly #command: readonly string[];
  #child: Child | undefined;
  #buffer = '';
  #last: Promise<unknown> = Promise.resolve();

  /** @param command program and arguments, run without a shell */
  constructor(command: readonly string[], timeoutMs: number) {
    this.#command = command;
    this.timeoutMs = timeoutMs;
    this.title = command[0] ?? '';
  }

  /**
   * @throws {NoReply} after `timeoutMs`
   * @throws {Error} if the process cannot be started, ends without a line, or writes a line of more than a megabyte
   */
  ask(message: unknown, timeoutMs: number = this.timeoutMs): Promise<string> {
    const reply = this.#last.then(() => this.#askNow(message, timeoutMs));
    this.#last = reply.catch(() => undefined);
    return reply;
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #start(): Child {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], shell: false });
    child.stdout.setEncoding('utf8');
    // A process that ended before it read its line: its end is reported below.
    child.stdin.on('error', () => undefined);
    child.once('close', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#buffer = '';
    this.#child = child;
    return child;
  }

  #askNow(message: unknown, timeoutMs: number): Promise<string> {
    const child = this.#child !== undefined && this.#child.exitCode === null ? this.#child : this.#start();
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        child.stdout.removeListener('data', onData);
        child.removeListener('error', onError);
        child.removeListener('close', onClose);
        finish();
      };
      const onData = (text: string) => {
        this.#buffer += text;
        const end = this.#buffer.indexOf('\n');
        if (end >= 0) {
          const line = this.#buffer.slice(0, end);
          this.#buffer = this.#buffer.slice(end + 1);
          settle(() => resolve(line));
        } else if (this.#buffer.length > MAX_LINE) {
          this.close();
          settle(() => reject(new Error(`The grader ${this.title} wrote more than ${MAX_LINE} characters in a line.`)));
        }
      };
      const onError = (cause: Error) =>
        settle(() => reject(new Error(`The grader ${this.title} cannot be run: ${cause.message}`, { cause })));
      const onClose = (code: number | null) => {
        const rest = this.#buffer.trim();
        // The last line may end with the process.
        if (rest !== '') settle(() => resolve(rest));
        else settle(() => reject(new Error(`The grader ${this.title} ended without a verdict (exit code ${code}).`)));
      };
      const timer = setTimeout(() => {
        this.close();
        settle(() => reject(new NoReply(`The grader ${this.title} gave nothing within ${timeoutMs} ms.`)));
      }, timeoutMs);
      child.stdout.on('data', onData);
      child.once('error', onError);
      child.once('close', onClose);
      child.stdin.write(`${JSON.stringify(message)}\n`);
    });
  }
}
