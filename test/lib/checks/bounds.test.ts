import { Token } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { checkAccess } from '../../../lib/checks/check-access.ts';
import { checkCapacity } from '../../../lib/checks/check-capacity.ts';
import { checkComponentNames } from '../../../lib/checks/check-component-names.ts';
import { checkContextWindow, checkPayload } from '../../../lib/checks/check-context.ts';
import { checkCopies, checkCopyGpus, checkHostMemory } from '../../../lib/checks/check-copies.ts';
import { checkDeployment } from '../../../lib/checks/check-deployment.ts';
import { checkContainerEnvironment, checkFunctionEnvironment } from '../../../lib/checks/check-environment.ts';
import { checkExisting } from '../../../lib/checks/check-existing.ts';
import {
  checkFallbacks,
  checkFallbackTokenizer,
  checkHedge,
  checkUpstreamRegion,
} from '../../../lib/checks/check-fallbacks.ts';
import { checkFunctionNetwork } from '../../../lib/checks/check-function-network.ts';
import { checkGates } from '../../../lib/checks/check-gates.ts';
import { checkImageRegistry, checkImageServer } from '../../../lib/checks/check-image.ts';
import { checkInstanceType, checkVolumeKey } from '../../../lib/checks/check-instance-type.ts';
import { checkInstances, checkManagedScaling } from '../../../lib/checks/check-instances.ts';
import { checkScalingCapacity, checkScalingLedger } from '../../../lib/checks/check-load-scaling.ts';
import { checkAttentionHeads, checkMemory } from '../../../lib/checks/check-memory.ts';
import {
  checkAdapterPools,
  checkAdapterUri,
  checkBucket,
  checkNetworkIsolation,
  checkRevision,
  checkS3Uri,
} from '../../../lib/checks/check-model-source.ts';
import { checkNetwork } from '../../../lib/checks/check-network.ts';
import { checkComponentRegion, checkRegion } from '../../../lib/checks/check-region.ts';
import { checkRequestTimeouts } from '../../../lib/checks/check-timeouts.ts';
import { checkTokenizer } from '../../../lib/checks/check-tokenizer.ts';
import {
  checkAnyModel,
  checkEndpointGiven,
  checkModelIds,
  checkSecret,
  checkUpstream,
} from '../../../lib/checks/check-upstream.ts';
import { placeOf } from '../../../lib/checks/host-place.ts';
import { limits } from '../../../lib/facts/aws-limits.ts';
import type { Refusal } from '../../../lib/facts/refusal.ts';

const REGION = 'us-east-1';
const UNKNOWN = Token.asString({ resolve: () => 'later' });
const commit = 'c1899de289a04d12100db370d81485cdf75e47ca';

/** The codes of what is refused, in order. */
function codesOf(result: Result): readonly string[] {
  return [result].flat().flatMap((refusal) => (refusal === undefined ? [] : [refusal.code]));
}
/** What a check is given, in words; its result; and the codes that it refuses, none if it is accepted. */
type Case = readonly [string, Result, ...codes: readonly string[]];
type Result = Refusal | undefined | readonly (Refusal | undefined)[];

const placement = (changes: object = {}, tensorParallel = 1) => ({
  name: 'm',
  tensorParallel,
  copies: { initial: 1, min: 1, max: 2, ...changes },
});
const rangeOf = (name: keyof typeof limits) => limits[name];

