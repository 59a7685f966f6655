import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findTransitions } from '../../../lambda/watch/find-transitions.ts';
import { stuckLine } from '../../../lambda/watch/stuck-metric.ts';
import { unmodelled } from '../../cli/doctor/modelled.ts';
import { type Answers, scriptedAws } from '../../cli/doctor/scripted-aws.ts';

const NOW = Date.UTC(2026, 10, 26, 12);
const minutesAgo = (minutes: number) => NOW / 1_000 - minutes * 60;

// Written by hand from the pages of DescribeEndpoint and DescribeInferenceComponent in SageMaker's API reference.
const anEndpoint = (EndpointStatus: string, minutes: number) => ({
  json: {
    EndpointName: 'stage',
    EndpointArn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/stage',
    EndpointStatus,
    CreationTime: minutesAgo(9_999),
    LastModifiedTime: minutesAgo(minutes),
  },
});
const aComponent = (name: string, InferenceComponentStatus: string, minutes: number) => ({
  json: {
    InferenceComponentName: name,
    InferenceComponentArn: `arn:aws:sagemaker:us-east-1:111122223333:inference-component/${name}`,
    EndpointName: 'stage',
    EndpointArn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/stage',
    InferenceComponentStatus,
    CreationTime: minutesAgo(9_999),
    LastModifiedTime: minutesAgo(minutes),
  },
});
const missing = (name: string) => ({
  status: 400,
  json: { __type: 'ValidationException', message: `Could not find inference component "${name}".` },
});

let answers: Answers;
let aws: Awaited<ReturnType<typeof scriptedAws>>;
beforeEach(async () => {
  aws = await scriptedAws(() => answers);
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});
afterEach(() => {
  aws.close();
  vi.unstubAllEnvs();
});

const find = async () =>
  await findTransitions(new SageMakerClient({ region: 'us-east-1', maxAttempts: 1 }), 'stage', ['a', 'b'], NOW);

describe('what hangs', () => {
  it.each([
    ['Creating', 75],
    ['Updating', 61],
    ['SystemUpdating', 5],
    ['RollingBack', 3],
    ['Deleting', 600],
  ])('an endpoint in %s counts from its last change', async (status, minutes) => {
    answers = { DescribeEndpoint: anEndpoint(status, minutes), DescribeInferenceComponent: missing('a') };
    expect(await find()).toEqual([{ name: 'stage', status, minutes }]);
  });

  it.each(['InService', 'Failed', 'OutOfService', 'UpdateRollbackFailed'])(
    'an endpoint in %s is at rest',
    async (status) => {
      answers = { DescribeEndpoint: anEndpoint(status, 500), DescribeInferenceComponent: missing('a') };
      expect(await find()).toEqual([]);
    },
  );

  it('each component is looked at, and the longest time is the metric', async () => {
    answers = {
      DescribeEndpoint: anEndpoint('InService', 10),
      DescribeInferenceComponent: ({ InferenceComponentName: name }) =>
        name === 'a' ? aComponent('a', 'Deleting', 90) : aComponent('b', 'Creating', 20),
    };
    const found = await find();
    expect(found).toEqual([
      { name: 'a', status: 'Deleting', minutes: 90 },
      { name: 'b', status: 'Creating', minutes: 20 },
    ]);
    expect(stuckLine('stage', found, NOW)).toMatchObject({ Endpoint: 'stage', MinutesInTransition: 90 });
    expect(stuckLine('stage', [], NOW)).toMatchObject({ MinutesInTransition: 0 });
  });

  it('a refused look is an error, not rest', async () => {
    answers = { DescribeEndpoint: anEndpoint('InService', 1) };
    await expect(find()).rejects.toThrow(/not authorized/);
    answers = {
      DescribeEndpoint: { status: 400, json: { __type: 'ValidationException', message: 'Name is too long' } },
      DescribeInferenceComponent: missing('a'),
    };
    await expect(find()).rejects.toThrow(/too long/);
  });

  it('has scripted answers as SageMaker’s service model says', () => {
    expect(unmodelled('DescribeEndpoint', anEndpoint('Creating', 1))).toEqual([]);
    expect(unmodelled('DescribeInferenceComponent', aComponent('a', 'Creating', 1))).toEqual([]);
  });
});
