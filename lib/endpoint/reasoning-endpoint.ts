import { Arn, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, type IGrantable, type IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnEndpoint, CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { instanceTypeNotInRegion } from '../facts/instance-regions.ts';
import { findInstanceType, kmsKeyOnLocalStorage, unknownInstanceType } from '../facts/instance-types.ts';
import type { BudgetMetric } from '../facts/metrics.ts';
import { type Refusal, refuse } from '../facts/refusal.ts';
import {
  type AmiVersion,
  checkAmi,
  DEFAULT_VLLM_TAG,
  fittingAmi,
  imageWithoutCompletions,
  repositoryOf,
  unreachableImage,
} from '../serving/container-image.ts';
import { isolatedHub } from '../serving/model-source.ts';
import { type CapacityReservation, checkCapacity, type ScaleIn, toInstancePools, toScaleInPolicy } from './capacity.ts';
import { checkDeployment, type Deployment, toDeploymentConfig } from './deployment.ts';
import { createEndpointRole } from './endpoint-role.ts';
import {
  componentNameOf,
  errorAlarmName,
  HostedModel,
  type ModelProps,
  placementOf,
  toVpcConfig,
} from './hosted-model.ts';
import { checkNetwork, type Network } from './network.ts';
import type { OfferedModel } from './offered-model.ts';
import { checkInstances, type Instances } from './placement.ts';
import { checkRouting, type Routing, toRoutingConfig } from './routing.ts';

export interface ReasoningEndpointProps {
  /**
   * The endpoint's name: lower case letters, digits and dashes, at most 40.
   *
   * @default - made from the construct's path
   */
  readonly endpointName?: string | undefined;
  /** For instance `ml.p5.48xlarge`. */
  readonly instanceType: string;
  /**
   * Types to fall back to when `instanceType` has no capacity, in this order; at most four. Every model must fit each.
   *
   * @default - none
   */
  readonly fallbackInstanceTypes?: readonly string[] | undefined;
  /**
   * How long SageMaker tries to find an instance before it gives up, over all types. Seconds, 300 to 3,600.
   *
   * @default - SageMaker's
   */
  readonly provisionSeconds?: number | undefined;
  /**
   * Instances of a training plan. Only they are used.
   *
   * @default - on demand
   */
  readonly capacityReservation?: CapacityReservation | undefined;
  /**
   * How instances without work are given back.
   *
   * @default - SageMaker's: those that hold no copy
   */
  readonly scaleIn?: ScaleIn | undefined;
  /**
   * How the endpoint goes over to a new config, and back when an alarm rings. Models go over copy by copy.
   *
   * @default - all at once, watched for five minutes
   */
  readonly deployment?: Deployment | undefined;
  /**
   * Where the containers have their network.
   *
   * @default - in no VPC of yours
   */
  readonly network?: Network | undefined;
  /** What the endpoint hosts. At least one. */
  readonly models: readonly ModelProps[];
  /**
   * How many instances. SageMaker starts and stops them as the copies need them.
   *
   * @default - one, always
   */
  readonly instances?: Instances | undefined;
  /**
   * The hosts' image, which brings the NVIDIA driver.
   *
   * @default - the one that fits the models' images and the GPU
   */
  readonly inferenceAmiVersion?: AmiVersion | undefined;
  /**
   * Which instance gets a request.
   *
   * @default - prefix-aware, on the first 1,024 bytes
   */
  readonly routing?: Routing | undefined;
  /**
   * Whether the containers have no network.
   *
   * @default - true where every model comes from S3
   */
  readonly networkIsolation?: boolean | undefined;
  /**
   * Key for the storage volumes. Instance types with disks of their own (all with GPUs that vLLM runs well on) refuse it.
   *
   * @default - none
   */
  readonly kmsKeyArn?: string | undefined;
  /**
   * Whether the server's and the GPUs' own metrics reach CloudWatch, each minute, as OpenTelemetry metrics to be queried by
   * PromQL. CloudWatch charges what arrives by the gigabyte.
   *
   * @default true
   */
  readonly detailedMetrics?: boolean | undefined;
  /**
   * The role that SageMaker takes.
   *
   * @default - one that may read these weights and images, and write logs and metrics
   */
  readonly executionRole?: IRole | undefined;
  /**
   * How long logs are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
  /**
   * Properties of the production variant that win over ours.
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

/** The only variant. Its name must stay: an update with another name is refused by SageMaker. */
const VARIANT_NAME = 'main';

/**
 * GPU instances that host reasoning models as inference components and scale with them, down to zero.
 *
 * @example
 * const endpoint = new ReasoningEndpoint(this, 'Endpoint', {
 *   instanceType: 'ml.p5.48xlarge',
 *   instances: { initial: 1, min: 0, max: 2 },
 *   models: [
 *     {
 *       id: 's1-32b',
 *       source: { kind: 's3', uri: 's3://my-models/s1-32b/' },
 *       contextTokens: 32_768,
 *       vllm: { tensorParallel: 2 },
 *       copies: { initial: 1, min: 0, max: 8 },
 *     },
 *   ],
 * });
 * endpoint.grantInvoke(myFunction);
 */
export class ReasoningEndpoint extends Construct {
  /** A plain string: another stack that uses it does not tie the two together by an export. */
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly models: readonly HostedModel[];
  readonly endpoint: CfnEndpoint;
  readonly config: CfnEndpointConfig;
  readonly executionRole: IRole;

  constructor(scope: Construct, id: string, props: ReasoningEndpointProps) {
    super(scope, id);
    const stack = Stack.of(this);
    this.endpointName =
      props.endpointName ?? Names.uniqueResourceName(this, { maxLength: 40, separator: '-' }).toLowerCase();
    this.endpointArn = Arn.format(
      { service: 'sagemaker', resource: 'endpoint', resourceName: this.endpointName },
      stack,
    );
    const fallbacks = props.fallbackInstanceTypes ?? [];
    const instanceTypes: readonly [string, ...string[]] = [props.instanceType, ...fallbacks];
    const deployment = props.deployment ?? { strategy: 'all-at-once' };
    const images = props.models.map(({ image }) => image ?? DEFAULT_VLLM_TAG);
    const ami = props.inferenceAmiVersion ?? fittingAmi(images, instanceTypes.map(findInstanceType));
    const instances = props.instances ?? { initial: 1, min: 1, max: 1 };
    const routing = props.routing ?? { strategy: 'prefix-aware' };
    const networkIsolation = props.networkIsolation ?? props.models.every(({ source }) => source.kind === 's3');
    const variant: CfnEndpointConfig.ProductionVariantProperty = {
      variantName: VARIANT_NAME,
      ...(fallbacks.length === 0
        ? { instanceType: props.instanceType }
        : { instancePools: toInstancePools(instanceTypes) }),
      initialInstanceCount: instances.initial,
      inferenceAmiVersion: ami,
      managedInstanceScaling: {
        status: 'ENABLED',
        minInstanceCount: instances.min,
        maxInstanceCount: instances.max,
        ...(props.scaleIn !== undefined && { scaleInPolicy: toScaleInPolicy(props.scaleIn) }),
      },
      ...(props.provisionSeconds !== undefined && {
        variantInstanceProvisionTimeoutInSeconds: props.provisionSeconds,
      }),
      ...(props.capacityReservation !== undefined && {
        capacityReservationConfig: {
          capacityReservationPreference: 'capacity-reservations-only',
          mlReservationArn: props.capacityReservation.planArn,
        },
      }),
      routingConfig: toRoutingConfig(routing),
      ...props.variantOverrides,
    };
    refuse(this, [
      unknownRegion(stack.region),
      ...instanceTypes.flatMap((name) => [
        unknownInstanceType(name),
        instanceTypeNotInRegion(name, stack.region),
        kmsKeyOnLocalStorage(name, props.kmsKeyArn),
        ...images.map((image) => checkAmi(ami, image, { name, type: findInstanceType(name) })),
        ...checkInstances(name, instances, props.models.map(placementOf)),
      ]),
      ...images.map(imageWithoutCompletions),
      ...images.map((image) => (Token.isUnresolved(stack.region) ? undefined : unreachableImage(image, stack.region))),
      ...checkCapacity({
        instanceType: props.instanceType,
        fallbackInstanceTypes: fallbacks,
        provisionSeconds: props.provisionSeconds,
        reservation: props.capacityReservation,
        scaleIn: props.scaleIn,
        region: stack.region,
      }),
      ...checkDeployment(deployment, 1 + (props.furtherVariants ?? []).length),
      ...checkNetwork(
        props.network,
        props.models.filter(({ source }) => source.kind === 'hub').map(({ id }) => id),
      ),
      ...checkRouting(routing),
      ...props.models.map(({ id, source }) => isolatedHub(id, source, props.networkIsolation)),
      managedScalingWithoutComponents(variant),
      sameName(this.endpointName, props.models),
    ]);

    const logRetention = props.logRetention ?? RetentionDays.ONE_MONTH;
    const executionRole =
      props.executionRole ??
      createEndpointRole(this, 'Role', {
        sources: [
          ...props.models.map(({ source }) => source),
          ...props.models.flatMap(({ adapters }) => (adapters ?? []).map(({ uri }) => ({ kind: 's3' as const, uri }))),
        ],
        network: props.network,
        repositories: images.flatMap((image) => repositoryOf(image, stack.region) ?? []),
        logGroupNames: [
          `/aws/sagemaker/Endpoints/${this.endpointName}`,
          `/aws/sagemaker/InferenceComponents/${this.endpointName}-*`,
        ],
      });
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/sagemaker/Endpoints/${this.endpointName}`,
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // No name: each change replaces the config, and the new one must stand beside the old one.
    const config = new CfnEndpointConfig(this, 'Config', {
      executionRoleArn: executionRole.roleArn,
      enableNetworkIsolation: networkIsolation,
      productionVariants: [variant, ...(props.furtherVariants ?? [])],
      ...(props.network !== undefined && { vpcConfig: toVpcConfig(props.network) }),
      metricsConfig: {
        enableDetailedObservability: props.detailedMetrics ?? true,
        metricPublishFrequencyInSeconds: 60,
      },
      ...(props.kmsKeyArn !== undefined && { kmsKeyId: props.kmsKeyArn }),
    });
    config.node.addDependency(executionRole);
    this.endpoint = new CfnEndpoint(this, 'Endpoint', {
      endpointName: this.endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      // Without it an update sets the instances back to the initial count.
      retainAllVariantProperties: true,
      deploymentConfig: toDeploymentConfig(
        deployment,
        props.models.map(({ id }) => errorAlarmName(this.endpointName, id)),
      ),
    });
    this.endpoint.node.addDependency(logGroup);
    this.config = config;
    this.executionRole = executionRole;
    this.models = props.models.map(
      (model) =>
        new HostedModel(this, `Model-${model.id}`, {
          ...model,
          endpoint: this.endpoint,
          endpointName: this.endpointName,
          variantName: VARIANT_NAME,
          instanceTypes,
          network: props.network,
          executionRole,
          networkIsolation,
          logRetention,
        }),
    );
    // Known to it by their names only.
    this.endpoint.node.addDependency(...this.models.map(({ errorAlarm }) => errorAlarm));
  }

  /** Lets `grantee` run segments on every model of this endpoint, whole and streamed; nothing else. */
  grantInvoke(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
      resourceArns: [this.endpointArn, ...this.offered.map(({ componentArn }) => componentArn)],
    });
  }

  /** Everything that a request can name: each model, and the adapters on it. */
  get offered(): readonly OfferedModel[] {
    return this.models.flatMap((model) => [model, ...model.adapters]);
  }

  /**
   * Thinking tokens that admitted requests may still use, for each copy: known at admission, since budgets are exact.
   *
   * @param modelId the first model's by default
   */
  metricCommittedTokens(modelId?: string): Metric {
    return this.#model(modelId).metric('CommittedTokensPerCopy');
  }

  /**
   * A metric that the function writes for each request of a model.
   *
   * @param modelId the first model's by default
   */
  metric(name: BudgetMetric, modelId?: string): Metric {
    return this.#model(modelId).metric(name);
  }

  #model(id: string | undefined): HostedModel {
    const model = id === undefined ? this.models[0] : this.models.find((hosted) => hosted.id === id);
    if (model !== undefined) return model;
    throw new Error(
      `${this.node.path} hosts no model "${id}". It hosts ${this.models.map((hosted) => hosted.id).join(', ')}.`,
    );
  }
}

/** Refuses a variant that scales its instances by itself and names a model: SageMaker takes the one or the other. */
function managedScalingWithoutComponents(
  variant: Pick<CfnEndpointConfig.ProductionVariantProperty, 'managedInstanceScaling' | 'modelName'>,
): Refusal | undefined {
  if (variant.managedInstanceScaling === undefined || variant.modelName === undefined) return undefined;
  return {
    code: 'managed-scaling-without-components',
    sentence: `The variant has managedInstanceScaling and modelName "${variant.modelName}", but SageMaker scales the instances of inference components only: leave modelName out and list the model under models.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html',
  };
}

function sameName(endpointName: string, models: readonly ModelProps[]): Refusal | undefined {
  const named = models.flatMap((model) => [model, ...(model.adapters ?? [])]);
  const names = named.map(({ id }) => componentNameOf(endpointName, id));
  const second = names.findIndex((name, index) => names.indexOf(name) < index);
  if (second === -1) return undefined;
  const ids = named.filter((_, index) => names[index] === names[second]).map(({ id }) => `"${id}"`);
  return {
    code: 'same-name',
    sentence: `The models ${ids.join(' and ')} would both be component "${names[second]}", and a name is given once: write ids that differ in their letters and digits.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html',
  };
}

function unknownRegion(region: string): Refusal | undefined {
  if (!Token.isUnresolved(region)) return undefined;
  return {
    code: 'region',
    sentence: `The stack has no region, but images and instance types differ by region: write env: { region: "us-east-1" } for the stack.`,
    source: 'https://docs.aws.amazon.com/cdk/v2/guide/environments.html',
  };
}
