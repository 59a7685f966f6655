import type { InstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * AWS's images whose route of text completions takes token ids and gives them back, and the CUDA that each was built with.
 * Which others there are, and what they lack: docs/decisions/0010-images.md.
 *
 * https://github.com/aws/deep-learning-containers/blob/main/docs/vllm/changelog/index.md
 */
const vllmImages = [
  { tag: 'server-sagemaker-cuda-v2.3', repository: 'vllm', server: 'vllm', cuda: 13.0 },
  { tag: 'server-sagemaker-cuda-v2.2', repository: 'vllm', server: 'vllm', cuda: 13.0 },
  { tag: 'server-sagemaker-cuda-v2.1', repository: 'vllm', server: 'vllm', cuda: 13.0 },
  { tag: 'server-sagemaker-cuda-v1.4', repository: 'vllm', server: 'vllm', cuda: 12.9 },
  { tag: '0.36.0-lmi28.0.0-cu130', repository: 'djl-inference', server: 'lmi', cuda: 13.0 },
] as const;

/** How an image is told its settings: `SM_VLLM_X` becomes `--x` (vllm), `OPTION_X` an engine argument (lmi). */
export type Server = 'vllm' | 'lmi';

export type VllmTag = (typeof vllmImages)[number]['tag'];
export const vllmTags: readonly VllmTag[] = vllmImages.map(({ tag }) => tag);

export const DEFAULT_VLLM_TAG: VllmTag = 'server-sagemaker-cuda-v2.3';

/** An image of one's own, with the CUDA that it was built with. */
interface CustomImage {
  /** In a private ECR repository of the endpoint's region. */
  readonly uri: string;
  /** Major and minor version as a number, for instance 12.9. */
  readonly cuda: number;
  /**
   * Whose environment it understands.
   *
   * @default 'vllm'
   */
  readonly server?: Server | undefined;
}

export type ContainerImage = VllmTag | CustomImage;

/** Whose environment the image understands. */
export function serverOf(image: ContainerImage): Server {
  if (typeof image !== 'string') return image.server ?? 'vllm';
  return vllmImages.find(({ tag }) => tag === image)?.server ?? 'vllm';
}

/** Major and minor version of the CUDA in an image, as a number: 13, 12.9. */
function cudaOf(image: ContainerImage): number {
  if (typeof image !== 'string') return image.cuda;
  return vllmImages.find(({ tag }) => tag === image)?.cuda ?? 0;
}

/**
 * The account of AWS's Deep Learning Containers in a region. Elsewhere it is 763104351884.
 *
 * https://aws.github.io/deep-learning-containers/reference/region_availability/
 */
const registryAccounts: Readonly<Record<string, string>> = {
  'us-east-1': '763104351884',
  'us-east-2': '763104351884',
  'us-west-1': '763104351884',
  'us-west-2': '763104351884',
  'af-south-1': '626614931356',
  'ap-east-1': '871362719292',
  'ap-east-2': '975050140332',
  'ap-northeast-1': '763104351884',
  'ap-northeast-2': '763104351884',
  'ap-northeast-3': '364406365360',
  'ap-south-1': '763104351884',
  'ap-south-2': '772153158452',
  'ap-southeast-1': '763104351884',
  'ap-southeast-2': '763104351884',
  'ap-southeast-3': '907027046896',
  'ap-southeast-4': '457447274322',
  'ap-southeast-5': '550225433462',
  'ap-southeast-6': '633930458069',
  'ap-southeast-7': '590183813437',
  'ca-central-1': '763104351884',
  'ca-west-1': '204538143572',
  'eu-central-1': '763104351884',
  'eu-central-2': '380420809688',
  'eu-north-1': '763104351884',
  'eu-south-1': '692866216735',
  'eu-south-2': '503227376785',
  'eu-west-1': '763104351884',
  'eu-west-2': '763104351884',
  'eu-west-3': '763104351884',
  'il-central-1': '780543022126',
  'me-central-1': '914824155844',
  'me-south-1': '217643126080',
  'mx-central-1': '637423239942',
  'sa-east-1': '763104351884',
  'cn-north-1': '727897471807',
  'cn-northwest-1': '727897471807',
};

/** The repository of an image as an execution role must be able to read it. */
export interface ImageRepository {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

/** The image's URI as CreateModel takes it. */
export function imageUri(image: ContainerImage, region: string): string {
  if (typeof image !== 'string') return image.uri;
  const account = registryAccounts[region] ?? '763104351884';
  const repository = vllmImages.find(({ tag }) => tag === image)?.repository ?? 'vllm';
  return `${account}.dkr.ecr.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}/${repository}:${image}`;
}

/** @returns `undefined` for an image that is not in a private ECR repository. */
export function repositoryOf(image: ContainerImage, region: string): ImageRepository | undefined {
  const [, account, registryRegion, name] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)[:@].+$/.exec(imageUri(image, region)) ?? [];
  if (account === undefined || registryRegion === undefined || name === undefined) return undefined;
  return { account, region: registryRegion, name };
}

/** Refuses an image that no endpoint of the region can pull. */
export function unreachableImage(image: ContainerImage, region: string): Refusal | undefined {
  const source = 'https://aws.github.io/deep-learning-containers/reference/region_availability/';
  if (typeof image === 'string') {
    if (Object.hasOwn(registryAccounts, region)) return undefined;
    return {
      code: 'image-registry',
      sentence: `region "${region}" has no registry of AWS's images that this version knows, so "${image}" cannot be pulled there: write another region, or image { uri, cuda } with a copy in your own registry.`,
      source,
    };
  }
  if (repositoryOf(image, region)?.region === region) return undefined;
  return {
    code: 'image-registry',
    sentence: `image "${image.uri}" is not in a private ECR repository of ${region}, and an endpoint pulls from nowhere else (not from the public gallery either): write "<account>.dkr.ecr.${region}.amazonaws.com/<repository>:<tag>".`,
    source,
  };
}

/** Refuses SGLang, whose `/invocations` is a chat completion: a thought cannot be continued by it, nor its ids counted. */
export function imageWithoutCompletions(image: ContainerImage): Refusal | undefined {
  if (typeof image === 'string' || !/\/([\w.-]*-)?sglang(-[\w.-]*)?[:@]/.test(image.uri)) return undefined;
  return {
    code: 'image-server',
    sentence: `image "${image.uri}" is SGLang, whose /invocations takes chat completions only, so a thought could neither be continued nor counted by its token ids: write an image of vLLM, "${DEFAULT_VLLM_TAG}", or of LMI.`,
    source: 'https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/entrypoints/http_server.py',
  };
}

/**
 * What the hosts of an endpoint bring, by InferenceAmiVersion.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html
 */
const amis = [
  { version: 'al2-ami-sagemaker-inference-gpu-2', driver: 535 },
  { version: 'al2-ami-sagemaker-inference-gpu-2-1', driver: 535 },
  { version: 'al2-ami-sagemaker-inference-gpu-3-1', driver: 550 },
  { version: 'al2023-ami-sagemaker-inference-gpu-4-1', driver: 580 },
] as const;

export type AmiVersion = (typeof amis)[number]['version'];
export const amiVersions: readonly AmiVersion[] = amis.map(({ version }) => version);

/** The AMI for images on instance types: driver 550 where that runs them all, else 580. */
export function fittingAmi(
  images: readonly ContainerImage[],
  types: readonly (InstanceType | undefined)[],
): AmiVersion {
  const driver = Math.max(
    ...types.map((type) => type?.firstDriver ?? 0),
    ...images.map((image) => driverFor(cudaOf(image))),
  );
  return driver > 550 ? 'al2023-ami-sagemaker-inference-gpu-4-1' : 'al2-ami-sagemaker-inference-gpu-3-1';
}

/** Refuses an AMI whose driver is too old for the image or for the GPU. */
export function checkAmi(
  ami: AmiVersion,
  image: ContainerImage,
  instanceType: { readonly name: string; readonly type: InstanceType | undefined },
): Refusal | undefined {
  const driver = amis.find(({ version }) => version === ami)?.driver ?? 0;
  const source = 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html';
  const cuda = cudaOf(image);
  const write = `write inferenceAmiVersion "${fittingAmi([image], [instanceType.type])}", or leave it out`;
  if (driver < driverFor(cuda)) {
    return {
      code: 'image-cuda',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, but CUDA ${cuda.toFixed(1)} of image "${typeof image === 'string' ? image : image.uri}" needs ${driverFor(cuda)}, and the endpoint would hang in Creating without a log: ${write}.`,
      source,
    };
  }
  if (driver < (instanceType.type?.firstDriver ?? 0)) {
    return {
      code: 'ami-instance-type',
      sentence: `inferenceAmiVersion "${ami}" has NVIDIA driver ${driver}, which does not know the ${instanceType.type?.gpu} of ${instanceType.name} (first in ${instanceType.type?.firstDriver}): ${write}.`,
      source,
    };
  }
  return undefined;
}

/** The oldest driver branch of SageMaker's AMIs that AWS's images with this CUDA run on. */
function driverFor(cuda: number): number {
  return cuda >= 13 ? 580 : cuda >= 12.4 ? 550 : 535;
}
