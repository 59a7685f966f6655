import * as z from 'zod';
import type { Log } from '../../lambda/errors/log.ts';

const generation = z.object({
  completionTokens: z.int(),
  promptTokens: z.int(),
  first_text_ms: z.number(),
  total_ms: z.number(),
});
export type LoggedRequest = z.infer<typeof generation>;

/** Keeps the generations of a server's log. */
export class RequestLog {
  #requests: LoggedRequest[] = [];

  /** Takes a line of the log. */
  readonly write: Log = (_level, message, fields) => {
    if (message === 'generation') this.#requests.push(generation.parse(fields));
  };

  clear(): void {
    this.#requests = [];
  }

  dropFirst(): void {
    this.#requests.shift();
  }

  /** Number of requests, and sums of their tokens. */
  sums(): { readonly requests: number; readonly promptTokens: number; readonly completionTokens: number } {
    return {
      requests: this.#requests.length,
      promptTokens: this.#requests.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
      completionTokens: this.#requests.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    };
  }

  /** Times as a load harness reports them, in milliseconds. */
  times(): LoadTimes {
    return {
      firstMs: median(this.#requests.map(({ first_text_ms: ms }) => ms)),
      totalMs: median(this.#requests.map(({ total_ms: ms }) => ms)),
    };
  }
}

/** Medians of the time to the first token and of the whole request, in milliseconds. */
export interface LoadTimes {
  readonly firstMs: number;
  readonly totalMs: number;
}

/** The middle value; of an even number of values, the lower one in the middle. NaN if there is none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
