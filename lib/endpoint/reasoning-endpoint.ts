import { Arn, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Grant, IGrantable, IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnEndpoint, CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { repositoryOf } from '../facts/image-registries.ts';
import type { BudgetMetric } from '../facts/metrics.ts';
import type { Instances } from '../facts/placement.ts';
import { refuse } from '../facts/refusal.ts';
import { checkEndpoint } from './check-endpoint.ts';
import { errorAlarmName } from './component-names.ts';
import { toDeploymentConfig } from './deployment.ts';
import { type ReasoningEndpointProps, type ResolvedEndpoint, resolveEndpoint } from './endpoint-props.ts';
import { findModel, grantInvokeOf, type IReasoningEndpoint } from './endpoint-reference.ts';
import { createEndpointRole } from './endpoint-role.ts';
import { HostedModel } from './hosted-model.ts';
import { ImportedEndpoint, type ImportedEndpointProps } from './imported-endpoint.ts';
import { toVpcConfig } from './network.ts';
import type { OfferedModel } from './offered-model.ts';
import { toProductionVariant, VARIANT_NAME } from './production-variant.ts';

/** https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoRollbackConfig.html */
const MAX_ROLLBACK_ALARMS = 10;

/**
 * SageMaker endpoint whose GPU instances host reasoning models as inference components and scale with them, down to zero.
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
export class ReasoningEndpoint extends Construct implements IReasoningEndpoint {
  /**
   * Refers to an endpoint that exists already in the account and region of the stack, so that a `ReasoningApi` can stand in front of it.
   *
   * @throws {RefusedError} if a name is not one of SageMaker's, or a window is missing
   *
   * @example
   * const endpoint = ReasoningEndpoint.fromEndpointName(this, 'Endpoint', {
   *   endpointName: 'reasoning',
   *   models: [{ id: 's1-32b', inferenceComponentName: 'reasoning-s1-32b', contextTokens: 32_768 }],
   * });
   */
  static fromEndpointName(scope: Construct, id: string, props: ImportedEndpointProps): IReasoningEndpoint {
    return new ImportedEndpoint(scope, id, props);
  }

  /** A plain string, so that a stack that uses it needs no export from this stack. */
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly models: readonly HostedModel[];
  /** Number of instances, as the props or their default say. */
  readonly instances: Instances;
  readonly endpoint: CfnEndpoint;
  readonly config: CfnEndpointConfig;
  readonly executionRole: IRole;

  constructor(scope: Construct, id: string, props: ReasoningEndpointProps) {
    super(scope, id);
    const { region } = Stack.of(this);
    this.endpointName =
      props.endpointName ?? Names.uniqueResourceName(this, { maxLength: 40, separator: '-' }).toLowerCase();
    this.endpointArn = Arn.format(
      { service: 'sagemaker', resource: 'endpoint', resourceName: this.endpointName },
      Stack.of(this),
    );
    const resolved = resolveEndpoint(props);
    const variant = toProductionVariant(props, resolved);
    this.instances = resolved.instances;
    refuse(this, checkEndpoint({ region, endpointName: this.endpointName }, props, resolved, variant));

    this.executionRole = props.executionRole ?? this.#createRole(props, resolved);
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/sagemaker/Endpoints/${this.endpointName}`,
      retention: resolved.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.config = this.#createConfig(props, resolved, variant);
    this.endpoint = new CfnEndpoint(this, 'Endpoint', {
      endpointName: this.endpointName,
      endpointConfigName: this.config.attrEndpointConfigName,
      // Otherwise an update would reset the number of instances to the initial count.
      retainAllVariantProperties: true,
      deploymentConfig: toDeploymentConfig(
        resolved.deployment,
        // SageMaker takes at most ten. The components of further models roll back on their own alarms all the same.
        props.models.slice(0, MAX_ROLLBACK_ALARMS).map(({ id }) => errorAlarmName(this.endpointName, id)),
      ),
    });
    this.endpoint.node.addDependency(logGroup);
    this.models = this.#createModels(props, resolved);
    // The deployment config refers to the alarms by name, which CloudFormation does not see as a dependency.
    this.endpoint.node.addDependency(...this.models.map(({ errorAlarm }) => errorAlarm));
  }

  /** Allows `grantee` to invoke every model of this endpoint, with and without streaming, and nothing else. */
  grantInvoke(grantee: IGrantable): Grant {
    return grantInvokeOf(this, grantee);
  }

  /** All names that a request can use: each model and its adapters. */
  get offered(): readonly OfferedModel[] {
    return this.models.flatMap((model) => [model, ...model.adapters]);
  }

  /**
   * Metric of the thinking tokens that admitted requests may still use, per copy. Exact, because budgets are exact.
   *
   * @param modelId if omitted, the first model
   */
  metricCommittedTokens(modelId?: string): Metric {
    return this.#model(modelId).metric('CommittedTokensPerCopy');
  }

  /**
   * Metric that the function writes for the requests of a model.
   *
   * @param modelId if omitted, the first model
   */
  metric(name: BudgetMetric, modelId?: string): Metric {
    return this.#model(modelId).metric(name);
  }

  #createRole({ models, network }: ReasoningEndpointProps, { images }: ResolvedEndpoint): IRole {
    const { region } = Stack.of(this);
    return createEndpointRole(this, 'Role', {
      sources: [
        ...models.map(({ source }) => source),
        ...models.flatMap(({ adapters }) => (adapters ?? []).map(({ uri }) => ({ kind: 's3' as const, uri }))),
      ],
      network,
      repositories: images.flatMap((image) => repositoryOf(image, region) ?? []),
      logGroupNames: [
        `/aws/sagemaker/Endpoints/${this.endpointName}`,
        `/aws/sagemaker/InferenceComponents/${this.endpointName}-*`,
      ],
    });
  }

  #createConfig(
    props: ReasoningEndpointProps,
    { networkIsolation }: ResolvedEndpoint,
    variant: CfnEndpointConfig.ProductionVariantProperty,
  ): CfnEndpointConfig {
    // Without a name, because each change replaces the config while the old one still exists.
    const config = new CfnEndpointConfig(this, 'Config', {
      executionRoleArn: this.executionRole.roleArn,
      enableNetworkIsolation: networkIsolation,
      productionVariants: [variant, ...(props.furtherVariants ?? [])],
      ...(props.network !== undefined && { vpcConfig: toVpcConfig(props.network) }),
      metricsConfig: {
        enableDetailedObservability: props.detailedMetrics ?? true,
        metricPublishFrequencyInSeconds: 60,
      },
      ...(props.kmsKeyArn !== undefined && { kmsKeyId: props.kmsKeyArn }),
    });
    config.node.addDependency(this.executionRole);
    return config;
  }

  #createModels(
    { models, network, goodAnswers }: ReasoningEndpointProps,
    { instanceTypes, networkIsolation, logRetention }: ResolvedEndpoint,
  ): readonly HostedModel[] {
    return models.map(
      (model) =>
        new HostedModel(this, `Model-${model.id}`, {
          ...model,
          endpoint: this.endpoint,
          endpointName: this.endpointName,
          variantName: VARIANT_NAME,
          instanceTypes,
          network,
          executionRole: this.executionRole,
          networkIsolation,
          goodAnswers,
          logRetention,
        }),
    );
  }

  #model(id: string | undefined): HostedModel {
    return findModel(this.node.path, this.models, id);
  }
}
