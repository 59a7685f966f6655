import { Arn, Duration, RemovalPolicy, SecretValue, Stack } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type CfnEndpoint, CfnInferenceComponent, CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { accelerate } from './accelerations.ts';
import { type Architecture, type ArchitectureName, toArchitecture } from './architecture.ts';
import { type ContainerImage, DEFAULT_VLLM_TAG, imageUri } from './container-image.ts';
import { CopyScaling } from './copy-scaling.ts';
import { indivisibleHeads, modelLargerThanGpus, type WeightBits } from './gpu-memory.ts';
import { findInstanceType } from './instance-types.ts';
import { group, limits, outside } from './limits.ts';
import { type ModelSource, s3UriWithoutSlash } from './model-source.ts';
import { type Copies, copyLargerThanInstance, impossibleCopies, type Placed } from './placement.ts';
import { type Refusal, refuse } from './refusal.ts';
import { oversizedEnvironment, type VllmSettings, vllmEnvironment } from './vllm-environment.ts';

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
   * Memory of the host that one copy reserves. MiB. Too little is harmless while the host has more; too much, and copies
   * that fit the GPUs find no place.
   *
   * @default - half of its GPUs' share of the instance's memory: the other half is cache for the weights' files
   */
  readonly memoryMib?: number | undefined;
  /**
   * How long the weights may take from S3 to the instance. Seconds, 60 to 3,600.
   *
   * @default 1800
   */
  readonly downloadSeconds?: number | undefined;
  /**
   * How long the server may take until it is healthy, a download from the hub included. Seconds, 60 to 3,600.
   *
   * @default 1800
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

export interface HostedModelProps extends ModelProps {
  readonly endpoint: CfnEndpoint;
  readonly endpointName: string;
  readonly variantName: string;
  readonly instanceType: string;
  readonly executionRole: IRole;
  readonly networkIsolation: boolean;
  readonly logRetention: RetentionDays;
}

/** A model on an endpoint as an inference component that scales. `ReasoningEndpoint` makes one for each of its models. */
export class HostedModel extends Construct {
  /** What InvokeEndpoint takes as InferenceComponentName. */
  readonly componentName: string;
  readonly componentArn: string;
  /** What a request writes in `model`. */
  readonly servedModelName: string;
  /** The window that vLLM serves: prompt, thinking and answer. Tokens. */
  readonly contextTokens: number;
  readonly component: CfnInferenceComponent;
  readonly scaling: CopyScaling;

  constructor(scope: Construct, id: string, props: HostedModelProps) {
    super(scope, id);
    this.servedModelName = props.id;
    this.contextTokens = props.vllm?.contextTokens ?? props.contextTokens;
    this.componentName = componentNameOf(props.endpointName, props.id);
    this.componentArn = Arn.format(
      { service: 'sagemaker', resource: 'inference-component', resourceName: this.componentName },
      Stack.of(this),
    );
    const copies = copiesOf(props);
    const environment = environmentOf(props, this.contextTokens);
    refuse(this, [
      s3UriWithoutSlash(props.id, props.source),
      contextOverWindow(props),
      copyLargerThanInstance(props.instanceType, placedOf(props)),
      ...memoryFindings(props, this.contextTokens),
      ...impossibleCopies(placedOf(props)),
      ...oversizedEnvironment(props.id, environment),
      outside('startup-timeout', `startupSeconds of ${props.id}`, props.startupSeconds ?? 1_800, limits.startupSeconds),
      outside(
        'download-timeout',
        `downloadSeconds of ${props.id}`,
        props.downloadSeconds ?? 1_800,
        limits.downloadSeconds,
      ),
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
    this.component = new CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: this.componentName,
      endpointName: props.endpoint.attrEndpointName,
      variantName: props.variantName,
      specification: {
        modelName: model.attrModelName,
        computeResourceRequirements: {
          numberOfAcceleratorDevicesRequired: props.vllm?.tensorParallel ?? 1,
          minMemoryRequiredInMb: props.memoryMib ?? defaultMemoryMib(props),
        },
        startupParameters: {
          containerStartupHealthCheckTimeoutInSeconds: props.startupSeconds ?? 1_800,
          modelDataDownloadTimeoutInSeconds: props.downloadSeconds ?? 1_800,
        },
        dataCacheConfig: { enableCaching: props.dataCache ?? true },
      },
      runtimeConfig: { copyCount: copies.initial },
    });
    this.component.node.addDependency(logGroup);
    this.scaling = new CopyScaling(this, 'Scaling', {
      componentName: this.componentName,
      minCopies: copies.min,
      maxCopies: copies.max,
      requestsPerCopy: props.requestsPerCopy,
      noCapacityMetric: this.metricNoCapacity(),
    });
    this.scaling.target.addResourceDependency(this.component);
  }

  /** Requests that found no copy. */
  metricNoCapacity(): Metric {
    return new Metric({
      namespace: 'AWS/SageMaker',
      metricName: 'NoCapacityInvocationFailures',
      dimensionsMap: { InferenceComponentName: this.componentName },
      statistic: Stats.MAXIMUM,
      period: Duration.seconds(30),
    });
  }
}

/** What placement needs to know of a model. */
export function placedOf(props: ModelProps): Placed {
  return { name: props.id, tensorParallel: props.vllm?.tensorParallel ?? 1, copies: copiesOf(props) };
}

/** `simplescaling/s1.1-32B` on endpoint `s1` is `s1-simplescaling-s1-1-32b`: at most 63 letters, digits and dashes. */
export function componentNameOf(endpointName: string, modelId: string): string {
  const suffix = modelId.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const name = suffix === endpointName ? `${endpointName}-model` : `${endpointName}-${suffix}`;
  return name.slice(0, 63).replace(/-+$/, '');
}

function copiesOf(props: ModelProps): Copies {
  return props.copies ?? { initial: 1, min: 1, max: 1 };
}

function environmentOf(props: HostedModelProps, contextTokens: number): Readonly<Record<string, string>> {
  const { source } = props;
  return {
    ...(source.kind === 'hub' && {
      SM_VLLM_MODEL: source.id,
      // /tmp is on the instance's own disks; the container's root is too small for weights.
      HF_HOME: '/tmp/huggingface',
      ...(source.revision !== undefined && { SM_VLLM_REVISION: source.revision }),
      ...(source.tokenSecretName !== undefined && {
        HF_TOKEN: SecretValue.secretsManager(source.tokenSecretName).unsafeUnwrap(),
      }),
    }),
    // A requirements.txt beside the weights would otherwise be installed, and run, at each start.
    STANDARD_AUTO_INSTALL_REQ: 'false',
    ...vllmEnvironment(props.vllm ?? {}, { servedModelName: props.id, contextTokens }),
    ...props.environment,
  };
}

function defaultMemoryMib({ instanceType, vllm }: HostedModelProps): number {
  const type = findInstanceType(instanceType);
  if (type === undefined) return 1_024;
  return Math.floor((type.memoryGib * 1_024 * (vllm?.tensorParallel ?? 1)) / type.gpus / 2);
}

function memoryFindings(props: HostedModelProps, contextTokens: number): readonly (Refusal | undefined)[] {
  const shape = props.architecture === undefined ? undefined : toArchitecture(props.architecture);
  const settings = { ...accelerate(props.vllm ?? {}), weightBits: props.weightBits };
  const heads = indivisibleHeads(props.id, shape, settings.tensorParallel ?? 1);
  return heads === undefined
    ? [modelLargerThanGpus(props.id, shape, settings, contextTokens, props.instanceType)]
    : [heads];
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
