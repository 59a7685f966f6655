/** Number of copies of a component. */
export interface Copies {
  /** Copies when the component is created. Minimum: 1. */
  readonly initial: number;
  /** Minimum: 0, which lets the component scale to zero. */
  readonly min: number;
  readonly max: number;
}

/** Number of instances of the endpoint. */
export interface Instances {
  /** Instances when the endpoint is created. Minimum: 1. */
  readonly initial: number;
  /** Minimum: 0, which lets the endpoint scale to zero. */
  readonly min: number;
  readonly max: number;
}

/** Copies of one model that SageMaker places on instances. */
export interface Placement {
  /** The model's id, for messages. */
  readonly name: string;
  /** GPUs of one copy. */
  readonly tensorParallel: number;
  readonly copies: Copies;
}

/**
 * Returns how many instances hold all copies, placed largest first (first-fit decreasing). A copy never spans instances.
 *
 * @param copies GPUs of each copy
 * @param gpus GPUs of one instance
 */
export function instancesFor(copies: readonly number[], gpus: number): number {
  const free: number[] = [];
  for (const copy of copies.toSorted((a, b) => b - a)) {
    const index = free.findIndex((room) => room >= copy);
    if (index === -1) free.push(gpus - copy);
    else free[index] = (free[index] ?? 0) - copy;
  }
  return free.length;
}
