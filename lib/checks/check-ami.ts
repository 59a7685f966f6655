import { AMIS_SOURCE, type AmiVersion, driverForCuda, driverOf, fittingAmi } from '../facts/amis.ts';
import { type ContainerImage, cudaOf } from '../facts/images.ts';
import type { InstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses an AMI whose driver is too old for the image or for the GPU. */
export function checkAmi(
  ami: AmiVersion,
  image: ContainerImage,
  instanceType: { readonly name: string; readonly type: InstanceType | undefined },
): Refusal | undefined {
  const driver = driverOf(ami);
  const cuda = cudaOf(image);
  const { name, type } = instanceType;
  const remedy = `write inferenceAmiVersion "${fittingAmi([image], [type])}", or leave it out`;
  if (driver < driverForCuda(cuda)) {
    return {
      code: 'image-cuda',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, but CUDA ${cuda.toFixed(1)} of image "${typeof image === 'string' ? image : image.uri}" needs driver ${driverForCuda(cuda)}, so the endpoint would hang in status Creating without a log: ${remedy}.`,
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
  return undefined;
}
