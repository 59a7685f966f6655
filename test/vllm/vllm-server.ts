import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface VllmServerOptions {
  /** Python of the environment in which vLLM is installed. */
  readonly python: string;
  /** Arguments of `vllm`, the first of which is `serve`. */
  readonly arguments: readonly string[];
  readonly port: number;
  readonly logFile: string;
}

/** Seconds until a server on two busy cores must be ready. */
const READY_SECONDS = 900;

/** A vLLM server on a CPU, as a process group of its own. */
export class VllmServer {
  readonly url: string;
  readonly #options: VllmServerOptions;
  #child: ChildProcess | undefined;

  constructor(options: VllmServerOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  /** Starts the server and waits until it is ready. Returns the seconds that it took. */
  async start(): Promise<number> {
    const { python, port, logFile } = this.#options;
    const begin = performance.now();
    const log = openSync(logFile, 'a');
    const child = spawn(
      python,
      [join(dirname(python), 'vllm'), ...this.#options.arguments, '--host', '127.0.0.1', '--port', String(port)],
      {
        detached: true,
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          // The model is a local folder, and nothing is reported.
          HF_HUB_OFFLINE: '1',
          VLLM_NO_USAGE_STATS: '1',
          DO_NOT_TRACK: '1',
          VLLM_CPU_KVCACHE_SPACE: '1',
          VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'true',
        },
      },
    );
    closeSync(log);
    this.#child = child;
    process.once('exit', () => this.#signal());
    for (;;) {
      if (child.exitCode !== null) {
        throw new Error(`vLLM ended with ${child.exitCode}. The end of ${logFile}:\n${await tailOf(logFile)}`);
      }
      const seconds = (performance.now() - begin) / 1_000;
      const ping = await fetch(`${this.url}/ping`).catch(() => undefined);
      if (ping?.ok) return seconds;
      if (seconds > READY_SECONDS) {
        await this.kill();
        throw new Error(`vLLM is not ready after ${READY_SECONDS} s. The end of ${logFile}:\n${await tailOf(logFile)}`);
      }
      await delay(500);
    }
  }

  /** Ends the server and its engine at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    this.#signal();
    await ended;
  }

  #signal(): void {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, 'SIGKILL');
  }

  /** Sum of a counter over its labels. */
  async counter(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const values = [...text.matchAll(/^([a-z_:]+)(?:\{[^}]*\})? (\S+)$/gm)].filter(([, counter]) => counter === name);
    if (values.length === 0) throw new Error(`vLLM has no metric ${name}.`);
    return values.reduce((total, [, , value]) => total + Number(value), 0);
  }
}

async function tailOf(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).slice(-2_000);
}
