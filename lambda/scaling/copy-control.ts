/** What is known of a component's copies. */
export interface CopiesSeen {
  /** Copies that take requests. */
  readonly current: number;
  /** Copies that there should be. */
  readonly desired: number;
  /** Why copies could not be started. */
  readonly failure?: string;
}

/** The range that Application Auto Scaling keeps to, and whether it acts. */
export interface CopyBounds {
  readonly min: number;
  readonly max: number;
  readonly suspended: boolean;
}

/** Another range of copies from a time on. */
export interface CopySchedule {
  readonly name: string;
  /** `cron(…)`, `at(…)` or `rate(…)`. */
  readonly schedule: string;
  /** @default UTC */
  readonly timezone?: string | undefined;
  readonly min: number;
  readonly max: number;
}

/** The copies of one component, and who scales them. */
export interface CopyControl {
  describe(): Promise<CopiesSeen>;
  /**
   * Asks for so many copies. An update that is already under way is no failure.
   *
   * @throws {CopiesUnavailableError} where they cannot be had
   */
  setCopies(copies: number): Promise<void>;
  bounds(): Promise<CopyBounds | undefined>;
  setBounds(bounds: CopyBounds): Promise<void>;
  schedules(): Promise<readonly CopySchedule[]>;
  putSchedule(schedule: CopySchedule): Promise<void>;
  /** Whether there was one. */
  deleteSchedule(name: string): Promise<boolean>;
}

/** Copies that were asked for cannot be had: for instance for lack of instances, or over the account's quota. */
export class CopiesUnavailableError extends Error {
  override readonly name = 'CopiesUnavailableError';
}
