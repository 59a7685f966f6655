import type { IRole } from 'aws-cdk-lib/aws-iam';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { type AmiVersion, fittingAmi } from '../facts/amis.ts';
import { type ContainerImage, DEFAULT_VLLM_TAG } from '../facts/images.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Instances } from '../facts/placement.ts';
import type { CapacityReservation, ScaleIn } from './capacity.ts';
import type { Deployment } from './deployment.ts';
import type { GoodAnswers } from './good-answers.ts';
import type { ModelProps } from './model-props.ts';
import type { Network } from './network.ts';
import type { Routing } from './routing.ts';

export interface ReasoningEndpointProps {
  /**
   * Name of the endpoint: at most 40 lower-case letters, digits and dashes.
   *
   * @default - generated from the construct's path
   */
  readonly endpointName?: string | undefined;
  /** For instance `ml.p5.48xlarge`. */
  readonly instanceType: string;
  /**
   * Types to use if `instanceType` has no capacity, in this order. At most four. Every model must fit each type.
   *
   * @default - none
   */
  readonly fallbackInstanceTypes?: readonly string[] | undefined;
  /**
   * Time for which SageMaker tries to find an instance of any of the types, in seconds. 300 to 3,600.
   *
   * @default - SageMaker's default
   */
  readonly provisionSeconds?: number | undefined;
  /**
   * Reserved instances of a training plan. If set, only these are used.
   *
   * @default - on-demand instances
   */
  readonly capacityReservation?: CapacityReservation | undefined;
  /**
   * How idle instances are released.
   *
   * @default - SageMaker's default: instances without a copy are stopped
   */
  readonly scaleIn?: ScaleIn | undefined;
  /**
   * How the endpoint changes to a new config, and rolls back if an alarm goes off. Models always change copy by copy.
   *
   * @default - all at once, with a bake time of five minutes
   */
  readonly deployment?: Deployment | undefined;
  /**
   * Network of the containers.
   *
   * @default - SageMaker's network, outside your VPCs
   */
  readonly network?: Network | undefined;
  /** Models that the endpoint hosts. At least one. */
  readonly models: readonly ModelProps[];
  /**
   * Number of instances. SageMaker starts and stops them as the copies need them.
   *
   * @default - always one
   */
  readonly instances?: Instances | undefined;
  /**
   * AMI of the instances, which contains the NVIDIA driver.
   *
   * @default - the AMI that fits the models' images and the GPUs
   */
  readonly inferenceAmiVersion?: AmiVersion | undefined;
  /**
   * How requests are distributed over instances.
   *
   * @default - least-outstanding-requests. Prefix-aware routing needs to know how much all requests share.
   */
  readonly routing?: Routing | undefined;
  /**
   * Whether the containers are isolated from the network.
   *
   * @default - true if every model comes from S3
   */
  readonly networkIsolation?: boolean | undefined;
  /**
   * KMS key for the storage volumes. Instance types with local disks, which are all that vLLM runs well on, do not accept one.
   *
   * @default - none
   */
  readonly kmsKeyArn?: string | undefined;
  /**
   * Whether the server and the GPUs send their own metrics to CloudWatch each minute, as OpenTelemetry metrics that PromQL
   * can query. CloudWatch charges them by the gigabyte.
   *
   * @default true
   */
  readonly detailedMetrics?: boolean | undefined;
  /**
   * Alarm on the share of good answers by clients' feedback, on which updates of a model roll back.
   *
   * @default - none
   */
  readonly goodAnswers?: GoodAnswers | undefined;
  /**
   * Execution role with which SageMaker hosts the models.
   *
   * @default - a role that may read these weights and images, and write logs and metrics
   */
  readonly executionRole?: IRole | undefined;
  /**
   * Retention of the logs.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
  /**
   * Properties of the production variant that override the construct's.
   *
   * @default - none
   */
  readonly variantOverrides?: Partial<CfnEndpointConfig.ProductionVariantProperty> | undefined;
  /**
   * Further production variants, as CloudFormation takes them.
   *
   * @default - none
   */
  readonly furtherVariants?: readonly CfnEndpointConfig.ProductionVariantProperty[] | undefined;
}

/** Properties of an endpoint with their defaults resolved. */
export interface ResolvedEndpoint {
  /** Instance types, the preferred one first. */
  readonly instanceTypes: readonly [string, ...string[]];
  readonly fallbackInstanceTypes: readonly string[];
  /** Image of each model. */
  readonly images: readonly ContainerImage[];
  readonly ami: AmiVersion;
  readonly instances: Instances;
  readonly routing: Routing;
  readonly deployment: Deployment;
  readonly networkIsolation: boolean;
  readonly logRetention: RetentionDays;
}

/** Resolves the defaults of an endpoint's properties. */
export function resolveEndpoint(props: ReasoningEndpointProps): ResolvedEndpoint {
  const fallbackInstanceTypes = props.fallbackInstanceTypes ?? [];
  const instanceTypes: readonly [string, ...string[]] = [props.instanceType, ...fallbackInstanceTypes];
  const images = props.models.map(({ image }) => image ?? DEFAULT_VLLM_TAG);
  return {
    instanceTypes,
    fallbackInstanceTypes,
    images,
    ami: props.inferenceAmiVersion ?? fittingAmi(images, instanceTypes.map(findInstanceType)),
    instances: props.instances ?? { initial: 1, min: 1, max: 1 },
    routing: props.routing ?? { strategy: 'least-outstanding-requests' },
    deployment: props.deployment ?? { strategy: 'all-at-once' },
    networkIsolation: props.networkIsolation ?? props.models.every(({ source }) => source.kind === 's3'),
    logRetention: props.logRetention ?? RetentionDays.ONE_MONTH,
  };
}
