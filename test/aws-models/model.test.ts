import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ServiceModel } from './model.ts';

const sageMaker = ServiceModel.of('SageMaker');
const dynamo = ServiceModel.of('DynamoDB');

describe('AWS’s model of a service', () => {
  it.each([
    ['nothing wrong', { EndpointName: 's1-32b' }, []],
    ['a missing member', {}, ['.EndpointName is required']],
    ['an unknown member', { EndpointName: 'a', Name: 'a' }, ['.Name is no member']],
    ['a wrong type', { EndpointName: 1 }, ['.EndpointName is no string']],
    ['a text that is too long', { EndpointName: 'a'.repeat(64) }, ['has 64 characters, more than 63', 'which is not']],
    ['a text of other characters', { EndpointName: 'a_b' }, ['is a_b, which is not']],
  ])('finds %s in a request', (_name, input, wrong) => {
    const found = sageMaker.wrongInRequest('DescribeEndpoint', input);
    expect(found).toEqual(wrong.map((text) => expect.stringContaining(text)));
  });

  it('finds values outside enums, lists and unions', () => {
    const vector = { vectorBucketName: 'bucket', indexName: 'index', vectors: [{ key: 'a', data: {} }] };
    expect(ServiceModel.of('S3Vectors').wrongInRequest('PutVectors', vector)).toEqual([
      expect.stringContaining('has 0 members of a union'),
    ]);
    expect(ServiceModel.of('S3Vectors').wrongInRequest('PutVectors', { ...vector, vectors: [] })).toEqual([
      expect.stringContaining('has 0 items, fewer than 1'),
    ]);
    const put = { TableName: 't', Item: {}, ReturnValues: 'SOME' };
    expect(dynamo.wrongInRequest('PutItem', put)).toEqual([expect.stringContaining('is SOME, none of NONE, ALL_OLD')]);
  });

  it('tells the JSON of an answer from what the SDK made of it', () => {
    const answer = (CreationTime: unknown) => ({
      ...{ EndpointName: 'a', EndpointArn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/a' },
      ...{ EndpointStatus: 'InService', CreationTime, LastModifiedTime: CreationTime },
    });
    expect(sageMaker.wrongInAnswer('DescribeEndpoint', answer(1_700_000_000), true)).toEqual([]);
    expect(sageMaker.wrongInAnswer('DescribeEndpoint', answer(new Date()), false)).toEqual([]);
    expect(sageMaker.wrongInAnswer('DescribeEndpoint', answer(1_700_000_000), false)).toHaveLength(2);
  });

  it('knows the errors of an operation, and those of all', () => {
    expect(dynamo.wrongError('PutItem', 'ConditionalCheckFailedException')).toBeUndefined();
    expect(dynamo.wrongError('PutItem', 'ThrottlingException')).toBeUndefined();
    expect(dynamo.wrongError('GetItem', 'ConditionalCheckFailedException')).toContain('answers with no');
  });

  it('is there for every service of the list, from one botocore', () => {
    const folder = join(import.meta.dirname, 'models');
    const operations: object = JSON.parse(readFileSync(join(import.meta.dirname, 'operations.json'), 'utf8'));
    const models = Object.keys(operations).map((name) =>
      JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')),
    );
    expect(readdirSync(folder)).toHaveLength(models.length);
    expect(models.map(({ operations: own }) => Object.keys(own))).toEqual(Object.values(operations));
    expect(new Set(models.map(({ botocore }) => botocore)).size).toBe(1);
    for (const { serviceId } of models) expect(ServiceModel.of(serviceId).protocol).not.toBe('');
  });

  it('asks for the model of a service or an operation that it lacks', () => {
    expect(() => ServiceModel.of('Kinesis')).toThrow(
      'Kinesis has no model: add it to test/aws-models/operations.json.',
    );
    expect(() => dynamo.wrongInRequest('Scan', {})).toThrow('DynamoDB Scan has no model');
  });
});
