import { groupDigits } from '../facts/group-digits.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { type Instances, instancesFor, type Placement } from '../facts/placement.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses numbers of instances that the endpoint cannot start with, or that cannot hold the copies. */
export function checkInstances(
  instanceType: string,
  instances: Instances,
  placements: readonly Placement[],
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
    checkRoomForCopies(instanceType, instances, placements),
  ];
}

function checkRoomForCopies(
  instanceType: string,
  instances: Instances,
  placements: readonly Placement[],
): Refusal | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined || placements.some(({ tensorParallel }) => tensorParallel > type.gpus)) return undefined;
  const needed = instancesFor(
    placements.flatMap(({ tensorParallel, copies }) => Array<number>(Math.max(copies.max, 0)).fill(tensorParallel)),
    type.gpus,
  );
  if (needed <= instances.max) return undefined;
  const copies = placements.map(
    ({ name, copies, tensorParallel }) => `${copies.max} × ${tensorParallel} GPU of ${name}`,
  );
  return {
    code: 'copies-fit',
    sentence: `copies.max (${copies.join(', ')}) needs ${groupDigits(needed)} × ${instanceType} with ${type.gpus} GPU${type.gpus === 1 ? '' : 's'}, but instances.max is ${instances.max}, so the last copies would never start: write instances.max ${needed}, or fewer copies.`,
    source:
      'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentComputeResourceRequirements.html',
  };
}

/** Refuses a variant that has both managed instance scaling and a model: SageMaker accepts only one of them. */
export function checkManagedScaling(variant: {
  readonly managedInstanceScaling?: unknown;
  readonly modelName?: string;
}): Refusal | undefined {
  if (variant.managedInstanceScaling === undefined || variant.modelName === undefined) return undefined;
  return {
    code: 'managed-scaling-without-components',
    sentence: `The variant has managedInstanceScaling and modelName "${variant.modelName}", but SageMaker scales the instances of inference components only: leave modelName out and list the model under models.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html',
  };
}
