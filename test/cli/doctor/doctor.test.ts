import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { doctorCommand } from '../../../cli/commands/doctor.ts';
import { awsClients } from '../../../cli/doctor/aws-clients.ts';
import { examine } from '../../../cli/doctor/examine.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { renderFindings } from '../../../cli/doctor/render.ts';
import { type ConfigInput, parseConfig } from '../../../lib/config.ts';
import { aConfig, aModel } from '../../lib/synthesize.ts';
import { type Answers, scriptedAws } from './scripted-aws.ts';

const ACCOUNT = '111122223333';
const BUCKET = `weights-${ACCOUNT}`;

// The shapes are those of the pages of each operation in AWS's API references; none was recorded from an account.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
const identity = (account: string) => ({
  xml: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::${account}:user/me</Arn><UserId>AIDA</UserId><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
});
// https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
const quota = (value: number) => ({ json: { Quota: { Value: value } } });
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
const offerings = (...zones: readonly string[]) => ({
  xml: `<DescribeInstanceTypeOfferingsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instanceTypeOfferingSet>${zones
    .map(
      (zone) =>
        `<item><instanceType>p5.48xlarge</instanceType><locationType>availability-zone</locationType><location>${zone}</location></item>`,
    )
    .join('')}</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>`,
});
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
const objects = (...names: readonly string[]) => ({
  xml: `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>${names
    .map((name) => `<Contents><Key>s1-32b/${name}</Key><Size>1000000000</Size></Contents>`)
    .join('')}</ListBucketResult>`,
});
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
const stacks = (states: Readonly<Record<string, string>>) => (input: Readonly<Record<string, unknown>>) => {
  const name = String(input['StackName']);
  const state = states[name];
  return state === undefined
    ? {
        status: 400,
        xml: `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ${name} does not exist</Message></Error></ErrorResponse>`,
      }
    : {
        xml: `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>${name}</StackName><StackStatus>${state}</StackStatus><CreationTime>2026-11-01T00:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
      };
};
// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html, the error as AWS's CLI prints it
const unknown = (what: string) => ({
  status: 400,
  headers: { 'x-amzn-errortype': 'ValidationException' },
  json: { __type: 'ValidationException', message: `Could not find ${what} "x".` },
});

const healthy: Answers = {
  GetCallerIdentity: identity(ACCOUNT),
  GetServiceQuota: quota(100),
  DescribeInstanceTypeOfferings: offerings('us-east-1a', 'us-east-1b'),
  [`HEAD /${BUCKET}`]: { headers: { 'x-amz-bucket-region': 'us-east-1' } },
  [`HEAD /${BUCKET}/`]: { headers: { 'x-amz-bucket-region': 'us-east-1' } },
  [`GET /${BUCKET}`]: objects('config.json', 'tokenizer.json', 'model.safetensors'),
  [`GET /${BUCKET}/`]: objects('config.json', 'tokenizer.json', 'model.safetensors'),
  BatchGetImage: { json: { images: [{}], failures: [] } },
  'GET /account': { json: { cloudwatchRoleArn: `arn:aws:iam::${ACCOUNT}:role/apigateway-logs` } },
  DescribeStacks: stacks({ CDKToolkit: 'CREATE_COMPLETE' }),
  DescribeEndpoint: unknown('endpoint'),
  DescribeInferenceComponent: unknown('inference component'),
};

describe('budgetforce doctor', () => {
  let aws: Awaited<ReturnType<typeof scriptedAws>>;
  let answers: Answers = healthy;
  beforeAll(async () => {
    aws = await scriptedAws(() => answers);
  });
  afterAll(() => aws.close());
  beforeEach(() => {
    answers = healthy;
    vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });
  afterEach(() => vi.unstubAllEnvs());

  const model = aModel({ source: { kind: 's3', uri: `s3://${BUCKET}/s1-32b/` } });

  async function findingsOf(changes: Answers = {}, config: Partial<ConfigInput> = {}): Promise<readonly Finding[]> {
    answers = { ...healthy, ...changes };
    return await examine(parseConfig(aConfig({ models: [model], ...config })), awsClients('us-east-1', undefined));
  }
  const notOk = (findings: readonly Finding[]) => findings.filter(({ status }) => status !== 'ok');

  it('finds nothing wrong in an account that is ready, and changes nothing', async () => {
    const findings = await findingsOf();
    expect(notOk(findings)).toEqual([]);
    expect(new Set(findings.map(({ check }) => check))).toEqual(
      new Set(['config', 'credentials', 'quotas', 'instances', 'weights', 'image', 'log role', 'names']),
    );
    expect(
      aws.asked.map(({ name }) => name).filter((name) => !/^(?:Get|List|Describe|BatchGet|HEAD|GET)/.test(name)),
    ).toEqual([]);
  });

  it.each<[string, Answers, Partial<ConfigInput>, Partial<Finding> & { readonly text: unknown }]>([
    [
      'credentials of another account',
      {},
      { account: '444455556666' },
      {
        check: 'credentials',
        status: 'problem',
        text: expect.stringContaining('but account in the config is 444455556666'),
      },
    ],
    [
      'a quota that is too small',
      { GetServiceQuota: quota(1) },
      {},
      {
        check: 'quotas',
        status: 'problem',
        text: expect.stringMatching(/ml\.p5\.48xlarge for endpoint usage is 1, but \d+ are needed/),
        fix: expect.stringContaining('request-service-quota-increase'),
      },
    ],
    [
      'an instance type that no zone has',
      { DescribeInstanceTypeOfferings: offerings() },
      {},
      { check: 'instances', status: 'problem', text: expect.stringContaining('not offered in any zone') },
    ],
    [
      'an instance type in one zone',
      { DescribeInstanceTypeOfferings: offerings('us-east-1c') },
      {},
      { check: 'instances', status: 'warning', text: expect.stringContaining('us-east-1c only') },
    ],
    [
      'a bucket that does not exist',
      { [`HEAD /${BUCKET}`]: { status: 404 }, [`HEAD /${BUCKET}/`]: { status: 404 } },
      {},
      {
        check: 'weights',
        status: 'problem',
        text: expect.stringContaining('does not exist'),
        fix: `aws s3 mb s3://${BUCKET} --region us-east-1`,
      },
    ],
    [
      'a bucket of someone else',
      { [`HEAD /${BUCKET}`]: { status: 403 }, [`HEAD /${BUCKET}/`]: { status: 403 } },
      {},
      { check: 'weights', status: 'problem', text: expect.stringContaining('refuses these credentials') },
    ],
    [
      'a bucket in another region',
      {
        [`HEAD /${BUCKET}`]: { headers: { 'x-amz-bucket-region': 'eu-west-1' } },
        [`HEAD /${BUCKET}/`]: { headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      },
      {},
      {
        check: 'weights',
        status: 'problem',
        text: expect.stringContaining('is in eu-west-1, but the endpoint is in us-east-1'),
      },
    ],
    [
      'a bucket that redirects to its region',
      {
        [`HEAD /${BUCKET}`]: { status: 301, headers: { 'x-amz-bucket-region': 'eu-west-1' } },
        [`HEAD /${BUCKET}/`]: { status: 301, headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      },
      {},
      { check: 'weights', status: 'problem', text: expect.stringContaining('the endpoint is in us-east-1') },
    ],
    [
      'a prefix without a model',
      { [`GET /${BUCKET}`]: objects('model.tar.gz'), [`GET /${BUCKET}/`]: objects('model.tar.gz') },
      {},
      {
        check: 'weights',
        status: 'problem',
        text: expect.stringContaining('has no config.json, tokenizer.json, *.safetensors'),
      },
    ],
    [
      'an image that does not exist',
      { BatchGetImage: { json: { images: [], failures: [{ failureCode: 'ImageNotFound' }] } } },
      {},
      { check: 'image', status: 'problem', text: expect.stringContaining('does not exist (ImageNotFound)') },
    ],
    [
      'a missing log role',
      { 'GET /account': { json: {} } },
      {},
      { check: 'log role', status: 'problem', text: expect.stringContaining('not set in us-east-1') },
    ],
    [
      'an account without CDK',
      { DescribeStacks: stacks({}) },
      {},
      {
        check: 'names',
        status: 'problem',
        text: expect.stringContaining('not bootstrapped'),
        fix: 'AWS_REGION=us-east-1 npx cdk bootstrap',
      },
    ],
    [
      'the rest of a deployment that failed',
      { DescribeStacks: stacks({ CDKToolkit: 'CREATE_COMPLETE', 'stage-endpoint': 'ROLLBACK_COMPLETE' }) },
      {},
      {
        check: 'names',
        status: 'problem',
        text: expect.stringContaining('ROLLBACK_COMPLETE'),
        fix: expect.stringContaining('delete-stack'),
      },
    ],
    [
      'a stack that changes',
      { DescribeStacks: stacks({ CDKToolkit: 'CREATE_COMPLETE', 'stage-api': 'UPDATE_IN_PROGRESS' }) },
      {},
      { check: 'names', status: 'problem', text: expect.stringContaining('UPDATE_IN_PROGRESS') },
    ],
    [
      'a name that is taken',
      { DescribeEndpoint: { json: { EndpointName: 'stage', EndpointStatus: 'InService' } } },
      {},
      { check: 'names', status: 'problem', text: expect.stringContaining('An endpoint stage exists') },
    ],
    [
      'a component that is taken',
      { DescribeInferenceComponent: { json: { InferenceComponentName: 'x' } } },
      {},
      { check: 'names', status: 'problem', text: expect.stringMatching(/^An inference component \S+ exists/) },
    ],
  ])('finds %s', async (_, changes, config, expected) => {
    expect(notOk(await findingsOf(changes, config))).toContainEqual({
      ...expected,
      ...(expected.fix === undefined ? { fix: expect.anything() } : {}),
    });
  });

  it('does not call names taken that its own stacks hold', async () => {
    const own = { CDKToolkit: 'CREATE_COMPLETE', 'stage-endpoint': 'UPDATE_COMPLETE', 'stage-api': 'CREATE_COMPLETE' };
    const endpoint = { json: { EndpointName: 'stage', EndpointStatus: 'InService' } };
    expect(notOk(await findingsOf({ DescribeStacks: stacks(own), DescribeEndpoint: endpoint }))).toEqual([]);
  });

  it('takes the default of a quota that the account has not changed', async () => {
    const none = {
      status: 400,
      headers: { 'x-amzn-errortype': 'NoSuchResourceException' },
      json: { __type: 'NoSuchResourceException', message: 'none' },
    };
    const findings = await findingsOf({ GetServiceQuota: none, GetAWSDefaultServiceQuota: quota(0) });
    expect(notOk(findings).map(({ check, status }) => `${check} ${status}`)).toEqual([
      'quotas problem',
      'quotas problem',
    ]);
  });

  it('says what it may not look at, and checks the rest', async () => {
    const { BatchGetImage: _image, 'GET /account': _account, ...rest } = healthy;
    answers = rest;
    const findings = await examine(parseConfig(aConfig({ models: [model] })), awsClients('us-east-1', undefined));
    expect(notOk(findings).map(({ check, status }) => `${check} ${status}`)).toEqual([
      'image unchecked',
      'log role unchecked',
    ]);
    expect(notOk(findings)[0]?.text).toMatch(
      /^The credentials may not look: .*not authorized to perform BatchGetImage/,
    );
  });

  it('works without credentials as far as it can', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    vi.stubEnv('HOME', '/nonexistent');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    const findings = await findingsOf();
    expect(findings.filter(({ status }) => status === 'problem')).toMatchObject([
      { check: 'credentials', fix: expect.stringContaining('aws configure sso') },
    ]);
    expect(findings.filter(({ check }) => check === 'config')).toMatchObject([{ status: 'ok' }]);
    expect(findings.filter(({ status }) => status === 'unchecked').length).toBeGreaterThan(5);
  });

  it('reports refusals of the synthesis and buckets of examples', async () => {
    const example = aModel({ source: { kind: 's3', uri: 's3://amzn-s3-demo-bucket/s1-32b/' } });
    const findings = await findingsOf({}, { models: [example] });
    expect(
      findings.filter(({ check, status }) => check === 'config' && status === 'problem').map(({ text }) => text),
    ).toEqual([expect.stringContaining('is the bucket of an example')]);
    const refused = await findingsOf({}, { region: 'eu-west-3' });
    expect(refused.filter(({ check, status }) => check === 'config' && status === 'problem')).not.toEqual([]);
  });

  it('looks at endpoints of other regions', async () => {
    const upstream = { kind: 'sagemaker', region: 'eu-west-1', endpointName: 'other' } as const;
    const fallbacks = [{ name: 'other', upstream }];
    const config = {
      models: [{ ...model, fallbacks }],
      api: { fallbackRegions: ['eu-west-1'] },
    } as Partial<ConfigInput>;
    expect(notOk(await findingsOf({}, config))).toMatchObject([
      { check: 'endpoints', status: 'problem', text: 'other in eu-west-1 does not exist: deploy it first.' },
    ]);
    const creating = {
      DescribeEndpoint: (input: Readonly<Record<string, unknown>>) =>
        input['EndpointName'] === 'other' ? { json: { EndpointStatus: 'Creating' } } : unknown('endpoint'),
    };
    expect(notOk(await findingsOf(creating, config))).toMatchObject([
      { text: 'other in eu-west-1 is not in service, but Creating.' },
    ]);
  });

  it('makes the chosen checks only', async () => {
    answers = healthy;
    const findings = await examine(parseConfig(aConfig({ models: [model] })), awsClients('us-east-1', undefined), [
      'names',
    ]);
    expect(new Set(findings.map(({ check }) => check))).toEqual(new Set(['config', 'credentials', 'names']));
  });

  it.each([
    [[], 'Give one config'],
    [['config/first-deployment.json', '--only', 'luck'], '--only luck is no check. Write one of quotas, instances,'],
  ])('refuses wrong arguments %j', async (args, message) => {
    await expect(doctorCommand.run(args)).rejects.toThrow(message);
  });

  it('prints what needs a hand last, with its command', async () => {
    const text = renderFindings(await findingsOf({ 'GET /account': { json: {} } }));
    const lines = text.trim().split('\n');
    expect(lines.at(-4)).toMatch(/^PROBLEM {5}log role: /);
    expect(lines.at(-3)).toMatch(/^ {12}aws apigateway update-account/);
    expect(lines.at(-1)).toMatch(/^\d+ ok, 0 not checked, 0 warning, 1 problem$/);
  });
});
