import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { doctorCommand } from '../../../cli/commands/doctor.ts';
import { awsClients } from '../../../cli/doctor/aws-clients.ts';
import { examine } from '../../../cli/doctor/examine.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { renderFindings } from '../../../cli/doctor/render.ts';
import { missingShards } from '../../../cli/doctor/weights.ts';
import { type ConfigInput, parseConfig } from '../../../lib/config.ts';
import { aConfig, aModel } from '../../lib/synthesize.ts';
import { unmodelled } from './modelled.ts';
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

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
const endpoint = (EndpointStatus: string) => ({
  json: {
    EndpointName: 'stage',
    EndpointArn: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/stage`,
    EndpointStatus,
    CreationTime: 1_790_000_000.5,
    LastModifiedTime: 1_790_000_000.5,
  },
});
// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html
const component = {
  json: {
    InferenceComponentName: 'x',
    InferenceComponentArn: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:inference-component/x`,
    EndpointName: 'stage',
    EndpointArn: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/stage`,
    InferenceComponentStatus: 'InService',
    CreationTime: 1_790_000_000.5,
    LastModifiedTime: 1_790_000_000.5,
  },
};
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
const stsError = (code: string) => ({
  status: 403,
  xml: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>The security token included in the request is invalid</Message></Error></ErrorResponse>`,
});
// https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
const jsonError = (name: string, message: string) => ({
  status: 400,
  headers: { 'x-amzn-errortype': name },
  json: { __type: name, message },
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
      'weights whose upload was interrupted',
      Object.fromEntries(
        [`GET /${BUCKET}`, `GET /${BUCKET}/`].map((name) => [
          name,
          objects('config.json', 'tokenizer.json', 'model-00001-of-00002.safetensors'),
        ]),
      ),
      {},
      {
        check: 'weights',
        status: 'problem',
        text: expect.stringContaining('has no model-00002-of-00002.safetensors'),
        fix: expect.stringMatching(/^npx budgetforce weights .* --bucket weights-/),
      },
    ],
    [
      'credentials that have expired',
      { GetCallerIdentity: stsError('ExpiredToken') },
      {},
      { check: 'credentials', status: 'problem', text: expect.stringContaining('expired'), fix: 'aws sso login' },
    ],
    [
      'a region that the account has not enabled',
      { GetCallerIdentity: stsError('InvalidClientTokenId') },
      {},
      {
        check: 'credentials',
        status: 'problem',
        text: expect.stringContaining('has not enabled the region'),
        fix: 'aws account get-region-opt-status --region-name us-east-1',
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
      { DescribeEndpoint: endpoint('InService') },
      {},
      { check: 'names', status: 'problem', text: expect.stringContaining('An endpoint stage exists') },
    ],
    [
      'a component that is taken',
      { DescribeInferenceComponent: component },
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
    expect(notOk(await findingsOf({ DescribeStacks: stacks(own), DescribeEndpoint: endpoint('InService') }))).toEqual(
      [],
    );
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
      /^The credentials may not look in us-east-1: .*not authorized to perform BatchGetImage/,
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
        input['EndpointName'] === 'other' ? endpoint('Creating') : unknown('endpoint'),
    };
    expect(notOk(await findingsOf(creating, config))).toMatchObject([
      { text: 'other in eu-west-1 is not in service, but Creating.' },
    ]);
  });

  describe('with endpoints of other regions', () => {
    const at = (region: string) => ({
      name: region,
      upstream: { kind: 'sagemaker', region, endpointName: region } as const,
    });
    const config = {
      models: [{ ...model, fallbacks: [at('eu-west-1'), at('eu-north-1')] }],
      api: { fallbackRegions: ['eu-west-1', 'eu-north-1'] },
    } as Partial<ConfigInput>;
    /** The first fallback answers so, the second is in service. */
    const first = (answer: ReturnType<typeof jsonError>): Answers => ({
      DescribeEndpoint: ({ EndpointName: name }) =>
        name === 'eu-west-1' ? answer : name === 'eu-north-1' ? endpoint('InService') : unknown('endpoint'),
    });

    it.each([
      ['AccessDeniedException', 'no identity-based policy allows it', 'unchecked', 'may not look in eu-west-1'],
      ['AccessDeniedException', 'with an explicit deny in a service control policy', 'warning', 'forbid the function'],
      ['UnrecognizedClientException', 'The token is invalid', 'unchecked', 'eu-west-1 refuses the credentials'],
      ['InternalFailure', 'Try again', 'unchecked', 'AWS could not be asked in eu-west-1: InternalFailure'],
    ])('says why one cannot be looked at (%s, %s), and looks at the others', async (name, message, status, text) => {
      const findings = await findingsOf(first(jsonError(name, message)), config);
      expect(notOk(findings)).toMatchObject([{ check: 'endpoints', status, text: expect.stringContaining(text) }]);
      expect(findings).toContainEqual({
        check: 'endpoints',
        status: 'ok',
        text: 'eu-north-1 in eu-north-1 is in service.',
      });
    });
  });

  it('calls no name taken while it may not look at the stacks', async () => {
    const { DescribeStacks: _stacks, ...rest } = healthy;
    answers = { ...rest, DescribeEndpoint: endpoint('InService') };
    const findings = await examine(parseConfig(aConfig({ models: [model] })), awsClients('us-east-1', undefined));
    expect(new Set(notOk(findings).map(({ check, status }) => `${check} ${status}`))).toEqual(
      new Set(['names unchecked']),
    );
  });

  it('has a problem if AWS cannot be reached, so that nothing unchecked passes for ready', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
    const findings = await findingsOf();
    expect(findings.filter(({ status }) => status === 'problem')).toMatchObject([
      { check: 'credentials', text: expect.stringContaining('AWS cannot be reached in us-east-1') },
    ]);
  });

  it('names a profile that is not there', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    answers = healthy;
    const findings = await examine(parseConfig(aConfig({ models: [model] })), awsClients('us-east-1', 'stranger'), [
      'names',
    ]);
    expect(findings).toContainEqual({
      check: 'credentials',
      status: 'problem',
      text: expect.stringContaining('The profile stranger has no valid credentials'),
      fix: 'aws configure list-profiles',
    });
  });

  it('looks at another region with --region', async () => {
    let output = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
    const first = aws.asked.length;
    try {
      const args = ['config/first-deployment.json', '--region', 'us-west-2', '--only', 'names', '--json'];
      expect(await doctorCommand.run(args)).toBe(0);
    } finally {
      write.mockRestore();
    }
    expect(JSON.parse(output).findings).toContainEqual({
      check: 'names',
      status: 'ok',
      text: 'CDK is bootstrapped in us-west-2.',
    });
    expect(aws.asked.length).toBeGreaterThan(first);
  });

  it('names the shards that are missing, by the names of the others', () => {
    const shard = (index: number, count: number) =>
      `model-${String(index).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.safetensors`;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(), { minLength: 1 }), (count, picks) => {
        const there = new Set(picks.map((pick) => (pick % count) + 1));
        const all = Array.from({ length: count }, (_, index) => index + 1);
        const lost = all.filter((index) => !there.has(index)).map((index) => shard(index, count));
        const expected = lost.length > 3 ? [...lost.slice(0, 3), `${lost.length - 3} more`] : lost;
        expect(missingShards(['config.json', ...[...there].map((index) => shard(index, count))])).toEqual(expected);
      }),
      { seed: 1 },
    );
    expect(missingShards(['model.safetensors', 'adapter/model-00001-of-00009.safetensors'])).toEqual([]);
  });

  it('is tested with answers that AWS’s service models allow', () => {
    const played: Answers = {
      ...healthy,
      DescribeStacks: stacks({ CDKToolkit: 'CREATE_COMPLETE' })({ StackName: 'CDKToolkit' }),
      DescribeEndpoint: endpoint('InService'),
      DescribeInferenceComponent: component,
      GetAWSDefaultServiceQuota: quota(0),
    };
    const wrong = Object.entries(played).flatMap(([name, answer]) =>
      typeof answer === 'function' ? [`${name} is not played`] : unmodelled(name, answer),
    );
    expect(wrong).toEqual([]);
    // What the models do not allow is found.
    expect(unmodelled('DescribeEndpoint', { json: { EndpointState: 1 } })).toHaveLength(6);
    expect(unmodelled('GetServiceQuota', { json: { Quota: { Value: '1' } } })).toEqual([
      'Service Quotas GetServiceQuota answer.Quota.Value is no number',
    ]);
    expect(unmodelled('DescribeStacks', { xml: '<Stacks><member><State>x</State></member></Stacks>' })).toEqual([
      'DescribeStacks: <State>',
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
    [['config/first-deployment.json', '--region', 'Europe'], '--region Europe is no region. Write one'],
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
