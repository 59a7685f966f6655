import { type ContainerImage, repositoryNameOf } from './images.ts';

/** The page with the registry account of each region. */
export const REGISTRIES_SOURCE = 'https://aws.github.io/deep-learning-containers/reference/region_availability/';

/** Account of AWS's Deep Learning Containers in each region, from `REGISTRIES_SOURCE`. */
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

/** Account for regions that are not in the list above. */
const DEFAULT_REGISTRY_ACCOUNT = '763104351884';

/** Returns whether this version knows a registry of AWS's images in a region. */
export function hasRegistry(region: string): boolean {
  return Object.hasOwn(registryAccounts, region);
}

/** ECR repository that an execution role must be allowed to read. */
export interface ImageRepository {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

/** Builds the image's URI as CreateModel expects it. */
export function imageUri(image: ContainerImage, region: string): string {
  if (typeof image !== 'string') return image.uri;
  return `${registryHost(region)}/${repositoryNameOf(image)}:${image}`;
}

/** Host of the registry of AWS's images in a region. */
export function registryHost(region: string): string {
  const account = registryAccounts[region] ?? DEFAULT_REGISTRY_ACCOUNT;
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `${account}.dkr.ecr.${region}.${domain}`;
}

/**
 * Returns the ECR repository of an image.
 *
 * @returns `undefined` for an image that is not in a private ECR repository.
 */
export function repositoryOf(image: ContainerImage, region: string): ImageRepository | undefined {
  return repositoryOfUri(imageUri(image, region));
}

/**
 * Returns the ECR repository of an image's URI.
 *
 * @returns `undefined` for an image that is not in a private ECR repository.
 */
export function repositoryOfUri(uri: string): ImageRepository | undefined {
  const [, account, registryRegion, name] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)[:@].+$/.exec(uri) ?? [];
  if (account === undefined || registryRegion === undefined || name === undefined) return undefined;
  return { account, region: registryRegion, name };
}
