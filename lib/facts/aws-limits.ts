import type { Refusal } from './refusal.ts';

/** A range that AWS takes, both ends included, and the page that says so. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly source: string;
}

/**
 * The numbers of AWS that a config can break. One place; a change at AWS is a change here.
 *
 * What is a fact of an instance type or of an image stands in instance-types.ts and container-image.ts.
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
  /** A streamed answer of a REST API, and a Lambda function, end after 15 minutes. */
  streamSeconds: {
    min: 1,
    max: 900,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html',
  },
  /** A stream of a regional or private REST API may be silent for less than 5 minutes. */
  silentSeconds: {
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
  /** All variables of a function together. */
  functionEnvironmentBytes: {
    min: 0,
    max: 4_096,
    unit: 'bytes',
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html',
  },
  /** Variables of one model container. */
  containerVariables: {
    min: 0,
    max: 100,
    unit: 'variables',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  },
  /** The value of one variable of a model container. */
  containerVariableLength: {
    min: 0,
    max: 1_024,
    unit: 'characters',
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html',
  },
  /** Seconds that a stream of an edge-optimised REST API may be silent: less than 30. */
  edgeSilentSeconds: {
    min: 1,
    max: 29,
    unit: 'seconds',
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html',
  },
  /** A request body of InvokeEndpoint. */
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
    min: 1,
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
  firewallRate: {
    min: 10,
    max: 2_000_000_000,
    unit: 'requests',
    source: 'https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html',
  },
} as const satisfies Record<string, Range>;

/**
 * Refuses a number outside its range.
 *
 * @param name what the user wrote it under, for instance `models[0].timeouts.startupSeconds`
 */
export function outside(code: string, name: string, value: number, range: Range): Refusal | undefined {
  if (value >= range.min && value <= range.max) return undefined;
  const bound = value < range.min ? range.min : range.max;
  return {
    code,
    sentence: `${name} is ${group(value)}, but AWS takes ${group(range.min)} to ${group(range.max)} ${range.unit}: write ${bound}${value < range.min ? ' or more' : ' or less'}.`,
    source: range.source,
  };
}

/** 32768 as "32,768". */
export function group(value: number): string {
  return value.toLocaleString('en-US');
}
