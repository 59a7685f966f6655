import {
  AMIS_SOURCE,
  type AmiVersion,
  amiVersions,
  driverForCuda,
  driverOf,
  newestDriverForCuda,
} from '../facts/amis.ts';
import { type ContainerImage, cudaOf, DEFAULT_VLLM_TAG } from '../facts/images.ts';
import type { InstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses an AMI whose driver is too old for the image or for the GPU, or too new for the image. */
export function checkAmi(
  ami: AmiVersion,
  image: ContainerImage,
  instanceType: { readonly name: string; readonly type: InstanceType | undefined },
): Refusal | undefined {
  const driver = driverOf(ami);
  const cuda = cudaOf(image);
  const { name, type } = instanceType;
  const oldest = Math.max(driverForCuda(cuda), type?.firstDriver ?? 0);
  const newest = newestDriverForCuda(cuda);
  const fitting = amiVersions.findLast((version) => driverOf(version) >= oldest && driverOf(version) <= newest);
  const tag = typeof image === 'string' ? image : image.uri;
  const remedy =
    fitting === undefined
      ? `write an image with CUDA 13, for instance "${DEFAULT_VLLM_TAG}"`
      : `write inferenceAmiVersion "${fitting}"`;
  if (driver < driverForCuda(cuda)) {
    return {
      code: 'image-cuda',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, but CUDA ${cuda.toFixed(1)} of image "${tag}" needs driver ${driverForCuda(cuda)}, so the endpoint would hang in status Creating without a log: ${remedy}.`,
      source: AMIS_SOURCE,
    };
  }
  if (driver < (type?.firstDriver ?? 0)) {
    return {
      code: 'ami-instance-type',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, but the ${type?.gpu} of ${name} needs driver ${type?.firstDriver}: ${remedy}.`,
      source: AMIS_SOURCE,
    };
  }
  if (driver > newest) {
    return {
      code: 'image-cuda',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, but CUDA ${cuda.toFixed(1)} of image "${tag}" runs on driver ${newest} or older, and the endpoint would hang in status Creating without a log: ${fitting === undefined ? `no AMI fits both the image and the ${type?.gpu} of ${name}, so ` : ''}${remedy}, or give all models of the endpoint images of one CUDA version.`,
      source: 'https://github.com/aws/deep-learning-containers/pull/6187',
    };
  }
  return undefined;
}
