import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { DEFAULT_VLLM_TAG, serverOf } from '../facts/images.ts';
import { type BudgetMetric, budgetMetric, componentMetric, utilizationMetric } from '../facts/metrics.ts';
import { refuse } from '../facts/refusal.ts';
import { servedWeights } from '../serving/served-weights.ts';
import { HostedAdapter } from './adapter.ts';
import { checkModel } from './check-model.ts';
import { componentArnOf, componentNameOf, errorAlarmName } from './component-names.ts';
import { deployedScalingOf } from './copy-capacity.ts';
import { CopyScaling } from './copy-scaling.ts';
import type { ReferencedModel } from './endpoint-reference.ts';
import { createGoodAnswersAlarm } from './good-answers.ts';
import { createComponent, startupTimeouts } from './inference-component.ts';
import { containerEnvironment, createModel } from './model-container.ts';
import { copiesOf, type HostedModelProps, servedContextTokens } from './model-props.ts';
import type { OfferedModel } from './offered-model.ts';
import { zeroCopiesOf } from './zero-copies.ts';

/** Model on an endpoint, as an inference component that scales. `ReasoningEndpoint` creates one for each of its models. */
export class HostedModel extends Construct implements ReferencedModel {
  readonly id: string;
  /** Value of InferenceComponentName in InvokeEndpoint. */
  readonly componentName: string;
  readonly componentArn: string;
  /** Value of `model` in a request to the server. */
  readonly servedModelName: string;
  /** Window that vLLM serves (prompt, thinking and answer), in tokens. */
  readonly contextTokens: number;
  readonly deployedScaling: OfferedModel['deployedScaling'];
  /** True for AWS's vLLM images: only they accept another route of the server in CustomAttributes. */
  readonly canTokenize: boolean;
  readonly zeroCopies: OfferedModel['zeroCopies'];
  readonly component: CfnInferenceComponent;
  readonly scaling: CopyScaling;
  readonly adapters: readonly HostedAdapter[];
  /** In alarm if more than 5 % of the calls fail in the model or its server. Deployments roll back on it. */
  readonly errorAlarm: Alarm;
  /** In alarm if the share of good answers is too low. `undefined` unless it is watched. Updates of the component roll back on it. */
  readonly goodAnswersAlarm: Alarm | undefined;
  /** The props, from which `FineTuning` makes models of other weights. */
  readonly props: HostedModelProps;
  readonly #endpointName: string;

  constructor(scope: Construct, id: string, props: HostedModelProps) {
    super(scope, id);
    this.id = props.id;
    this.props = props;
    this.servedModelName = props.id;
    this.#endpointName = props.endpointName;
    this.canTokenize = serverOf(props.image ?? DEFAULT_VLLM_TAG) === 'vllm';
    this.contextTokens = servedContextTokens(props);
    this.componentName = componentNameOf(props.endpointName, props.id);
    this.componentArn = componentArnOf(this, this.componentName);
    const served = servedWeights(props);
    this.deployedScaling = deployedScalingOf(props, served, props.instanceTypes[0], this.componentName);
    this.zeroCopies = zeroCopiesOf(props, served, props.instanceTypes[0], this.componentName);
    const environment = containerEnvironment(props, served);
    const timeouts = startupTimeouts(props, served);
    refuse(this, checkModel(props, served, environment, timeouts));
    this.#warnOfReadableToken(props);

    // Created here because SageMaker would create it without an expiry.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/sagemaker/InferenceComponents/${this.componentName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const model = createModel(this, 'Model', props, environment);
    this.errorAlarm = this.#createErrorAlarm(props);
    this.goodAnswersAlarm =
      props.goodAnswers &&
      createGoodAnswersAlarm(this, { ...props, metric: (name) => this.metric(name) }, props.goodAnswers);
    this.component = createComponent(this, 'Component', props, {
      componentName: this.componentName,
      model,
      timeouts,
      rollbackAlarmNames: [this.errorAlarm, this.goodAnswersAlarm].flatMap((alarm) => alarm?.alarmName ?? []),
    });
    this.component.node.addDependency(logGroup);
    this.scaling = this.#createScaling(props);
    this.adapters = this.#createAdapters(props);
  }

