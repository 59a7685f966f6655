import { BatchGetImageCommand } from '@aws-sdk/client-ecr';
import { toAwsError } from '../aws/aws-error.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { findEach } from './not-checked.ts';

const check = 'image';
const IMAGE =
  /^(?<account>\d{12})\.dkr\.ecr\.(?<region>[a-z0-9-]+)\.[a-z.]+\/(?<repository>[^:@]+)(?::(?<tag>[^@]+)|@(?<digest>sha256:[0-9a-f]{64}))$/;

/** Whether the images of the model servers can be read. AWS's own registries allow it to every account. */
export const checkImages: Check = async ({ created = [], clients }) => {
  const images = created
    .filter(({ type }) => type === 'AWS::SageMaker::InferenceComponent' || type === 'AWS::SageMaker::Model')
    .flatMap(({ resources }) => resources.flatMap(({ properties }) => imagesIn(properties)));
  return await findEach(
    check,
    [...new Set(images)],
    async (image) => await findingOf(image, clients),
    (image) => IMAGE.exec(image)?.groups?.['region'] ?? clients.region,
  );
};

/** The texts among the properties that are images of ECR. */
function imagesIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return IMAGE.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(imagesIn) : [];
}

async function findingOf(image: string, clients: AwsClients): Promise<Finding> {
  const { account = '', region = '', repository = '', tag, digest } = IMAGE.exec(image)?.groups ?? {};
  const id = digest === undefined ? { imageTag: tag } : { imageDigest: digest };
  const fix = `aws ecr batch-get-image --region ${region} --registry-id ${account} --repository-name ${repository} --image-ids ${digest === undefined ? `imageTag=${tag}` : `imageDigest=${digest}`} --query failures`;
  try {
    const input = { registryId: account, repositoryName: repository, imageIds: [id] };
    const { failures = [] } = await clients.ecr(region).send(new BatchGetImageCommand(input));
    if (failures.length === 0) return { check, status: 'ok', text: `${image} can be read.` };
    return {
      check,
      status: 'problem',
      text: `${image} does not exist (${failures[0]?.failureCode ?? 'unknown'}).`,
      fix,
    };
  } catch (error) {
    if (toAwsError(error).name !== 'RepositoryNotFoundException') throw error;
    return { check, status: 'problem', text: `The repository of ${image} does not exist.`, fix };
  }
}