const access = (): readonly Case[] => [
  ['an open API', checkAccess(REGION, {}, 10)],
  ['a private API with an endpoint', checkAccess(REGION, { exposure: 'private', vpcEndpointIds: ['vpce-1'] }, 10)],
  ['a private API without an endpoint', checkAccess(REGION, { exposure: 'private' }, 10), 'api-access'],
  ['an open API with an endpoint', checkAccess(REGION, { vpcEndpointIds: ['vpce-1'] }, 10), 'api-access'],
  [
    'an edge API whose streams are never silent for long',
    checkAccess(REGION, { exposure: 'edge' }, rangeOf('edgeIdleSeconds').max),
  ],
  [
    'an edge API whose streams may be silent',
    checkAccess(REGION, { exposure: 'edge' }, rangeOf('edgeIdleSeconds').max + 1),
    'edge-silence',
  ],
  [
    'a silent stream of a regional API',
    checkAccess(REGION, { exposure: 'regional' }, rangeOf('edgeIdleSeconds').max + 1),
  ],
  [
    'the lowest firewall rate',
    checkAccess(REGION, { firewall: { requestsPerFiveMinutes: rangeOf('firewallRate').min } }, 10),
  ],
  [
    'a lower firewall rate',
    checkAccess(REGION, { firewall: { requestsPerFiveMinutes: rangeOf('firewallRate').min - 1 } }, 10),
    'firewall-rate',
  ],
  ...[
    ['arn:aws:acm:us-east-1:111122223333:certificate/abc', true],
    ['arn:aws-us-gov:acm:us-east-1:111122223333:certificate/abc', true],
    ['arn:aws:acm:us-east-1:111122223333:certificate/', false],
    ['arn:aws:acm:eu-west-1:111122223333:certificate/abc', false],
    ['arn:aws:acm:us-east-1:1111:certificate/abc', false],
    ['x:arn:aws:acm:us-east-1:111122223333:certificate/abc', false],
  ].map(
    ([certificateArn, ok]): Case => [
      `the certificate ${certificateArn}`,
      checkAccess(REGION, { domain: { name: 'd.example.com', certificateArn: String(certificateArn) } }, 10),
      ...(ok === true ? [] : ['api-access']),
    ],
  ),
  [
    'a domain of a private API',
    checkAccess(
      REGION,
      {
        exposure: 'private',
        vpcEndpointIds: ['vpce-1'],
        domain: { name: 'd', certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/abc' },
      },
      10,
    ),
    'api-access',
  ],
];

const capacityOf = (changes: Partial<Parameters<typeof checkCapacity>[0]>) =>
  checkCapacity({
    region: REGION,
    instanceType: 'ml.p5.48xlarge',
    fallbackInstanceTypes: [],
    provisionSeconds: undefined,
    reservation: undefined,
    scaleIn: undefined,
    ...changes,
  });
const planArn = 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/plan';
const reserved = { planArn, instanceType: 'ml.p5.48xlarge' };
const pools = (count: number) => Array.from({ length: count }, (_, index) => `type${index}`);
const capacity = (): readonly Case[] => [
  ['one type', capacityOf({})],
  ['as many types as SageMaker takes', capacityOf({ fallbackInstanceTypes: pools(rangeOf('instancePools').max - 1) })],
  ['one more type', capacityOf({ fallbackInstanceTypes: pools(rangeOf('instancePools').max) }), 'instance-pools'],
  ['a type twice', capacityOf({ fallbackInstanceTypes: ['a', 'a'] }), 'instance-pools'],
  ['the instance type as a fallback', capacityOf({ fallbackInstanceTypes: ['ml.p5.48xlarge'] }), 'instance-pools'],
  ['the longest provisioning', capacityOf({ provisionSeconds: rangeOf('provisionSeconds').max })],
  ['a longer provisioning', capacityOf({ provisionSeconds: rangeOf('provisionSeconds').max + 1 }), 'provision-timeout'],
  ['no cooldown', capacityOf({ scaleIn: {} })],
  ['the longest cooldown', capacityOf({ scaleIn: { cooldownMinutes: rangeOf('scaleInCooldownMinutes').max } })],
  [
    'a longer cooldown',
    capacityOf({ scaleIn: { cooldownMinutes: rangeOf('scaleInCooldownMinutes').max + 1 } }),
    'scale-in-cooldown',
  ],
  ['a reservation of its type and region', capacityOf({ reservation: reserved })],
  [
    'a reservation of another type',
    capacityOf({ reservation: { ...reserved, instanceType: 'ml.p5e.48xlarge' } }),
    'reservation-type',
  ],
  [
    'a reservation of a type that cannot be reserved',
    capacityOf({ instanceType: 'ml.g5.xlarge', reservation: { ...reserved, instanceType: 'ml.g5.xlarge' } }),
    'reservation-type',
  ],
  ['a reservation of another region', capacityOf({ region: 'us-west-2', reservation: reserved }), 'reservation-arn'],
  [
    'a reservation with text before its ARN',
    capacityOf({ reservation: { ...reserved, planArn: `x${planArn}` } }),
    'reservation-arn',
  ],
  [
    'a reservation without a name',
    capacityOf({ reservation: { ...reserved, planArn: planArn.slice(0, -4) } }),
    'reservation-arn',
  ],
  [
    'a reservation with fallbacks',
    capacityOf({ reservation: reserved, fallbackInstanceTypes: ['b'] }),
    'reservation-pools',
  ],
];

const memory = { name: 'm', instanceType: 'i', tensorParallel: 2, contextTokens: 8_192, calculation: 'as shown' };
const component = (id: string, componentName: string) => ({ id, componentName });
const copies = (): readonly Case[] => [
  ['components with different names', checkComponentNames([component('a', 'x'), component('b', 'y')])],
  [
    'components with one name',
    checkComponentNames([component('a', 'x'), component('b', 'y'), component('c', 'x')]),
    'same-name',
  ],
  ['the window of the model', checkContextWindow('m', 100, 100)],
  ['a larger window', checkContextWindow('m', 100, 101), 'context-window'],
  ['a window that fills a body', checkPayload('m', Math.floor(rangeOf('invocationBytes').max / 7))],
  ['a window beyond a body', checkPayload('m', Math.floor(rangeOf('invocationBytes').max / 7) + 1), 'payload-size'],
  ['a copy on all GPUs', checkCopyGpus('ml.p5.48xlarge', placement({}, 8))],
  ['a copy on more GPUs', checkCopyGpus('ml.p5.48xlarge', placement({}, 9)), 'tensor-parallel'],
  ['a copy on an unknown type', checkCopyGpus('ml.unknown', placement({}, 99))],
  ['copies in order', checkCopies(placement({ min: 1, initial: 1, max: 1 }))],
  ['no copy at the beginning', checkCopies(placement({ min: 0, initial: 0, max: 1 })), 'zero-copies-at-creation'],
  ['copies that scale to zero later', checkCopies(placement({ min: 0, initial: 1, max: 1 }))],
  ['fewer copies than the minimum', checkCopies(placement({ min: 2, initial: 1, max: 3 })), 'copies-order'],
  ['more copies than the maximum', checkCopies(placement({ min: 1, initial: 3, max: 2 })), 'copies-order'],
  ['less memory than an instance has', checkHostMemory('ml.p5.48xlarge', 'm', 2_048 * 1_024 - 1)],
  ['all memory of an instance', checkHostMemory('ml.p5.48xlarge', 'm', 2_048 * 1_024), 'host-memory'],
  [
    'memory of an unknown type, and none',
    [checkHostMemory('ml.unknown', 'm', 9e9), checkHostMemory('ml.p5.48xlarge', 'm', undefined)],
  ],
  ['a cache for one whole window', checkMemory({ ...memory, cacheTokens: 8_192 })],
  ['a smaller cache', checkMemory({ ...memory, cacheTokens: 8_191 }), 'gpu-memory'],
  ['GPUs that divide the heads', checkAttentionHeads('m', 40, 8)],
  ['GPUs that do not', checkAttentionHeads('m', 40, 16), 'tensor-parallel-heads'],
  ['instances within their range', checkInstances('ml.unknown', { min: 0, initial: 1, max: 1 }, [])],
  ['no instance at the beginning', checkInstances('ml.unknown', { min: 0, initial: 0, max: 1 }, []), 'instances-order'],
  [
    'fewer instances than the minimum',
    checkInstances('ml.unknown', { min: 2, initial: 1, max: 2 }, []),
    'instances-order',
  ],
  [
    'more instances than the maximum',
    checkInstances('ml.unknown', { min: 1, initial: 2, max: 1 }, []),
    'instances-order',
  ],
  [
    'copies that fill the instances',
    checkInstances('ml.p5.48xlarge', { min: 1, initial: 1, max: 2 }, [placement({ max: 4 }, 4)]),
  ],
  [
    'one more copy',
    checkInstances('ml.p5.48xlarge', { min: 1, initial: 1, max: 2 }, [placement({ max: 5 }, 4)]),
    'copies-fit',
  ],
  [
    'a copy that no instance holds is named elsewhere',
    checkInstances('ml.p5.48xlarge', { min: 1, initial: 1, max: 1 }, [placement({ max: 9 }, 16)]),
  ],
  ['managed scaling of components', checkManagedScaling({ managedInstanceScaling: {} })],
  [
    'managed scaling of a model',
    checkManagedScaling({ managedInstanceScaling: {}, modelName: 'm' }),
    'managed-scaling-without-components',
  ],
  ['a model without managed scaling', checkManagedScaling({ modelName: 'm' })],
  ['a known type', checkInstanceType('ml.p5.48xlarge')],
  ['an unknown type', checkInstanceType('ml.p5.49xlarge'), 'instance-type'],
  ['a key of a volume', checkVolumeKey('ml.c5.xlarge', 'arn')],
  ['a key of local disks', checkVolumeKey('ml.p5.48xlarge', 'arn'), 'kms-local-storage'],
  ['no key', checkVolumeKey('ml.p5.48xlarge', undefined)],
];

const variables = (count: number, value = 'v') =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`K${i}`, value]));
const environment = (): readonly Case[] => [
  ['all variables', checkContainerEnvironment('m', variables(rangeOf('containerVariables').max))],
  [
    'one more variable',
    checkContainerEnvironment('m', variables(rangeOf('containerVariables').max + 1)),
    'container-environment',
  ],
  ['the longest value', checkContainerEnvironment('m', { K: 'v'.repeat(rangeOf('containerVariableLength').max) })],
  [
    'a longer value',
    checkContainerEnvironment('m', { K: 'v'.repeat(rangeOf('containerVariableLength').max + 1) }),
    'container-environment',
  ],
  [
    'variables that are too large together',
    checkContainerEnvironment('m', variables(40, 'é'.repeat(1_000))),
    'container-environment',
  ],
  ['all that Lambda takes', checkFunctionEnvironment(rangeOf('functionEnvironmentBytes').max)],
  ['one byte more', checkFunctionEnvironment(rangeOf('functionEnvironmentBytes').max + 1), 'settings-size'],
  ['no strategy', checkDeployment({ strategy: 'all-at-once' }, 2)],
  ['the longest bake', checkDeployment({ strategy: 'all-at-once', bakeSeconds: rangeOf('bakeSeconds').max }, 1)],
  [
    'a longer bake',
    checkDeployment({ strategy: 'all-at-once', bakeSeconds: rangeOf('bakeSeconds').max + 1 }, 1),
    'bake-time',
  ],
  ...(['canary', 'linear', 'rolling'] as const).flatMap((strategy): readonly Case[] => {
    const { max } = rangeOf(`${strategy}Percent`);
    return [
      [`the largest ${strategy} step`, checkDeployment({ strategy, percent: max }, 1)],
      [`a larger ${strategy} step`, checkDeployment({ strategy, percent: max + 1 }, 1), 'deployment-size'],
    ];
  }),
  [
    'a rolling deployment of two variants',
    checkDeployment({ strategy: 'rolling', percent: 10 }, 2),
    'rolling-variants',
  ],
  ['a canary of two variants', checkDeployment({ strategy: 'canary', percent: 10 }, 2)],
  [
    'a request within a stream',
    checkRequestTimeouts({
      requestSeconds: rangeOf('streamSeconds').max,
      capacityWaitSeconds: 5,
      keepAliveSeconds: rangeOf('idleSeconds').max,
    }),
  ],
  [
    'a longer request',
    checkRequestTimeouts({
      requestSeconds: rangeOf('streamSeconds').max + 1,
      capacityWaitSeconds: 5,
      keepAliveSeconds: 10,
    }),
    'request-timeout',
  ],
  [
    'a wait as long as the request',
    checkRequestTimeouts({ requestSeconds: 60, capacityWaitSeconds: 60, keepAliveSeconds: 10 }),
  ],
  [
    'a longer wait',
    checkRequestTimeouts({ requestSeconds: 60, capacityWaitSeconds: 61, keepAliveSeconds: 10 }),
    'capacity-wait',
  ],
  [
    'a longer silence',
    checkRequestTimeouts({
      requestSeconds: 60,
      capacityWaitSeconds: 5,
      keepAliveSeconds: rangeOf('idleSeconds').max + 1,
    }),
    'keep-alive',
  ],
];

