import { registryHost } from './image-registries.ts';

/**
 * AWS's images with PyTorch for training on SageMaker, with CUDA 13 and EFA, in the order of preference. Each has PyTorch for the
 * script of training/sft, which installs the packages that an image lacks.
 *
 * https://github.com/aws/deep-learning-containers/tree/main/docs/src/data (huggingface-pytorch-training, pytorch, pytorch-training), 2026-08
 */
const trainingImages = [
  {
    tag: '2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04',
    repository: 'huggingface-pytorch-training',
    torch: '2.9.0',
  },
  { tag: '2.13.0-cu133-amzn2023-sagemaker', repository: 'pytorch', torch: '2.13.0' },
  { tag: '2.12.1-cu130-amzn2023-sagemaker', repository: 'pytorch', torch: '2.12.1' },
  { tag: '2.11.0-cu130-amzn2023-sagemaker', repository: 'pytorch', torch: '2.11.0' },
  { tag: '2.10.0-gpu-py313-cu130-ubuntu22.04-sagemaker', repository: 'pytorch-training', torch: '2.10.0' },
  { tag: '2.9.0-gpu-py312-cu130-ubuntu22.04-sagemaker', repository: 'pytorch-training', torch: '2.9.0' },
] as const;

/** The page with all images of AWS. */
export const TRAINING_IMAGES_SOURCE = 'https://aws.github.io/deep-learning-containers/reference/available_images/';

export type TrainingTag = (typeof trainingImages)[number]['tag'];
export const trainingTags: readonly TrainingTag[] = trainingImages.map(({ tag }) => tag);

export const DEFAULT_TRAINING_TAG: TrainingTag = '2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04';

/** A tag of AWS's images, or an image in your own registry. */
export type TrainingImage = TrainingTag | { readonly uri: string };

/** Lists the known tags with their versions, for messages. */
export const knownTrainingTags: string = trainingImages
  .map(({ tag, repository, torch }) => `"${tag}" (${repository}, PyTorch ${torch})`)
  .join(', ');

/** Builds the URI of a training image as CreateTrainingJob expects it. */
export function trainingImageUri(image: TrainingImage, region: string): string {
  if (typeof image !== 'string') return image.uri;
  const repository = trainingImages.find(({ tag }) => tag === image)?.repository ?? 'pytorch-training';
  return `${registryHost(region)}/${repository}:${image}`;
}
