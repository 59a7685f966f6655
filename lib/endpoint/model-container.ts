import { SecretValue, Stack } from 'aws-cdk-lib';
import { CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { imageUri } from '../facts/image-registries.ts';
import { DEFAULT_VLLM_TAG, serverOf } from '../facts/images.ts';
import type { ServedWeights } from '../serving/served-weights.ts';
import { vllmEnvironment } from '../serving/vllm-environment.ts';
import { type HostedModelProps, type ModelProps, servedContextTokens } from './model-props.ts';
import { toVpcConfig } from './network.ts';

/** Environment variables of a container. */
export type ContainerEnvironment = Readonly<Record<string, string>>;

/** Creates SageMaker's model: the container with its weights and environment. */
export function createModel(
  scope: Construct,
  id: string,
  props: HostedModelProps,
  environment: ContainerEnvironment,
): CfnModel {
  const model = new CfnModel(scope, id, {
    executionRoleArn: props.executionRole.roleArn,
    enableNetworkIsolation: props.networkIsolation,
    ...(props.network !== undefined && { vpcConfig: toVpcConfig(props.network) }),
    primaryContainer: {
      image: imageUri(props.image ?? DEFAULT_VLLM_TAG, Stack.of(scope).region),
      environment: { ...environment },
      ...(props.source.kind === 's3' && {
        modelDataSource: {
          s3DataSource: { s3Uri: props.source.uri, s3DataType: 'S3Prefix', compressionType: 'None' },
        },
      }),
    },
  });
  model.node.addDependency(props.executionRole);
  return model;
}

/** Builds the environment variables of a model's container. */
export function containerEnvironment(props: ModelProps, { settings }: ServedWeights): ContainerEnvironment {
  const { source } = props;
  const server = serverOf(props.image ?? DEFAULT_VLLM_TAG);
  const adapters = (props.adapters ?? []).length > 0;
  return {
    ...(source.kind === 'hub' && {
      // /tmp is on the instance's own disks. The container's root is too small for weights.
      HF_HOME: '/tmp/huggingface',
      ...(source.tokenSecretName !== undefined && {
        HF_TOKEN: SecretValue.secretsManager(source.tokenSecretName).unsafeUnwrap(),
      }),
    }),
    // Otherwise a requirements.txt beside the weights would be installed, and run, at each start.
    STANDARD_AUTO_INSTALL_REQ: 'false',
    // SageMaker loads and unloads adapters while the server runs.
    ...(adapters && server === 'vllm' && { VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'true' }),
    ...vllmEnvironment(settings, {
      servedModelName: props.id,
      contextTokens: servedContextTokens(props),
      server,
      hub: source.kind === 'hub' ? source : undefined,
      adapters,
    }),
    ...props.environment,
  };
}