const secret = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf';
const subnets = (...zones: readonly (string | undefined)[]) =>
  zones.map((zone, index) => ({ subnetId: `subnet-${index}`, zone }));
const networkOf = (changes: object) =>
  checkNetwork({ subnets: subnets('a', 'b'), securityGroups: ['sg'], ...changes }, ['m']);
const functionIn = (upstream: object, isolated = true) =>
  checkFunctionNetwork(REGION, { subnets: [1], securityGroups: [1], isolated }, [
    { id: 'm', field: 'upstream', upstream: { kind: 'sagemaker', ...upstream } },
  ]);
const network = (): readonly Case[] => [
  ['no secret and no table', checkExisting(REGION, {}, 'keep')],
  ['an existing secret', checkExisting(REGION, { apiKeySecretArn: secret }, 'keep')],
  ['a secret that is known later', checkExisting(REGION, { apiKeySecretArn: UNKNOWN }, 'keep')],
  [
    'a secret of an API without keys',
    checkExisting(REGION, { apiKey: false, apiKeySecretArn: secret }, 'keep'),
    'unused-secret',
  ],
  ['an API without keys', checkExisting(REGION, { apiKey: false }, 'keep')],
  ['an existing table', checkExisting(REGION, { ledgerTableName: 't' }, 'keep')],
  [
    'an existing table that would be deleted',
    checkExisting(REGION, { ledgerTableName: 't' }, 'delete'),
    'existing-table',
  ],
  ['a new table that is deleted', checkExisting(REGION, {}, 'delete')],
  ['a secret by its whole ARN', checkSecret(REGION, secret, 'f')],
  ['a secret of another partition', checkSecret(REGION, secret.replace('arn:aws:', 'arn:aws-cn:'), 'f')],
  ['a secret without its six characters', checkSecret(REGION, secret.slice(0, -1), 'f'), 'upstream-secret'],
  ['a secret with more characters', checkSecret(REGION, `${secret}/more`, 'f'), 'upstream-secret'],
  ['a secret with text before its ARN', checkSecret(REGION, `x${secret}`, 'f'), 'upstream-secret'],
  ['no network', checkNetwork(undefined, ['m'])],
  ['subnets in two zones', networkOf({})],
  ['subnets in zones that are known later', networkOf({ subnets: subnets(undefined, undefined) })],
  ['one subnet', networkOf({ subnets: subnets('a') }), 'vpc-zones'],
  ['a subnet twice', networkOf({ subnets: [...subnets('a'), ...subnets('b')] }), 'vpc-zones'],
  ['two subnets in one zone', networkOf({ subnets: subnets('a', 'a') }), 'vpc-zones'],
  ['three subnets in two zones', networkOf({ subnets: subnets('a', 'a', 'b') })],
  ['no subnet', networkOf({ subnets: [] }), 'vpc-size'],
  ['all security groups', networkOf({ securityGroups: pools(rangeOf('securityGroups').max) })],
  ['one more security group', networkOf({ securityGroups: pools(rangeOf('securityGroups').max + 1) }), 'vpc-size'],
  ['a download over an isolated network', networkOf({ isolated: true }), 'vpc-hub'],
  [
    'no download over an isolated network',
    checkNetwork({ subnets: subnets('a', 'b'), securityGroups: ['sg'], isolated: true }, []),
  ],
  ['no network of the function', checkFunctionNetwork(REGION, undefined, [])],
  [
    'all subnets of a function',
    checkFunctionNetwork(REGION, { subnets: pools(rangeOf('functionSubnets').max), securityGroups: [1] }, []),
  ],
  [
    'one more subnet of a function',
    checkFunctionNetwork(REGION, { subnets: pools(rangeOf('functionSubnets').max + 1), securityGroups: [1] }, []),
    'function-vpc',
  ],
  [
    'no security group of a function',
    checkFunctionNetwork(REGION, { subnets: [1], securityGroups: [] }, []),
    'function-vpc',
  ],
  ['an endpoint of the region', functionIn({})],
  ['an endpoint of the region by name', functionIn({ region: REGION })],
  ['an endpoint of another region', functionIn({ region: 'eu-west-1' }), 'function-vpc-internet'],
  ['an endpoint of another region, over the internet', functionIn({ region: 'eu-west-1' }, false)],
  ['an endpoint of a region that is known later', functionIn({ region: UNKNOWN })],
  ['a server in the network', functionIn({ kind: 'openai-compatible', baseUrl: 'http://10.0.0.5/v1' })],
  [
    'a server on the internet',
    functionIn({ kind: 'openai-compatible', baseUrl: 'https://gpu.example.com/v1' }),
    'function-vpc-internet',
  ],
  ['a server that is known later', functionIn({ kind: 'openai-compatible', baseUrl: UNKNOWN })],
];