  /** Metric of requests that found no copy. */
  metricNoCapacity(): Metric {
    return componentMetric('NoCapacityInvocationFailures', this.componentName, {
      statistic: Stats.MAXIMUM,
      period: Duration.seconds(30),
    });
  }

  /**
   * Metric of copies in service. Each copy reports its CPU use once a minute, so the reports per minute are the copies.
   * (GPUs may report one by one.) AWS counts instances this way; for copies this is neither documented nor tried.
   *
   * @see https://aws.amazon.com/blogs/machine-learning/enhanced-metrics-for-amazon-sagemaker-ai-endpoints-deeper-visibility-for-better-performance/
   */
  metricCopies(): Metric {
    return utilizationMetric('CPUUtilizationNormalized', this.componentName, { statistic: Stats.SAMPLE_COUNT });
  }

  /** Metric of calls of the model: one or more for each request. */
  metricInvocations(): Metric {
    return componentMetric('Invocations', this.componentName);
  }

  /** Metric of the compute use of the model's GPUs, in percent. */
  metricGpuUtilization(): Metric {
    return utilizationMetric('GPUUtilizationNormalized', this.componentName);
  }

  /** Metric of the memory use of the model's GPUs, in percent. */
  metricGpuMemory(): Metric {
    return utilizationMetric('GPUMemoryUtilizationNormalized', this.componentName);
  }

  /** Metric that the function writes about this model. */
  metric(name: BudgetMetric): Metric {
    return budgetMetric(name, { endpointName: this.#endpointName, modelId: this.id });
  }

  /** No AWS image reads a secret by its ARN, so a token is inserted at deployment and is plain text from then on. */
  #warnOfReadableToken({ id, source }: HostedModelProps): void {
    if (source.kind !== 'hub' || source.tokenSecretName === undefined) return;
    Validations.of(this).addWarning(
      'budgetforce:token-readable',
      `source.tokenSecretName of ${id}: the token becomes the variable HF_TOKEN of the container, and everyone who may call sagemaker:DescribeModel can read it. Use a token that can read this model only, or copy the weights to S3 and write source { kind: "s3", uri }, which needs no token.`,
    );
  }

  #createScaling(props: HostedModelProps): CopyScaling {
    const { min, max } = copiesOf(props);
    const scaling = new CopyScaling(this, 'Scaling', {
      componentName: this.componentName,
      endpointName: props.endpointName,
      modelId: props.id,
      minCopies: min,
      maxCopies: max,
      requestsPerCopy: props.requestsPerCopy,
      committedTokensPerCopy: props.scaling?.committedTokensPerCopy,
      byLoad: props.scaling?.thinking !== undefined,
      schedule: props.scaling?.schedule,
      scaleOutCooldown: durationOf(props.scaling?.scaleOutCooldownSeconds),
      scaleInCooldown: durationOf(props.scaling?.scaleInCooldownSeconds),
      noCapacityMetric: this.metricNoCapacity(),
      coldStart: durationOf(this.zeroCopies?.startSeconds),
    });
    scaling.target.addResourceDependency(this.component);
    return scaling;
  }

  #createAdapters({ adapters = [], endpoint, endpointName, logRetention }: HostedModelProps): readonly HostedAdapter[] {
    return adapters.map(
      (adapter) =>
        new HostedAdapter(this, `Adapter-${adapter.id}`, {
          ...adapter,
          endpoint,
          logRetention,
          componentName: componentNameOf(endpointName, adapter.id),
          base: this,
        }),
    );
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

function durationOf(seconds: number | undefined): Duration | undefined {
  return seconds === undefined ? undefined : Duration.seconds(seconds);
}
