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

/** What of a successful answer is not as the model of the operation says. Empty if nothing is. */
export function unmodelled(operation: string, answer: { readonly json?: unknown; readonly xml?: string }): string[] {
  const model = operations[operation] ?? operations[operation.split(' ')[0] ?? ''];
  if (!Array.isArray(model)) return [`${operation} has no model here`];
  const output: unknown = resolve(model[5]);
  if (answer.json !== undefined) return wrongIn(output, answer.json, operation);
  if (answer.xml === undefined) return [];
  const known = elementsOf(output, new Set());
  const used = [...answer.xml.matchAll(/<(\w+)/g)].map(([, name = '']) => name);
  return used.filter((name) => !known.has(name) && !ENVELOPE.test(name)).map((name) => `${operation}: <${name}>`);
}

/** What of a request is not as the model of its operation says. Empty if nothing is. */
export function unmodelledRequest(operation: unknown, request: unknown): string[] {
  if (!Array.isArray(operation)) return ['the operation has no model'];
  return wrongIn(resolve(operation[4]), request, String(operation[2]));
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

function wrongIn(shape: unknown, value: unknown, path: string): string[] {
  const resolved = resolve(shape);
  if (!Array.isArray(resolved)) return wrongScalar(resolved, value, path);
  if (resolved[0] === 0) return wrongScalar(resolved[4], value, path);
  if (resolved[0] === 1) {
    if (!Array.isArray(value)) return [`${path} is no list`];
    return value.flatMap((item, index) => wrongIn(resolved[4], item, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [`${path} is no structure`];
  if (resolved[0] === 2) {
    return Object.entries(value).flatMap(([key, item]) => wrongIn(resolved[5], item, `${path}.${key}`));
  }
  const names: readonly string[] = resolved[4];
  const required = names.slice(0, resolved[6] ?? 0).filter((name) => !(name in value));
  return [
    ...required.map((name) => `${path}.${name} is required`),
    ...Object.entries(value).flatMap(([key, item]) => {
      const at = names.indexOf(key);
      return at < 0 ? [`${path}.${key} is no member`] : wrongIn(resolved[5][at], item, `${path}.${key}`);
    }),
  ];
}

/** Simple shapes are numbers: 0 text, 1 a number, 2 true or false, 4 to 7 a time, in JSON a number of seconds. */
function wrongScalar(shape: unknown, value: unknown, path: string): string[] {
  const expected = { 0: 'string', 1: 'number', 2: 'boolean', 4: 'number', 7: 'number' }[Number(shape)];
  return expected === undefined || typeof value === expected ? [] : [`${path} is no ${expected}`];
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