const calibration = { measure: 'tail', unsureBelow: 0.4, id: 'c', rows: [] } as unknown as Parameters<
  typeof checkGates
>[2];
const image = (uri: string) => ({ uri, cuda: 13 }) as const;
const serverAt = (baseUrl: string, inNetwork = false) =>
  checkUpstream(REGION, 'm', { baseUrl }, { field: 'upstream', inNetwork });
const sources = (): readonly Case[] => [
  ['no gates', checkGates('m')],
  ['a Wait with a threshold', checkGates('m', { waitWhen: 'unsure', unsureBelow: 0.3 })],
  ['a Wait without a threshold', checkGates('m', { waitWhen: 'unsure' }), 'gates'],
  ['a Wait with the threshold of a calibration', checkGates('m', { waitWhen: 'unsure' }, calibration)],
  ['a Wait by the calibrated measure', checkGates('m', { waitWhen: 'unsure', confidenceMeasure: 'tail' }, calibration)],
  [
    'a Wait by another measure',
    checkGates('m', { waitWhen: 'unsure', confidenceMeasure: 'entropy' }, calibration),
    'gates',
  ],
  ['a Wait that always comes', checkGates('m', { waitWhen: 'always' })],
  ['a threshold of a Wait that always comes', checkGates('m', { waitWhen: 'always', unsureBelow: 0.3 }), 'gates'],
  ['an image of AWS', checkImageRegistry('server-sagemaker-cuda-v2.3', REGION)],
  [
    'an image of AWS in a region without it',
    checkImageRegistry('server-sagemaker-cuda-v2.3', 'xx-north-1'),
    'image-registry',
  ],
  ['an own image of the region', checkImageRegistry(image('111122223333.dkr.ecr.us-east-1.amazonaws.com/r:t'), REGION)],
  [
    'an own image of another region',
    checkImageRegistry(image('111122223333.dkr.ecr.eu-west-1.amazonaws.com/r:t'), REGION),
    'image-registry',
  ],
  ['a public image', checkImageRegistry(image('public.ecr.aws/r:t'), REGION), 'image-registry'],
  ...['r/sglang:t', 'r/my-sglang:t', 'r/sglang-cuda:t', 'r/a.b_c-sglang-x.y@sha256'].map(
    (uri): Case => [`the image ${uri}`, checkImageServer(image(`host/${uri}`)), 'image-server'],
  ),
  ...['r/vllm:sglang', 'r/notsglang:t', 'r/sglangx:t', 'sglang/vllm:t', 'r/sglang-'].map(
    (uri): Case => [`the image ${uri}`, checkImageServer(image(`host/${uri}`))],
  ),
  ['an image by its tag', checkImageServer('server-sagemaker-cuda-v2.3')],
  ['a bucket', checkS3Uri('m', { kind: 's3', uri: 's3://b/' })],
  ['a prefix that is known later', checkS3Uri('m', { kind: 's3', uri: UNKNOWN })],
  ['a source on the hub', checkS3Uri('m', { kind: 'hub', id: 'a/b' })],
  ['a prefix with two slashes', checkS3Uri('m', { kind: 's3', uri: 's3://b//' }), 's3-uri'],
  ['text before a prefix', checkS3Uri('m', { kind: 's3', uri: 'xs3://b/' }), 's3-uri'],
  ...[
    'amzn-s3-demo-bucket',
    'amzn-s3-demo-bucket1',
    'doc-example-bucket',
    'awsdocexamplebucket',
    'my-bucket',
    'your-s3-bucket',
    'the-bucket-name',
    'bucket1',
    'my-bucket-here',
    'EXAMPLE-bucket',
  ].map((bucket): Case => [`the bucket ${bucket}`, checkBucket('m', 'f', `s3://${bucket}/p/`), 'placeholder-bucket']),
  ...['weights', 'my-bucket-of-weights', 'mybucket.weights', 'a.b-c1', '1a', 'bucketing'].map(
    (bucket): Case => [`the bucket ${bucket}`, checkBucket('m', 'f', `s3://${bucket}/p/`)],
  ),
  ...['Weights', '-a', 'a_b', '', '<bucket>'].map(
    (bucket): Case => [`the bucket "${bucket}"`, checkBucket('m', 'f', `s3://${bucket}/p/`), 'bucket-name'],
  ),
  ['a bucket that is known later', checkBucket('m', 'f', UNKNOWN)],
  ['a commit', checkRevision('m', { id: 'a/b', revision: commit })],
  ['a commit that is known later', checkRevision('m', { id: 'a/b', revision: UNKNOWN })],
  ['no commit', checkRevision('m', { id: 'a/b' }), 'hub-revision'],
  ['a longer commit', checkRevision('m', { id: 'a/b', revision: `${commit}0` }), 'hub-revision'],
  ['a shorter commit', checkRevision('m', { id: 'a/b', revision: commit.slice(1) }), 'hub-revision'],
  ['isolation of a model in a bucket', checkNetworkIsolation('m', { kind: 's3', uri: 's3://b/' }, true)],
  ['isolation of a model on the hub', checkNetworkIsolation('m', { kind: 'hub', id: 'a/b' }, true), 'isolated-hub'],
  ['a model on the hub', checkNetworkIsolation('m', { kind: 'hub', id: 'a/b' }, false)],
  ['an adapter', checkAdapterUri('m', { id: 'a', uri: 's3://b/p/a.tar.gz' })],
  ...['s3://b/a.tar.gz.bak', 's3://b/.tar.gz', 'xs3://b/a.tar.gz', 's3:///a.tar.gz', 's3://b/axtar.gz'].map(
    (uri): Case => [`the adapter ${uri}`, checkAdapterUri('m', { id: 'a', uri }), 'adapter-uri'],
  ),
  ['adapters on one type', checkAdapterPools('m', 1, ['a'])],
  ['adapters on two types', checkAdapterPools('m', 1, ['a', 'b']), 'adapter-pools'],
  ['no adapters on two types', checkAdapterPools('m', 0, ['a', 'b'])],
  ['a region', checkRegion(REGION)],
  ['no region', checkRegion(UNKNOWN), 'region'],
  ['a region with components', checkComponentRegion(REGION)],
  ['a region without components', checkComponentRegion('us-west-1'), 'component-region'],
  ['a region that is not known', [checkComponentRegion('xx-north-1'), checkComponentRegion(UNKNOWN)]],
  [
    'a tokenizer beside the weights',
    checkTokenizer({ id: 'm', canTokenize: false }, 'r1', 'tokenizer.json', undefined),
  ],
  ['the tokenizer of a family', checkTokenizer({ id: 'm', canTokenize: false }, 's1', undefined, 'family.json')],
  ['the tokenizer of a server', checkTokenizer({ id: 'm', canTokenize: true }, 'r1', 'endpoint', undefined)],
  [
    'the tokenizer of a server that cannot',
    checkTokenizer({ id: 'm', canTokenize: false }, 's1', 'endpoint', 'family.json'),
    'tokenizer-route',
  ],
  ['no tokenizer', checkTokenizer({ id: 'm', canTokenize: true }, 'r1', undefined, undefined), 'tokenizer'],
  ['a server with TLS', serverAt('https://gpu.example.com/v1')],
  ['a server without TLS', serverAt('http://gpu.example.com/v1'), 'upstream-http'],
  ['a private server', serverAt('http://10.0.0.5/v1'), 'upstream-private'],
  ['a private server in the network of the function', serverAt('http://10.0.0.5/v1', true)],
  ['the machine of the function', serverAt('http://127.0.0.1/v1', true), 'upstream-private'],
  ...[
    'https://u@gpu.example.com/v1',
    'https://u:p@gpu.example.com/v1',
    'https://gpu.example.com/v1?k=v',
    'https://gpu.example.com/v1#h',
  ].map((url): Case => [`the URL ${url}`, serverAt(url), 'upstream-url']),
  ['a server that is known later', serverAt(UNKNOWN)],
  ['a server with a secret', checkUpstream(REGION, 'm', { baseUrl: UNKNOWN, apiKeySecretArn: secret })],
  [
    'a server with a secret that is known later',
    checkUpstream(REGION, 'm', { baseUrl: UNKNOWN, apiKeySecretArn: UNKNOWN }),
  ],
  ['a server with a key', checkUpstream(REGION, 'm', { baseUrl: UNKNOWN, apiKeySecretArn: 'sk-1' }), 'upstream-secret'],
  ['different ids', checkModelIds(['a', 'b'])],
  ['equal ids', checkModelIds(['a', 'b', 'a']), 'same-id'],
  ['models of an endpoint', checkEndpointGiven(['m'], true)],
  ['models of no endpoint', checkEndpointGiven(['m'], false), 'endpoint-missing'],
  ['no models of an endpoint', checkEndpointGiven([], false)],
  ['a model', checkAnyModel(1)],
  ['no model', checkAnyModel(0), 'no-models'],
];

