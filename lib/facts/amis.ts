import { type ContainerImage, cudaOf } from './images.ts';
import type { InstanceType } from './instance-types.ts';

/** The AWS page with the driver of each InferenceAmiVersion. */
export const AMIS_SOURCE = 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html';

/** NVIDIA driver branch of each InferenceAmiVersion, from `AMIS_SOURCE`. */
const amis = [
  { version: 'al2-ami-sagemaker-inference-gpu-2', driver: 535 },
  { version: 'al2-ami-sagemaker-inference-gpu-2-1', driver: 535 },
  { version: 'al2-ami-sagemaker-inference-gpu-3-1', driver: 550 },
  { version: 'al2023-ami-sagemaker-inference-gpu-4-1', driver: 580 },
] as const;

export type AmiVersion = (typeof amis)[number]['version'];
export const amiVersions: readonly AmiVersion[] = amis.map(({ version }) => version);

/** Returns the NVIDIA driver branch of an AMI. */
export function driverOf(ami: AmiVersion): number {
  return amis.find(({ version }) => version === ami)?.driver ?? 0;
}

/** Returns the oldest driver branch of SageMaker's AMIs that AWS's images with this CUDA version run on. */
export function driverForCuda(cuda: number): number {
  return cuda >= 13 ? 580 : cuda >= 12.4 ? 550 : 535;
}

/**
 * Returns the newest driver branch of SageMaker's AMIs that AWS's images with this CUDA version run on. An image of CUDA 12 on the
 * AMI of CUDA 13 hangs in status Creating too: https://github.com/aws/deep-learning-containers/pull/6187
 */
export function newestDriverForCuda(cuda: number): number {
  return cuda >= 13 ? 580 : 550;
}

/** Selects the AMI for images on instance types: driver 550 if it runs all of them, otherwise 580. */
export function fittingAmi(
  images: readonly ContainerImage[],
  types: readonly (InstanceType | undefined)[],
): AmiVersion {
  const driver = Math.max(
    ...types.map((type) => type?.firstDriver ?? 0),
    ...images.map((image) => driverForCuda(cudaOf(image))),
  );
  return driver > 550 ? 'al2023-ami-sagemaker-inference-gpu-4-1' : 'al2-ami-sagemaker-inference-gpu-3-1';
}
