import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { CopyControl } from './copy-control.ts';
import { type DesiredCopiesLine, desiredCopiesLine, type MetricOwner } from './scaling-metrics.ts';

export interface ZeroCopiesReportOptions {
  readonly owner: MetricOwner;
  readonly copies: Pick<CopyControl, 'describe'>;
  /** Unix time in seconds, with fractions. */
  readonly now: () => number;
  readonly emit: (line: DesiredCopiesLine) => void;
  readonly log: Log;
}

/** Shortest interval between two reports of one function, in seconds. Waiting requests poll more often than this. */
const REPORT_SECONDS = 10;

/**
 * Reports the desired copies of a component while requests find none. CloudWatch has no such metric, and the alarm that leaves
 * zero needs it: SageMaker counts failures for lack of a copy until the first copy runs, however many are starting.
 */
export class ZeroCopiesReport {
  readonly #options: ZeroCopiesReportOptions;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #desired: number | undefined;
  #failure: string | undefined;

  constructor(options: ZeroCopiesReportOptions) {
    this.#options = options;
  }

  /**
   * Call it for each request that found no copy. Never throws: without a report, the alarm follows the failures alone.
   *
   * @returns whether a copy is starting already. `undefined` if unknown.
   */
  async noCapacity(): Promise<boolean | undefined> {
    const { owner, copies, now, emit, log } = this.#options;
    if (now() - this.#reportedAt < REPORT_SECONDS) return this.#starting();
    this.#reportedAt = now();
    try {
      const { desired, failure } = await copies.describe();
      this.#desired = desired;
      this.#failure = failure;
      emit(desiredCopiesLine(owner, desired, Math.round(now() * 1_000)));
    } catch (error) {
      this.#desired = undefined;
      log('warn', 'desired copies unknown', { model: owner.modelId, ...loggableError(error) });
    }
    return this.#starting();
  }

  /** SageMaker's reason why no copy runs, if the last report found one. */
  get failure(): string | undefined {
    return this.#failure;
  }

  #starting(): boolean | undefined {
    return this.#desired === undefined ? undefined : this.#desired > 0;
  }
}