const scaled = { hasArchitecture: true, instanceType: 'ml.p5.48xlarge', cacheTokens: 1 };
const fallback = (name: string, contextTokens = 100) => ({ upstream: {}, name, contextTokens });
const modelWith = (...fallbacks: readonly ReturnType<typeof fallback>[]) => ({
  id: 'm',
  contextTokens: 100,
  fallbacks,
});
const fallbacks = (): readonly Case[] => [
  ['a copy that holds a token', checkScalingCapacity('m', scaled)],
  ['a copy that holds none', checkScalingCapacity('m', { ...scaled, cacheTokens: 0 }), 'load-without-capacity'],
  [
    'a copy of unknown memory',
    checkScalingCapacity('m', { ...scaled, cacheTokens: undefined }),
    'load-without-capacity',
  ],
  [
    'a copy of an unknown architecture',
    checkScalingCapacity('m', { ...scaled, hasArchitecture: false, cacheTokens: undefined }),
    'load-without-architecture',
  ],
  ['scaling with a table', checkScalingLedger('keep', 'm')],
  ['scaling without a table', checkScalingLedger('none', 'm'), 'ledger'],
  ['no scaling and no table', checkScalingLedger('none', undefined)],
  ['models without fallbacks', checkFallbacks([{ id: 'm', contextTokens: 100 }])],
  ['a fallback with the same window', checkFallbacks([modelWith(fallback('a'))])],
  ['a fallback with a smaller window', checkFallbacks([modelWith(fallback('a', 99))]), 'fallback-window'],
  [
    'two fallbacks with one name',
    checkFallbacks([modelWith(fallback('a'), fallback('a'))]),
    'fallback-name',
    'fallback-name',
  ],
  ['a fallback with the name of a model', checkFallbacks([modelWith(fallback('m'))]), 'fallback-name'],
  ['a hedge with a fallback', checkFallbacks([{ ...modelWith(fallback('a')), hedgeAfterMs: 1 }])],
  ['a hedge without a fallback', checkFallbacks([{ id: 'm', contextTokens: 100, hedgeAfterMs: 1 }]), 'fallback-hedge'],
  ['a hedge in one vocabulary', checkHedge('m', 1, true)],
  ['a hedge in two', checkHedge('m', 1, false), 'fallback-hedge'],
  ['no hedge', checkHedge('m', undefined, false)],
  ['a fallback with a tokenizer', checkFallbackTokenizer('m', 'a', true)],
  ['a fallback without one', checkFallbackTokenizer('m', 'a', false), 'fallback-tokenizer'],
  ['an endpoint of the region', checkUpstreamRegion(REGION, 'm', { region: REGION, endpointName: 'e' }, [])],
  [
    'an endpoint of a named region',
    checkUpstreamRegion(REGION, 'm', { region: 'eu-west-1', endpointName: 'e' }, ['eu-west-1']),
  ],
  [
    'an endpoint of another region',
    checkUpstreamRegion(REGION, 'm', { region: 'eu-west-1', endpointName: 'e' }, ['us-west-2']),
    'fallback-region',
  ],
  [
    'an endpoint beside a region that is known later',
    checkUpstreamRegion(UNKNOWN, 'm', { region: 'eu-west-1', endpointName: 'e' }, []),
  ],
];

