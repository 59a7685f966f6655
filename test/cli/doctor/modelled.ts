import { GetAccount$ } from '@aws-sdk/client-api-gateway';
import { DescribeStacks$ } from '@aws-sdk/client-cloudformation';
import { DescribeLogStreams$, GetLogEvents$ } from '@aws-sdk/client-cloudwatch-logs';
import { BatchGetBuilds$, ListBuildsForProject$, StartBuild$ } from '@aws-sdk/client-codebuild';
import { DescribeInstanceTypeOfferings$ } from '@aws-sdk/client-ec2';
import { BatchGetImage$ } from '@aws-sdk/client-ecr';
import { HeadBucket$, ListObjectsV2$ } from '@aws-sdk/client-s3';
import {
  DescribeEndpoint$,
  DescribeInferenceComponent$,
  DescribeTrainingJob$,
  ListTrainingJobs$,
} from '@aws-sdk/client-sagemaker';
import { GetAWSDefaultServiceQuota$, GetServiceQuota$ } from '@aws-sdk/client-service-quotas';
import {
  DescribeExecution$,
  GetExecutionHistory$,
  ListExecutions$,
  SendTaskFailure$,
  SendTaskSuccess$,
  StartExecution$,
  StopExecution$,
} from '@aws-sdk/client-sfn';
import { GetCallerIdentity$ } from '@aws-sdk/client-sts';
import { ServiceModel } from '../../aws-models/model.ts';

/**
 * AWS's service models, as the SDK's clients carry them: tuples whose first value is the kind of shape (0 simple, 3 structure, 1 list, 2 map,
 * 9 operation; -3 error), with functions and [shape, traits] around references.
 * https://github.com/smithy-lang/smithy-typescript/blob/main/packages/types/src/schema/static-schemas.ts
 */
const operations: Readonly<Record<string, unknown>> = {
  'GET /account': GetAccount$,
  DescribeStacks: DescribeStacks$,
  DescribeInstanceTypeOfferings: DescribeInstanceTypeOfferings$,
  BatchGetBuilds: BatchGetBuilds$,
  ListBuildsForProject: ListBuildsForProject$,
  StartBuild: StartBuild$,
  GetLogEvents: GetLogEvents$,
  DescribeLogStreams: DescribeLogStreams$,
  DescribeExecution: DescribeExecution$,
  GetExecutionHistory: GetExecutionHistory$,
  ListExecutions: ListExecutions$,
  StartExecution: StartExecution$,
  StopExecution: StopExecution$,
  SendTaskSuccess: SendTaskSuccess$,
  SendTaskFailure: SendTaskFailure$,
  ListTrainingJobs: ListTrainingJobs$,
  DescribeTrainingJob: DescribeTrainingJob$,
  BatchGetImage: BatchGetImage$,
  HEAD: HeadBucket$,
  GET: ListObjectsV2$,
  DescribeEndpoint: DescribeEndpoint$,
  DescribeInferenceComponent: DescribeInferenceComponent$,
  GetServiceQuota: GetServiceQuota$,
  GetAWSDefaultServiceQuota: GetAWSDefaultServiceQuota$,
  GetCallerIdentity: GetCallerIdentity$,
};

/** Elements around a result, which the protocols add and no model lists. */
const ENVELOPE = /^(?:\w+Response|\w+Result|member|item|RequestId|requestId)$/;

/** Service of an operation here, by its name in AWS's models. */
const services = new Map(
  [
    ['SageMaker', ['DescribeEndpoint', 'DescribeInferenceComponent', 'DescribeTrainingJob', 'ListTrainingJobs']],
    ['API Gateway', ['GetAccount']],
    ['CodeBuild', ['BatchGetBuilds', 'ListBuildsForProject', 'StartBuild']],
    ['CloudWatch Logs', ['GetLogEvents', 'DescribeLogStreams']],
    ['ECR', ['BatchGetImage']],
    ['Service Quotas', ['GetServiceQuota', 'GetAWSDefaultServiceQuota']],
    [
      'SFN',
      [
        ...['DescribeExecution', 'GetExecutionHistory', 'ListExecutions', 'StartExecution', 'StopExecution'],
        ...['SendTaskSuccess', 'SendTaskFailure'],
      ],
    ],
  ].flatMap(([service, names]) => [names].flat().map((name) => [name, String(service)] as const)),
);

/** What of a successful answer is not as the model of the operation says. Empty if nothing is. */
export function unmodelled(operation: string, answer: { readonly json?: unknown; readonly xml?: string }): string[] {
  const model = operations[operation] ?? operations[operation.split(' ')[0] ?? ''];
  if (!Array.isArray(model)) return [`${operation} has no model here`];
  const name = String(model[2]);
  if (answer.json !== undefined) {
    const service = services.get(name);
    if (service === undefined) return [`${operation} has no service here`];
    return [...ServiceModel.of(service).wrongInAnswer(name, answer.json, true)];
  }
  if (answer.xml === undefined) return [];
  const known = elementsOf(resolve(model[5]), new Set());
  const used = [...answer.xml.matchAll(/<(\w+)/g)].map(([, element = '']) => element);
  return used
    .filter((element) => !known.has(element) && !ENVELOPE.test(element))
    .map((element) => `${operation}: <${element}>`);
}

/** The shape behind lazy functions and traits of a member. */
function resolve(shape: unknown): unknown {
  if (typeof shape === 'function') return resolve(shape());
  if (Array.isArray(shape) && shape.length === 2) return resolve(shape[0]);
  return shape;
}

function traitsOf(shape: unknown): Readonly<Record<string, unknown>> {
  return Array.isArray(shape) && shape.length === 2 && typeof shape[1] === 'object' ? shape[1] : {};
}

/** All element names that a shape can have in XML. */
function elementsOf(shape: unknown, seen: Set<unknown>, names = new Set<string>()): ReadonlySet<string> {
  const resolved = resolve(shape);
  if (!Array.isArray(resolved) || seen.has(resolved)) return names;
  seen.add(resolved);
  if (resolved[0] === 1 || resolved[0] === 2) {
    for (const part of resolved.slice(4)) elementsOf(part, seen, names);
    return names;
  }
  const { xmlName: own } = Object(resolved[3]);
  if (typeof own === 'string') names.add(own);
  (resolved[4] as readonly string[]).forEach((name, index) => {
    const member: unknown = resolved[5][index];
    const { xmlName = name } = traitsOf(member);
    names.add(String(xmlName));
    elementsOf(member, seen, names);
  });
  return names;
}
