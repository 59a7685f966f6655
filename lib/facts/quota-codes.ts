/**
 * Codes of the quotas "ml.… for endpoint usage", as users of Service Quotas have published them. A code is the same in
 * every account and region. Types that are missing here have a code too: the command of `instanceQuota` finds it.
 */
const endpointUsage: Readonly<Record<string, string>> = {
  'ml.g5.xlarge': 'L-1928E07B',
  'ml.g5.2xlarge': 'L-9614C779',
  'ml.g5.4xlarge': 'L-C1B9A48D',
  'ml.g5.12xlarge': 'L-65C4BD00',
  'ml.g6.xlarge': 'L-D470D954',
  'ml.g6.2xlarge': 'L-98BDE811',
  'ml.g6.4xlarge': 'L-DFB10FDE',
  'ml.g6.12xlarge': 'L-0A29AACF',
  'ml.g6e.xlarge': 'L-B0729CB4',
  'ml.g6e.2xlarge': 'L-F8D7F460',
  'ml.g6e.4xlarge': 'L-93531071',
  'ml.g6e.8xlarge': 'L-96A28D02',
  'ml.g6e.12xlarge': 'L-60313EA3',
  'ml.g6e.16xlarge': 'L-2930A179',
  'ml.g6e.24xlarge': 'L-AE407E8B',
  'ml.g6e.48xlarge': 'L-E0C458EA',
  'ml.g7e.2xlarge': 'L-B2E25E6A',
  'ml.g7e.4xlarge': 'L-C5957AE3',
  'ml.g7e.8xlarge': 'L-E555FB1E',
  'ml.g7e.12xlarge': 'L-13147793',
  'ml.p4d.24xlarge': 'L-09F79647',
  'ml.p4de.24xlarge': 'L-456B4C5F',
  'ml.p5.4xlarge': 'L-42C5B178',
  'ml.p5.48xlarge': 'L-16AF71F1',
};

/** Service quota of the account that a deployment needs, of at least `value`. */
export interface Quota {
  readonly service: 'sagemaker' | 'lambda';
  readonly name: string;
  /** `undefined` if this version does not know the code. */
  readonly code: string | undefined;
  readonly value: number;
  readonly why: string;
  /** AWS CLI command that requests the quota or, if its code is unknown, finds the code. */
  readonly command: string;
}

/** Quota for a number of hosting instances of one type. */
export function instanceQuota(instanceType: string, instances: number, region: string, why: string): Quota {
  const name = `${instanceType} for endpoint usage`;
  const code = endpointUsage[instanceType];
  return {
    service: 'sagemaker',
    name,
    code,
    value: instances,
    why,
    command: code === undefined ? findCommand(name, region) : requestCommand('sagemaker', code, instances, region),
  };
}

/** Quota for the instances of one training job. Its code is found by the command. */
export function trainingQuota(instanceType: string, instances: number, region: string, spot: boolean): Quota {
  const name = `${instanceType} for ${spot ? 'spot ' : ''}training job usage`;
  const why = `a training job has ${instances} instances at a time`;
  return { service: 'sagemaker', name, code: undefined, value: instances, why, command: findCommand(name, region) };
}

/** Quota for concurrent executions of functions. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export function concurrencyQuota(requests: number, region: string): Quota {
  const code = 'L-B99A9384';
  return {
    service: 'lambda',
    name: 'Concurrent executions',
    code,
    value: requests,
    why: 'each request in flight, including one that waits for a copy, is one execution of the function',
    command: requestCommand('lambda', code, requests, region),
  };
}

function findCommand(name: string, region: string): string {
  return `aws service-quotas list-service-quotas --region ${region} --service-code sagemaker --query "Quotas[?QuotaName=='${name}'].[QuotaCode,Value]" --output text`;
}

function requestCommand(service: string, code: string, value: number, region: string): string {
  return `aws service-quotas request-service-quota-increase --region ${region} --service-code ${service} --quota-code ${code} --desired-value ${value}`;
}