// Built inside of the tests, so that each test runs its own checks.
describe('what is refused, and only for its own reason', () => {
  it.each([
    ['access', access],
    ['capacity', capacity],
    ['copies and instances', copies],
    ['environment and times', environment],
    ['secrets and networks', network],
    ['models, images and servers', sources],
    ['scaling and fallbacks', fallbacks],
  ])('of %s', (_, cases) => {
    for (const [name, result, ...codes] of cases()) {
      expect(codesOf(result), name).toEqual(codes);
      for (const refusal of [result].flat()) {
        if (refusal === undefined) continue;
        expect(refusal.sentence, name).toMatch(/^\S.{20,}\.$/);
        expect(refusal.source, name).toMatch(/^https:\/\/\S+$/);
      }
    }
  });
});

describe('what a refusal advises', () => {
  it('is what helps', () => {
    const advised: readonly (readonly [Refusal | undefined, string])[] = [
      [
        checkMemory({ ...memory, cacheTokens: 4_100 }),
        'Write vllm.contextTokens 4096 instead of 8192, kvCacheDtype "fp8", a larger tensorParallel',
      ],
      [checkMemory({ ...memory, cacheTokens: 2_048 }), 'Write vllm.contextTokens 2048 instead'],
      [checkMemory({ ...memory, cacheTokens: 2_047 }), ': as shown. Write a larger tensorParallel, quantization "fp8"'],
      [checkAttentionHeads('m', 40, 16), 'write 1, 2, 4 or 8.'],
      [checkAttentionHeads('m', 42, 8), 'write 1 or 2.'],
      [checkInstanceType('ml.p5.49xlarge'), 'write "ml.p5.4xlarge" or "ml.p5.48xlarge" or'],
      [checkInstanceType('p5.48xlarge'), 'write "ml.p5.48xlarge" or "ml.p5e.48xlarge" or'],
      [checkCopyGpus('ml.g5.xlarge', placement({}, 2)), 'has 1 GPU, and'],
      [checkCopyGpus('ml.p5.48xlarge', placement({}, 9)), 'has 8 GPUs, and'],
      [
        checkHostMemory('ml.p5.48xlarge', 'm', 3_000_000),
        'has 2,097,152 MiB, of which the system needs a part, so no copy would find a place: write 1048576 or less',
      ],
      [
        checkPayload('m', 10_000_000),
        `write vllm.contextTokens ${Math.floor(rangeOf('invocationBytes').max / 7)} or less.`,
      ],
      [checkS3Uri('m', { kind: 's3', uri: 's3://b/m.tar.gz' }), 'write "s3://b/m/" and put'],
      [checkRevision('m', { id: 'a/b' }), 'source of m has no revision, so'],
      [checkRevision('m', { id: 'a/b', revision: 'main' }), 'has the revision "main", which is no commit, so'],
      [checkSecret(REGION, 'sk-1234', 'f'), 'f is not an ARN, but'],
      [checkSecret('us-west-2', secret, 'f'), `f is "${secret}", but`],
    ];
    for (const [refusal, advice] of advised) expect(refusal?.sentence).toContain(advice);
  });

  it('cannot be overruled for what may be a key', () => {
    expect(checkSecret(REGION, 'sk-1234', 'f')?.final).toBe(true);
    expect(checkSecret('us-west-2', secret, 'f')?.final).toBeUndefined();
  });
});

describe('the place of a host', () => {
  it.each([
    ...[
      '127.0.0.1',
      '127.255.255.255',
      '0.0.0.0',
      '169.254.169.254',
      '[::1]',
      '[fe80::1]',
      'localhost',
      'a.localhost',
      'localhost.',
    ].map((host) => [host, 'own']),
    ...[
      '10.0.0.1',
      '100.64.0.1',
      '100.127.255.255',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '[fc00::1]',
      '[fdff::1]',
      'gpu',
      'a.internal',
      'a.local',
      'a.svc',
      'a.internal.',
    ].map((host) => [host, 'private']),
    ...[
      '11.0.0.1',
      '100.63.0.1',
      '100.128.0.1',
      '172.15.0.1',
      '172.32.0.1',
      '192.169.0.1',
      '169.253.0.1',
      '[2001:db8::1]',
      '[fec0::1]',
      'gpu.example.com',
      'internal.example.com',
      'notlocalhost.com',
      'xlocalhost.example',
      'a.local.example.com',
      'a.svcx',
    ].map((host) => [host, 'public']),
  ])('%s is %s', (host, place) => {
    expect(placeOf(String(host))).toBe(place);
  });
});
