/** Copies of an inference component, as SageMaker describes them. */
export interface CopiesSeen {
  /** Copies that take requests. */
  readonly current: number;
  /** Desired copy count. */
  readonly desired: number;
  /** Why copies could not be started. */
  readonly failure?: string;
}

/** Capacity range of the scalable target, and whether its scaling activities are suspended. */
export interface CopyBounds {
  readonly min: number;
  readonly max: number;
  readonly suspended: boolean;
}

/** Scheduled action: sets another range of copies at its times. */
export interface CopySchedule {
  readonly name: string;
  /** `cron(…)`, `at(…)` or `rate(…)`. */
  readonly schedule: string;
  /** @default UTC */
  readonly timezone?: string | undefined;
  readonly min: number;
  readonly max: number;
}

/** Reads and changes the copies of one inference component and its scalable target. */
export interface CopyControl {
  describe(): Promise<CopiesSeen>;
  /**
   * Sets the desired copy count. If another update is in progress, the call does nothing.
   *
   * @throws {CopiesUnavailableError} if SageMaker cannot provide the copies
   */
  setCopies(copies: number): Promise<void>;
  bounds(): Promise<CopyBounds | undefined>;
  setBounds(bounds: CopyBounds): Promise<void>;
  schedules(): Promise<readonly CopySchedule[]>;
  putSchedule(schedule: CopySchedule): Promise<void>;
  /** Returns whether the schedule existed. */
  deleteSchedule(name: string): Promise<boolean>;
}

/** SageMaker cannot provide the requested copies, for example because of missing capacity or an exceeded quota. */
export class CopiesUnavailableError extends Error {
  override readonly name = 'CopiesUnavailableError';
}
