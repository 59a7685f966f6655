import { findInstanceType, INSTANCE_TYPES_SOURCE, instanceTypeNames } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses an instance type that this version does not know: its GPUs and memory could not be checked. */
export function checkInstanceType(name: string): Refusal | undefined {
  if (findInstanceType(name) !== undefined) return undefined;
  return {
    code: 'instance-type',
    sentence: `instanceType "${name}" is not one of the GPU types that this version knows, so it cannot be checked: write ${nearest(name)}.`,
    source: INSTANCE_TYPES_SOURCE,
  };
}

/** Refuses a KMS key for the volumes of an instance type with local NVMe disks. */
export function checkVolumeKey(instanceType: string, kmsKeyArn: string | undefined): Refusal | undefined {
  if (kmsKeyArn === undefined || !findInstanceType(instanceType)?.localStorage) return undefined;
  return {
    code: 'kms-local-storage',
    sentence: `kmsKeyArn is set, but ${instanceType} stores models on local NVMe disks, which the hardware encrypts and a KMS key cannot, so creating the endpoint config would fail: leave kmsKeyArn out.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html',
  };
}

/** Known types of the same family and size; if there is none, of the same family; otherwise all. */
function nearest(name: string): string {
  const size = name.slice(name.lastIndexOf('.'));
  const family = name.replace(/^(ml\.)?/, 'ml.').slice(0, 5);
  const candidates = instanceTypeNames().filter((type) => type.startsWith(family));
  const best = candidates.filter((type) => type.endsWith(size));
  return (best.length > 0 ? best : candidates.length > 0 ? candidates : instanceTypeNames())
    .map((type) => `"${type}"`)
    .join(' or ');
}
