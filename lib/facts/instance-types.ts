/** Hardware of an instance type with GPUs. */
export interface InstanceType {
  /** Number of GPUs. */
  readonly gpus: number;
  /** Model of the GPUs. */
  readonly gpu: string;
  /** Memory of one GPU, in MiB, as EC2's DescribeInstanceTypes reports it. */
  readonly gpuMemoryMib: number;
  /** Memory bandwidth of one GPU, in gigabytes per second, from NVIDIA's data sheet. */
  readonly gpuBandwidthGbs: number;
  readonly vcpus: number;
  /** Memory of the host, in GiB. */
  readonly memoryGib: number;
  /** Whether the instance has local NVMe disks, which a KMS key cannot encrypt. */
  readonly localStorage: boolean;
  /** Oldest NVIDIA driver branch that supports the GPU. */
  readonly firstDriver: number;
}

/** The AWS page with the hardware of each type. The table below uses SageMaker's names of the types. */
export const INSTANCE_TYPES_SOURCE = 'https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html';

const families = {
  a10g: { gpu: 'A10G', gpuMemoryMib: 22_888, gpuBandwidthGbs: 600, localStorage: true, firstDriver: 470 },
  l4: { gpu: 'L4', gpuMemoryMib: 22_888, gpuBandwidthGbs: 300, localStorage: true, firstDriver: 525 },
  l40s: { gpu: 'L40S', gpuMemoryMib: 45_776, gpuBandwidthGbs: 864, localStorage: true, firstDriver: 535 },
  rtx6000: { gpu: 'RTX PRO 6000', gpuMemoryMib: 98_304, gpuBandwidthGbs: 1_597, localStorage: true, firstDriver: 570 },
  a100: { gpu: 'A100 40 GB', gpuMemoryMib: 40_960, gpuBandwidthGbs: 1_555, localStorage: true, firstDriver: 450 },
  a100Large: { gpu: 'A100 80 GB', gpuMemoryMib: 81_920, gpuBandwidthGbs: 2_039, localStorage: true, firstDriver: 470 },
  h100: { gpu: 'H100', gpuMemoryMib: 81_920, gpuBandwidthGbs: 3_350, localStorage: true, firstDriver: 525 },
  h200: { gpu: 'H200', gpuMemoryMib: 144_384, gpuBandwidthGbs: 4_800, localStorage: true, firstDriver: 550 },
  b200: { gpu: 'B200', gpuMemoryMib: 183_359, gpuBandwidthGbs: 8_000, localStorage: true, firstDriver: 570 },
} as const;

