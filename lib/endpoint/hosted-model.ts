import { Arn, Duration, RemovalPolicy, SecretValue, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type CfnEndpoint, CfnInferenceComponent, CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { group, limits, outside } from '../facts/aws-limits.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { type BudgetMetric, budgetMetric, componentMetric, utilizationMetric } from '../facts/metrics.ts';
import { type Refusal, refuse } from '../facts/refusal.ts';
import { accelerate } from '../serving/accelerations.ts';
import { type Architecture, type ArchitectureName, toArchitecture } from '../serving/architecture.ts';
import { type ContainerImage, DEFAULT_VLLM_TAG, imageUri, serverOf } from '../serving/container-image.ts';
import { indivisibleHeads, modelLargerThanGpus, storedWeightBytes, type WeightBits } from '../serving/gpu-memory.ts';
import { type ModelSource, s3UriWithoutSlash } from '../serving/model-source.ts';
import { fittingTimeouts } from '../serving/startup-timeouts.ts';
import {
  checkAccelerations,
  oversizedEnvironment,
  type VllmSettings,
  vllmEnvironment,
} from '../serving/vllm-environment.ts';
import { type AdapterProps, HostedAdapter } from './adapter.ts';
import { copyLoadOf, loadWithoutShape, type ThinkingScaling } from './copy-capacity.ts';
import { CopyScaling, type ScheduledCopies } from './copy-scaling.ts';
import { toComponentDeployment } from './deployment.ts';
import type { Network } from './network.ts';
import type { OfferedModel } from './offered-model.ts';
import { type Copies, checkCopies, copyLargerThanInstance, type Placement } from './placement.ts';

/** One model on an endpoint: its weights, its server, and its copies. */
export interface ModelProps {
  /** The name that a client writes in `model`, and vLLM serves. */
  readonly id: string;
  readonly source: ModelSource;
  /** The window that the model was trained for: prompt, thinking and answer. Tokens. */
  readonly contextTokens: number;
  /**
   * The model's shape: a name of `architectures`, or the fields of its config.json.
   *
   * @default - unknown: nobody checks whether weights and KV cache fit the GPUs
   */
  readonly architecture?: ArchitectureName | Architecture | undefined;
  /**
   * Bits of one stored weight.
   *
   * @default - what `vllm.quantization` says; 16 without it
   */
  readonly weightBits?: WeightBits | undefined;
  /**
   * The server.
   *
   * @default - AWS's image with vLLM 0.27 and CUDA 13, `server-sagemaker-cuda-v2.3`
   */
  readonly image?: ContainerImage | undefined;
  /**
   * How vLLM serves the model.
   *
   * @default - one GPU, the whole window, vLLM's own defaults
   */
  readonly vllm?: VllmSettings | undefined;
  /**
   * How many copies.
   *
   * @default - one, always
   */
  readonly copies?: Copies | undefined;
  /**
   * Requests in flight that one copy should have: the target of its scaling.
   *
   * @default 8
   */
  readonly requestsPerCopy?: number | undefined;
  /**
   * Further scaling: a second target that leads, ranges by the clock, rests.
   *
   * @default - by requests in flight alone, with rests of 300 seconds
   */
  readonly scaling?: ModelScalingProps | undefined;
  /**
   * LoRA adapters that the model's copies serve too, each under a name of its own.
   *
   * @default - none
   */
  readonly adapters?: readonly AdapterProps[] | undefined;
  /**
   * Memory of the host that one copy reserves. MiB. Too little is harmless while the host has more; too much, and copies
   * that fit the GPUs find no place.
   *
   * @default - half of its GPUs' share of the instance's memory: the other half is cache for the weights' files
   */
  readonly memoryMib?: number | undefined;
  /**
   * How long the weights may take from S3 to the instance. Seconds, 60 to 3,600.
   *
   * @default - what fits the weights' size on a slow day, see `fittingTimeouts`; 1,800 without an architecture
   */
  readonly downloadSeconds?: number | undefined;
  /**
   * How long the server may take until it is healthy, a download from the hub included. Seconds, 60 to 3,600.
   *
   * @default - what fits the weights' size on a slow day, see `fittingTimeouts`; 1,800 without an architecture
   */
  readonly startupSeconds?: number | undefined;
  /**
   * Whether an instance keeps weights and image for its next copy.
   *
   * @default true
   */
  readonly dataCache?: boolean | undefined;
  /**
   * Further variables of the container. They win over ours.
   *
   * @default - none
   */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** How the copies of a model scale beside `requestsPerCopy`. */
export interface ModelScalingProps {
  /** See `CopyScalingProps`. */
  readonly committedTokensPerCopy?: number | undefined;
  /** See `CopyScalingProps`. */
  readonly schedule?: readonly ScheduledCopies[] | undefined;
  /**
   * Whether the function looks at the load of every request: elastic budgets, admission, and copies as the policies of lambda/policy
   * want them, instead of by requests in flight.
   *
   * @default - no
   */
  readonly thinking?: ThinkingScaling | undefined;
  /** Rest after copies were added. Seconds. */
  readonly scaleOutCooldownSeconds?: number | undefined;
  /** Rest after copies were removed. Seconds. */
  readonly scaleInCooldownSeconds?: number | undefined;
}

export interface HostedModelProps extends ModelProps {
  readonly endpoint: CfnEndpoint;
  readonly endpointName: string;
  readonly variantName: string;
  /** Types that the model may run on, the preferred one first. */
  readonly instanceTypes: readonly [string, ...string[]];
  readonly network: Network | undefined;
  readonly executionRole: IRole;
  readonly networkIsolation: boolean;
  readonly logRetention: RetentionDays;
}

/** A model on an endpoint as an inference component that scales. `ReasoningEndpoint` makes one for each of its models. */
export class HostedModel extends Construct implements OfferedModel {
  readonly id: string;
  /** What InvokeEndpoint takes as InferenceComponentName. */
  readonly componentName: string;
  readonly componentArn: string;
  /** What a request writes in `model`. */
  readonly servedModelName: string;
  /** The window that vLLM serves: prompt, thinking and answer. Tokens. */
  readonly contextTokens: number;
  readonly load: OfferedModel['load'];
  /** AWS's vLLM images only take another route of the server in CustomAttributes. */
  readonly canTokenize: boolean;
  readonly component: CfnInferenceComponent;
  readonly scaling: CopyScaling;
  readonly adapters: readonly HostedAdapter[];
  /** Rings when more than a twentieth of the requests fail on the model's side. A deployment goes back on it. */
  readonly errorAlarm: Alarm;
  readonly #endpointName: string;

  constructor(scope: Construct, id: string, props: HostedModelProps) {
    super(scope, id);
    this.id = props.id;
    this.servedModelName = props.id;
    this.#endpointName = props.endpointName;
    this.canTokenize = serverOf(props.image ?? DEFAULT_VLLM_TAG) === 'vllm';
    this.contextTokens = props.vllm?.contextTokens ?? props.contextTokens;
    this.componentName = componentNameOf(props.endpointName, props.id);
    this.componentArn = Arn.format(
      { service: 'sagemaker', resource: 'inference-component', resourceName: this.componentName },
      Stack.of(this),
    );
    const copies = copiesOf(props);
    this.load = copyLoadOf(props, props.instanceTypes[0], this.componentName, copies);
    const environment = environmentOf(props, this.contextTokens);
    const timeouts = timeoutsOf(props);
    refuse(this, [
      s3UriWithoutSlash(props.id, props.source),
      contextOverWindow(props),
      loadWithoutShape(props),
      contextOverBody(props.id, this.contextTokens),
      ...props.instanceTypes.flatMap((instanceType) => [
        copyLargerThanInstance(instanceType, placementOf(props)),
        ...memoryFindings(props, instanceType, this.contextTokens),
      ]),
      ...checkCopies(placementOf(props)),
      ...checkAccelerations(props.id, props.vllm ?? {}, props.networkIsolation),
      ...oversizedEnvironment(props.id, environment),
      outside('startup-timeout', `startupSeconds of ${props.id}`, timeouts.startupSeconds, limits.startupSeconds),
      outside('download-timeout', `downloadSeconds of ${props.id}`, timeouts.downloadSeconds, limits.downloadSeconds),
      ...(props.adapters ?? []).map((adapter) => adapterWithoutArchive(props.id, adapter)),
    ]);

    // Made here, so that what the container prints is kept for a time and not for ever.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/sagemaker/InferenceComponents/${this.componentName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const model = new CfnModel(this, 'Model', {
      executionRoleArn: props.executionRole.roleArn,
      enableNetworkIsolation: props.networkIsolation,
      ...(props.network !== undefined && { vpcConfig: toVpcConfig(props.network) }),
      primaryContainer: {
        image: imageUri(props.image ?? DEFAULT_VLLM_TAG, Stack.of(this).region),
        environment: { ...environment },
        ...(props.source.kind === 's3' && {
          modelDataSource: {
            s3DataSource: { s3Uri: props.source.uri, s3DataType: 'S3Prefix', compressionType: 'None' },
          },
        }),
      },
    });
    model.node.addDependency(props.executionRole);
    this.errorAlarm = this.#createErrorAlarm(props);
    const specification = (instanceType: string) => ({
      modelName: model.attrModelName,
      computeResourceRequirements: {
        numberOfAcceleratorDevicesRequired: props.vllm?.tensorParallel ?? 1,
        minMemoryRequiredInMb: props.memoryMib ?? defaultMemoryMib(instanceType, props.vllm?.tensorParallel ?? 1),
      },
      startupParameters: {
        containerStartupHealthCheckTimeoutInSeconds: timeouts.startupSeconds,
        modelDataDownloadTimeoutInSeconds: timeouts.downloadSeconds,
      },
      dataCacheConfig: { enableCaching: props.dataCache ?? true },
    });
    const [instanceType, ...fallbacks] = props.instanceTypes;
    this.component = new CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: this.componentName,
      endpointName: props.endpoint.attrEndpointName,
      variantName: props.variantName,
      // One for each type of an endpoint with several, since hosts have different memory.
      ...(fallbacks.length === 0
        ? { specification: specification(instanceType) }
        : { specifications: props.instanceTypes.map((type) => ({ instanceType: type, ...specification(type) })) }),
      runtimeConfig: { copyCount: copies.initial },
      deploymentConfig: toComponentDeployment([this.errorAlarm.alarmName]),
    });
    this.component.node.addDependency(logGroup);
    this.scaling = new CopyScaling(this, 'Scaling', {
      componentName: this.componentName,
      endpointName: props.endpointName,
      modelId: props.id,
      minCopies: copies.min,
      maxCopies: copies.max,
      requestsPerCopy: props.requestsPerCopy,
      committedTokensPerCopy: props.scaling?.committedTokensPerCopy,
      byLoad: this.load !== undefined,
      schedule: props.scaling?.schedule,
      scaleOutCooldown: durationOf(props.scaling?.scaleOutCooldownSeconds),
      scaleInCooldown: durationOf(props.scaling?.scaleInCooldownSeconds),
      noCapacityMetric: this.metricNoCapacity(),
    });
    this.scaling.target.addResourceDependency(this.component);
    this.adapters = (props.adapters ?? []).map(
      (adapter) =>
        new HostedAdapter(this, `Adapter-${adapter.id}`, {
          ...adapter,
          endpoint: props.endpoint,
          componentName: componentNameOf(props.endpointName, adapter.id),
          base: this,
        }),
    );
  }

  /** Requests that found no copy. */
  metricNoCapacity(): Metric {
    return componentMetric('NoCapacityInvocationFailures', this.componentName, {
      statistic: Stats.MAXIMUM,
      period: Duration.seconds(30),
    });
  }

  /**
   * Copies that serve: each reports what it uses once a minute, so reports a minute are copies. Of the CPU, because GPUs can report one by
   * one. AWS counts instances so; for copies it is not written down, and not tried.
   *
   * @see https://aws.amazon.com/blogs/machine-learning/enhanced-metrics-for-amazon-sagemaker-ai-endpoints-deeper-visibility-for-better-performance/
   */
  metricCopies(): Metric {
    return utilizationMetric('CPUUtilizationNormalized', this.componentName, { statistic: Stats.SAMPLE_COUNT });
  }

  /** Calls of the model: one or more for each request. */
  metricInvocations(): Metric {
    return componentMetric('Invocations', this.componentName);
  }

  /** Share of its GPUs' computing that the model uses. Percent. */
  metricGpuUtilization(): Metric {
    return utilizationMetric('GPUUtilizationNormalized', this.componentName);
  }

  /** Share of its GPUs' memory that the model uses. Percent. */
  metricGpuMemory(): Metric {
    return utilizationMetric('GPUMemoryUtilizationNormalized', this.componentName);
  }

  /** A metric that the function writes about this model. */
  metric(name: BudgetMetric): Metric {
    return budgetMetric(name, { endpointName: this.#endpointName, modelId: this.id });
  }

  #createErrorAlarm(props: HostedModelProps): Alarm {
    return new Alarm(this, 'Errors', {
      alarmName: errorAlarmName(props.endpointName, props.id),
      alarmDescription: `More than 5 % of the calls of ${this.componentName} fail in the model or its server.`,
      metric: new MathExpression({
        label: 'failed calls in percent',
        expression: 'IF(calls > 0, 100 * errors / calls, 0)',
        usingMetrics: {
          errors: componentMetric('Invocation5XXErrors', this.componentName),
          calls: this.metricInvocations(),
        },
        period: Duration.minutes(1),
      }),
      threshold: 5,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

/** What placement needs to know of a model. */
export function placementOf(props: ModelProps): Placement {
  return { name: props.id, tensorParallel: props.vllm?.tensorParallel ?? 1, copies: copiesOf(props) };
}

/** `simplescaling/s1.1-32B` on endpoint `s1` is `s1-simplescaling-s1-1-32b`: at most 63 letters, digits and dashes. */
export function componentNameOf(endpointName: string, modelId: string): string {
  const suffix = modelId.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const name = suffix === endpointName ? `${endpointName}-model` : `${endpointName}-${suffix}`;
  return name.slice(0, 63).replace(/-+$/, '');
}

/** The endpoint, which is made before its models, goes back on the alarms of these names. */
export function errorAlarmName(endpointName: string, modelId: string): string {
  return `${componentNameOf(endpointName, modelId)}-errors`;
}

function copiesOf(props: ModelProps): Copies {
  return props.copies ?? { initial: 1, min: 1, max: 1 };
}

/** The network as SageMaker takes it. */
export function toVpcConfig({ subnets, securityGroups }: Network) {
  return {
    subnets: subnets.map(({ subnetId }) => subnetId),
    securityGroupIds: securityGroups.map(({ securityGroupId }) => securityGroupId),
  };
}

function durationOf(seconds: number | undefined): Duration | undefined {
  return seconds === undefined ? undefined : Duration.seconds(seconds);
}

function timeoutsOf(props: ModelProps) {
  const shape = shapeOf(props);
  const bytes = shape && storedWeightBytes(shape, settingsOf(props));
  const { downloadSeconds, startupSeconds } = fittingTimeouts(bytes, props.source);
  return {
    downloadSeconds: props.downloadSeconds ?? downloadSeconds,
    startupSeconds: props.startupSeconds ?? startupSeconds,
  };
}

function shapeOf({ architecture }: ModelProps): Architecture | undefined {
  return architecture === undefined ? undefined : toArchitecture(architecture);
}

function settingsOf(props: ModelProps) {
  return { ...accelerate(props.vllm ?? {}), weightBits: props.weightBits };
}

function environmentOf(props: HostedModelProps, contextTokens: number): Readonly<Record<string, string>> {
  const { source } = props;
  const server = serverOf(props.image ?? DEFAULT_VLLM_TAG);
  const adapters = (props.adapters ?? []).length > 0;
  return {
    ...(source.kind === 'hub' && {
      // /tmp is on the instance's own disks; the container's root is too small for weights.
      HF_HOME: '/tmp/huggingface',
      ...(source.tokenSecretName !== undefined && {
        HF_TOKEN: SecretValue.secretsManager(source.tokenSecretName).unsafeUnwrap(),
      }),
    }),
    // A requirements.txt beside the weights would otherwise be installed, and run, at each start.
    STANDARD_AUTO_INSTALL_REQ: 'false',
    // SageMaker loads and unloads adapters while the server runs.
    ...(adapters && server === 'vllm' && { VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'true' }),
    ...vllmEnvironment(props.vllm ?? {}, {
      servedModelName: props.id,
      contextTokens,
      server,
      hub: source.kind === 'hub' ? source : undefined,
      adapters,
    }),
    ...props.environment,
  };
}

/** Half of its GPUs' share of the host. */
function defaultMemoryMib(instanceType: string, tensorParallel: number): number {
  const type = findInstanceType(instanceType);
  if (type === undefined) return 1_024;
  return Math.floor((type.memoryGib * 1_024 * tensorParallel) / type.gpus / 2);
}

function memoryFindings(
  props: HostedModelProps,
  instanceType: string,
  contextTokens: number,
): readonly (Refusal | undefined)[] {
  const shape = shapeOf(props);
  const settings = settingsOf(props);
  const heads = indivisibleHeads(props.id, shape, settings.tensorParallel ?? 1);
  return [heads ?? modelLargerThanGpus(props.id, shape, settings, contextTokens, instanceType)];
}

/** Refuses a window whose ids do not fit the body of a call: a token id and its comma take up to 7 bytes. */
function contextOverBody(id: string, contextTokens: number): Refusal | undefined {
  const { max, source } = limits.invocationBytes;
  if (contextTokens * BYTES_PER_ID <= max) return undefined;
  return {
    code: 'payload-size',
    sentence: `The window of ${id} has ${group(contextTokens)} tokens, which take up to ${group(contextTokens * BYTES_PER_ID)} bytes as ids, but SageMaker takes bodies of ${group(max)}: write vllm.contextTokens ${Math.floor(max / BYTES_PER_ID)} or less.`,
    source,
  };
}

const BYTES_PER_ID = 7;

function adapterWithoutArchive(modelId: string, { id, uri }: AdapterProps): Refusal | undefined {
  if (/^s3:\/\/[^/]+\/.+\.tar\.gz$/.test(uri)) return undefined;
  return {
    code: 'adapter-uri',
    sentence: `adapter ${id} of ${modelId} has uri "${uri}", but SageMaker takes an adapter as one archive: write "s3://<bucket>/<prefix>/adapter.tar.gz" with adapter_config.json at its top.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html',
  };
}

function contextOverWindow({ id, vllm, contextTokens }: ModelProps): Refusal | undefined {
  const served = vllm?.contextTokens ?? contextTokens;
  if (served <= contextTokens) return undefined;
  return {
    code: 'context-window',
    sentence: `vllm.contextTokens of ${id} is ${group(served)}, but the model's window (contextTokens) is ${group(contextTokens)}, and vLLM does not start with more: write ${contextTokens} or less, or the model's true window.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/engine_args.html',
  };
}
