/** What training needs to know of an instance type beyond `instance-types.ts`: arithmetic of its GPUs, and the network between hosts. */

/** Dense bfloat16 arithmetic of one GPU's tensor cores, in teraflops, from NVIDIA's data sheets. By the name in `InstanceType.gpu`. */
const teraflops: Readonly<Record<string, number>> = {
  A10G: 70,
  L4: 121,
  L40S: 362,
  'RTX PRO 6000': 504,
  'A100 40 GB': 312,
  'A100 80 GB': 312,
  H100: 989,
  H200: 989,
  B200: 2_250,
};

/** Returns the dense bfloat16 arithmetic of a GPU, in teraflops. `undefined` if this version does not know the GPU. */
export function teraflopsOf(gpu: string): number | undefined {
  return Object.hasOwn(teraflops, gpu) ? teraflops[gpu] : undefined;
}

/** The AWS page with the types that have an Elastic Fabric Adapter. */
export const EFA_SOURCE = 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html#efa-instance-types';

/** Sizes of the G families that have EFA. */
const efaSizes = ['8xlarge', '12xlarge', '16xlarge', '24xlarge', '48xlarge'];

/** Returns whether an instance type has an Elastic Fabric Adapter, over which the GPUs of several instances train together. */
export function hasEfa(instanceType: string): boolean {
  const [, family = '', size = ''] = instanceType.split('.');
  return family.startsWith('p') || (/^g\d/.test(family) && efaSizes.includes(size));
}
