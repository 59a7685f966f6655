import { group } from '../facts/aws-limits.ts';
import { findInstanceType, INSTANCE_TYPES_SOURCE } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/** How many copies a component has. */
export interface Copies {
  /** When the component is created: at least 1. */
  readonly initial: number;
  /** 0 scales to zero. */
  readonly min: number;
  readonly max: number;
}

/** How many instances the endpoint has. */
export interface Instances {
  /** When the endpoint is created: at least 1. */
  readonly initial: number;
  /** 0 scales to zero. */
  readonly min: number;
  readonly max: number;
}

/** What is placed: one model's copies. */
export interface Placement {
  readonly name: string;
  readonly tensorParallel: number;
  readonly copies: Copies;
}

const COMPONENT_SOURCE =
  'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentComputeResourceRequirements.html';

/** Refuses a copy that needs more GPUs than one instance has: a copy never spans instances. */
export function copyLargerThanInstance(instanceType: string, { name, tensorParallel }: Placement): Refusal | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined || tensorParallel <= type.gpus) return undefined;
  return {
    code: 'tensor-parallel',
    sentence: `tensorParallel of ${name} is ${tensorParallel}, but ${instanceType} has ${type.gpus} GPU${type.gpus === 1 ? '' : 's'}, and a copy cannot span instances: write ${type.gpus} or less, or a larger instanceType.`,
    source: INSTANCE_TYPES_SOURCE,
  };
}

/** Refuses counts of copies that SageMaker does not create. */
export function checkCopies({ name, copies }: Placement): readonly (Refusal | undefined)[] {
  return [
    copies.initial >= 1
      ? undefined
      : {
          code: 'zero-copies-at-creation',
          sentence: `copies.initial of ${name} is 0, but a component cannot be created without a copy: write 1, and copies.min 0 to let it scale to zero afterwards.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html',
        },
    copies.min <= copies.initial && copies.initial <= copies.max
      ? undefined
      : {
          code: 'copies-order',
          sentence: `copies of ${name} are min ${copies.min}, initial ${copies.initial}, max ${copies.max}, but scaling would change what was just created: write min ≤ initial ≤ max.`,
          source: 'https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html',
        },
  ];
}

/** Refuses instances that the endpoint cannot start with, or that cannot hold the copies. */
export function checkInstances(
  instanceType: string,
  instances: Instances,
  placed: readonly Placement[],
): readonly (Refusal | undefined)[] {
  return [
    instances.min <= instances.initial && instances.initial <= instances.max && instances.initial >= 1
      ? undefined
      : {
          code: 'instances-order',
          sentence: `instances are min ${instances.min}, initial ${instances.initial}, max ${instances.max}, but an endpoint starts with at least one instance, within its range: write min ≤ initial ≤ max and initial ≥ 1 (min 0 lets it scale to zero).`,
          source:
            'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantManagedInstanceScaling.html',
        },
    tooManyCopies(instanceType, instances, placed),
  ];
}

function tooManyCopies(instanceType: string, instances: Instances, placed: readonly Placement[]): Refusal | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined || placed.some(({ tensorParallel }) => tensorParallel > type.gpus)) return undefined;
  const needed = instancesFor(
    placed.flatMap(({ tensorParallel, copies }) => Array<number>(Math.max(copies.max, 0)).fill(tensorParallel)),
    type.gpus,
  );
  if (needed <= instances.max) return undefined;
  const copies = placed.map(({ name, copies, tensorParallel }) => `${copies.max} × ${tensorParallel} GPU of ${name}`);
  return {
    code: 'copies-fit',
    sentence: `copies.max (${copies.join(', ')}) takes ${group(needed)} × ${instanceType} of ${type.gpus} GPU, but instances.max is ${instances.max}, so the last copies would wait for ever: write instances.max ${needed}, or fewer copies.`,
    source: COMPONENT_SOURCE,
  };
}

/** Instances that hold all copies, largest first (first-fit decreasing). */
export function instancesFor(copies: readonly number[], gpus: number): number {
  const free: number[] = [];
  for (const copy of copies.toSorted((a, b) => b - a)) {
    const index = free.findIndex((room) => room >= copy);
    if (index === -1) free.push(gpus - copy);
    else free[index] = (free[index] ?? 0) - copy;
  }
  return free.length;
}