const known: Readonly<Record<string, InstanceType>> = {
  'ml.g5.xlarge': { ...families.a10g, gpus: 1, vcpus: 4, memoryGib: 16 },
  'ml.g5.2xlarge': { ...families.a10g, gpus: 1, vcpus: 8, memoryGib: 32 },
  'ml.g5.4xlarge': { ...families.a10g, gpus: 1, vcpus: 16, memoryGib: 64 },
  'ml.g5.8xlarge': { ...families.a10g, gpus: 1, vcpus: 32, memoryGib: 128 },
  'ml.g5.12xlarge': { ...families.a10g, gpus: 4, vcpus: 48, memoryGib: 192 },
  'ml.g5.16xlarge': { ...families.a10g, gpus: 1, vcpus: 64, memoryGib: 256 },
  'ml.g5.24xlarge': { ...families.a10g, gpus: 4, vcpus: 96, memoryGib: 384 },
  'ml.g5.48xlarge': { ...families.a10g, gpus: 8, vcpus: 192, memoryGib: 768 },
  'ml.g6.xlarge': { ...families.l4, gpus: 1, vcpus: 4, memoryGib: 16 },
  'ml.g6.2xlarge': { ...families.l4, gpus: 1, vcpus: 8, memoryGib: 32 },
  'ml.g6.4xlarge': { ...families.l4, gpus: 1, vcpus: 16, memoryGib: 64 },
  'ml.g6.8xlarge': { ...families.l4, gpus: 1, vcpus: 32, memoryGib: 128 },
  'ml.g6.12xlarge': { ...families.l4, gpus: 4, vcpus: 48, memoryGib: 192 },
  'ml.g6.16xlarge': { ...families.l4, gpus: 1, vcpus: 64, memoryGib: 256 },
  'ml.g6.24xlarge': { ...families.l4, gpus: 4, vcpus: 96, memoryGib: 384 },
  'ml.g6.48xlarge': { ...families.l4, gpus: 8, vcpus: 192, memoryGib: 768 },
  'ml.g6e.xlarge': { ...families.l40s, gpus: 1, vcpus: 4, memoryGib: 32 },
  'ml.g6e.2xlarge': { ...families.l40s, gpus: 1, vcpus: 8, memoryGib: 64 },
  'ml.g6e.4xlarge': { ...families.l40s, gpus: 1, vcpus: 16, memoryGib: 128 },
  'ml.g6e.8xlarge': { ...families.l40s, gpus: 1, vcpus: 32, memoryGib: 256 },
  'ml.g6e.12xlarge': { ...families.l40s, gpus: 4, vcpus: 48, memoryGib: 384 },
  'ml.g6e.16xlarge': { ...families.l40s, gpus: 1, vcpus: 64, memoryGib: 512 },
  'ml.g6e.24xlarge': { ...families.l40s, gpus: 4, vcpus: 96, memoryGib: 768 },
  'ml.g6e.48xlarge': { ...families.l40s, gpus: 8, vcpus: 192, memoryGib: 1_536 },
  'ml.g7e.2xlarge': { ...families.rtx6000, gpus: 1, vcpus: 8, memoryGib: 64 },
  'ml.g7e.4xlarge': { ...families.rtx6000, gpus: 1, vcpus: 16, memoryGib: 128 },
  'ml.g7e.8xlarge': { ...families.rtx6000, gpus: 1, vcpus: 32, memoryGib: 256 },
  'ml.g7e.12xlarge': { ...families.rtx6000, gpus: 2, vcpus: 48, memoryGib: 512 },
  'ml.g7e.24xlarge': { ...families.rtx6000, gpus: 4, vcpus: 96, memoryGib: 1_024 },
  'ml.g7e.48xlarge': { ...families.rtx6000, gpus: 8, vcpus: 192, memoryGib: 2_048 },
  'ml.p4d.24xlarge': { ...families.a100, gpus: 8, vcpus: 96, memoryGib: 1_152 },
  'ml.p4de.24xlarge': { ...families.a100Large, gpus: 8, vcpus: 96, memoryGib: 1_152 },
  'ml.p5.4xlarge': { ...families.h100, gpus: 1, vcpus: 16, memoryGib: 256 },
  'ml.p5.48xlarge': { ...families.h100, gpus: 8, vcpus: 192, memoryGib: 2_048 },
  'ml.p5e.48xlarge': { ...families.h200, gpus: 8, vcpus: 192, memoryGib: 2_048 },
  'ml.p5en.48xlarge': { ...families.h200, gpus: 8, vcpus: 192, memoryGib: 2_048 },
  'ml.p6-b200.48xlarge': { ...families.b200, gpus: 8, vcpus: 192, memoryGib: 2_048 },
};

/**
 * Looks up an instance type by SageMaker's name, for instance `ml.p5.48xlarge`.
 *
 * @returns `undefined` if this version does not know the type.
 */
export function findInstanceType(name: string): InstanceType | undefined {
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

/** Names of all types that this version knows, in the order of the table. */
export function instanceTypeNames(): readonly string[] {
  return Object.keys(known);
}

/** Instance types that a SageMaker training plan can reserve. */
export const reservableInstanceTypes: readonly string[] = [
  'ml.p4d.24xlarge',
  'ml.p4de.24xlarge',
  'ml.p5.4xlarge',
  'ml.p5.48xlarge',
  'ml.p5e.48xlarge',
  'ml.p5en.48xlarge',
  'ml.p6-b200.48xlarge',
];

/** The AWS page with the types that a training plan can reserve. */
export const RESERVABLE_TYPES_SOURCE =
  'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeReservedCapacity.html';
