/**
 * AWS's images whose text-completion route accepts and returns token ids, with the CUDA version of each. For other images
 * and what they lack, see docs/decisions/0010-images.md.
 *
 * https://github.com/aws/deep-learning-containers/blob/main/docs/vllm/changelog/index.md, and for v2.4 to v2.6
 * https://github.com/aws/deep-learning-containers/pull/6661 and docs/src/data/vllm-server of that repository
 */
const vllmImages = [
  { tag: 'server-sagemaker-cuda-v2.6', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.30.0' },
  { tag: 'server-sagemaker-cuda-v2.5', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.30.0' },
  { tag: 'server-sagemaker-cuda-v2.4', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.27.1' },
  { tag: 'server-sagemaker-cuda-v2.3', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.27.0' },
  { tag: 'server-sagemaker-cuda-v2.2', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.26.0' },
  { tag: 'server-sagemaker-cuda-v2.1', repository: 'vllm', server: 'vllm', cuda: 13.0, vllm: '0.24.0' },
  { tag: 'server-sagemaker-cuda-v1.4', repository: 'vllm', server: 'vllm', cuda: 12.9, vllm: '0.20.0' },
  { tag: '0.36.0-lmi28.0.0-cu130', repository: 'djl-inference', server: 'lmi', cuda: 13.0, vllm: '0.26.0' },
] as const;

/** How an image reads its settings: `SM_VLLM_X` becomes the flag `--x` (vllm), `OPTION_X` an engine argument (lmi). */
export type Server = 'vllm' | 'lmi';

export type VllmTag = (typeof vllmImages)[number]['tag'];
export const vllmTags: readonly VllmTag[] = vllmImages.map(({ tag }) => tag);

export const DEFAULT_VLLM_TAG: VllmTag = 'server-sagemaker-cuda-v2.3';

/** An image in your own registry, with the CUDA version that it was built with. */
interface CustomImage {
  /** URI in a private ECR repository of the endpoint's region. */
  readonly uri: string;
  /** Major and minor CUDA version as a number, for instance 12.9. */
  readonly cuda: number;
  /**
   * Server whose environment variables the image reads.
   *
   * @default 'vllm'
   */
  readonly server?: Server | undefined;
}

export type ContainerImage = VllmTag | CustomImage;

/** Returns the server whose environment variables an image reads. */
export function serverOf(image: ContainerImage): Server {
  if (typeof image !== 'string') return image.server ?? 'vllm';
  return vllmImages.find(({ tag }) => tag === image)?.server ?? 'vllm';
}

/** Returns the major and minor CUDA version of an image as a number, for instance 12.9. */
export function cudaOf(image: ContainerImage): number {
  if (typeof image !== 'string') return image.cuda;
  return vllmImages.find(({ tag }) => tag === image)?.cuda ?? 0;
}

/** Lists the known tags with their versions, for messages. */
export const knownTags: string = vllmImages
  .map(({ tag, vllm, cuda }) => `"${tag}" (vLLM ${vllm}, CUDA ${cuda.toFixed(1)})`)
  .join(', ');

/** Returns the name of AWS's repository that holds a tag. */
export function repositoryNameOf(image: VllmTag): string {
  return vllmImages.find(({ tag }) => tag === image)?.repository ?? 'vllm';
}
