/** Range of values that AWS accepts, both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  /** The AWS page that states the range. */
  readonly source: string;
}

/**
 * Limits of AWS that a config can exceed. If AWS changes a limit, change it here only.
 *
 * Facts about instance types, images and AMIs are in files of their own, beside this one.
 */
export const limits = {
  startupSeconds: {
    min: 60,
    max: 3_600,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentStartupParameters.html',
  },
  downloadSeconds: {
    min: 60,
    max: 3_600,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentStartupParameters.html',
  },
  prefixBytes: {
    min: 1_024,
    max: 65_536,
    unit: 'bytes',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_PrefixAwareRoutingConfig.html',
  },
  prefixConcurrencyThreshold: {
    min: 1,
    max: 1_024,
    unit: 'requests',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_PrefixAwareRoutingConfig.html',
  },
  /** Longest streamed response of a REST API, and longest run of a Lambda function. */
  streamSeconds: {
    min: 1,
    max: 900,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html',
  },
  /** Idle timeout of a streamed response on a regional or private REST API: 5 minutes. */
  idleSeconds: {
    min: 1,
    max: 299,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html',
  },
  functionMemoryMb: {
    min: 128,
    max: 10_240,
    unit: 'MB',
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html',
  },
  /** Total size of a function's environment variables. */
  functionEnvironmentBytes: {
    min: 0,
    max: 4_096,
    unit: 'bytes',
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html',
  },
  /** Number of environment variables of one model container. */
  containerVariables: {
    min: 0,
    max: 100,
    unit: 'variables',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  },
  /** Length of the value of one environment variable of a model container. */
  containerVariableLength: {
    min: 0,
    max: 1_024,
    unit: 'characters',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  },
  /** Size of the names and values of all environment variables of a model container. */
  containerVariablesBytes: {
    min: 0,
    max: 32_768,
    unit: 'bytes',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  },
  /** Idle timeout of a streamed response on an edge-optimised REST API: 30 seconds. */
  edgeIdleSeconds: {
    min: 1,
    max: 29,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html',
  },
  /** Size of a request body of InvokeEndpoint. */
  invocationBytes: {
    min: 0,
    max: 25_000_000,
    unit: 'bytes',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html',
  },
  instancePools: {
    min: 2,
    max: 5,
    unit: 'instance types',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-heterogeneous.html',
  },
  provisionSeconds: {
    min: 300,
    max: 3_600,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-heterogeneous.html',
  },
  scaleInCooldownMinutes: {
    min: 5,
    max: 1_440,
    unit: 'minutes',
    source:
      'https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-sagemaker-endpointconfig-scaleinpolicy.html',
  },
  canaryPercent: {
    min: 1,
    max: 50,
    unit: 'percent',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html',
  },
  linearPercent: {
    min: 10,
    max: 50,
    unit: 'percent',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-linear.html',
  },
  rollingPercent: {
    min: 5,
    max: 50,
    unit: 'percent',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html',
  },
  bakeSeconds: {
    min: 0,
    max: 3_600,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html',
  },
  subnets: {
    min: 2,
    max: 16,
    unit: 'subnets',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html',
  },
  securityGroups: {
    min: 1,
    max: 5,
    unit: 'security groups',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html',
  },
  functionSubnets: {
    min: 1,
    max: 16,
    unit: 'subnets',
    source: 'https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html',
  },
  functionSecurityGroups: {
    min: 1,
    max: 5,
    unit: 'security groups',
    source: 'https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html',
  },
  /** Longest time of a training job, with the time that spot instances wait. The default quota is 5 days. */
  trainingHours: {
    min: 0.1,
    max: 672,
    unit: 'hours',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html',
  },
  /** Warm pool of a training job. */
  keepAliveSeconds: {
    min: 1,
    max: 3_600,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html',
  },
  firewallRate: {
    min: 10,
    max: 2_000_000_000,
    unit: 'requests',
    source: 'https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html',
  },
} as const satisfies Record<string, Range>;
