import { groupDigits } from '../facts/group-digits.ts';
import { findInstanceType, INSTANCE_TYPES_SOURCE } from '../facts/instance-types.ts';
import type { Placement } from '../facts/placement.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses a copy that needs more GPUs than one instance has: a copy never spans instances. */
export function checkCopyGpus(instanceType: string, { name, tensorParallel }: Placement): Refusal | undefined {
  const type = findInstanceType(instanceType);
  if (type === undefined || tensorParallel <= type.gpus) return undefined;
  return {
    code: 'tensor-parallel',
    sentence: `tensorParallel of ${name} is ${tensorParallel}, but ${instanceType} has ${type.gpus} GPU${type.gpus === 1 ? '' : 's'}, and a copy cannot span instances: write ${type.gpus} or less, or a larger instanceType.`,
    source: INSTANCE_TYPES_SOURCE,
  };
}

/** Refuses numbers of copies that SageMaker does not create. */
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
          sentence: `copies of ${name} are min ${copies.min}, initial ${copies.initial}, max ${copies.max}, so scaling would change the count directly after creation: write min ≤ initial ≤ max.`,
          source: 'https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html',
        },
  ];
}

/** Refuses host memory that no instance has: the copies would find no place. */
export function checkHostMemory(
  instanceType: string,
  modelId: string,
  memoryMib: number | undefined,
): Refusal | undefined {
  const available = (findInstanceType(instanceType)?.memoryGib ?? Number.POSITIVE_INFINITY) * 1_024;
  if (memoryMib === undefined || memoryMib < available) return undefined;
  return {
    code: 'host-memory',
    sentence: `memoryMib of ${modelId} is ${groupDigits(memoryMib)}, but ${instanceType} has ${groupDigits(available)} MiB, of which the system needs a part, so no copy would find a place: write ${available / 2} or less, or leave memoryMib out.`,
    source:
      'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentComputeResourceRequirements.html',
  };
}
