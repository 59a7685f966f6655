import type { ResultFolder } from '../../evaluate/folder/result-folder.ts';
import type { TrainingProgress } from './training-log.ts';

/** A run, on this machine or on AWS. */
export interface TrainingRun {
  readonly run: string;
  status(): Promise<RunStatus>;
  /** Lines of its output. With `follow`, until the run ends or the signal aborts. */
  logs(follow: boolean, signal: AbortSignal): AsyncIterable<string>;
  /**
   * Stops it.
   *
   * @returns what happens now, as a sentence
   * @throws {UsageError} if it is not going
   */
  stop(): Promise<string>;
  /** Losses by step. */
  losses(): Promise<readonly { readonly step: number; readonly loss: number }[]>;
  /** Answers of its model to evaluation questions: folders by a key of the questions. Empty if there are none. */
  evaluations(): Promise<Readonly<Record<string, ResultFolder>>>;
  /** How to evaluate it, if there is no evaluation. */
  readonly howToEvaluate: string;
}

export interface RunStatus {
  readonly run: string;
  readonly place: 'this machine' | 'AWS';
  /** One or two words: `running`, `waits for approval`. */
  readonly state: string;
  /** Time of its start, ISO 8601. */
  readonly started: string;
  readonly progress: TrainingProgress | undefined;
  /** Cost until now. `undefined` if it is unknown. */
  readonly dollars: { readonly value: number; readonly formula: string } | undefined;
  /** What happened, or what to do next, as sentences. */
  readonly notes: readonly string[];
}

/** A line of the list of runs. */
export interface ListedRun {
  readonly run: string;
  readonly place: RunStatus['place'];
  readonly state: string;
  /** ISO 8601. */
  readonly started: string;
}
