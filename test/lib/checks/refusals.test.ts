import { globSync, readFileSync } from 'node:fs';
import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput, ModelConfigInput } from '../../../lib/config.ts';
import { ReasoningEndpoint } from '../../../lib/endpoint/reasoning-endpoint.ts';
import { RefusedError } from '../../../lib/facts/refusal.ts';
import { aConfig, addStages, addTo, aModel, anApp, anExternalModel } from '../synthesize.ts';
import { finalTrainings, refusedTrainings } from './refused-trainings.ts';

const p5 = (changes: Partial<NonNullable<ConfigInput['endpoint']>> = {}) =>
  aConfig({ endpoint: { instanceType: 'ml.p5.48xlarge', ...changes } });
const model = (changes: Parameters<typeof aModel>[0]) => aConfig({ models: [aModel(changes)] });

/** A config of two models with a route over both. */
function routed(
  changes: Partial<NonNullable<ConfigInput['routes']>[number]>,
  ...others: readonly NonNullable<ConfigInput['routes']>[number][]
): ConfigInput {
  const route = { id: 'auto', models: ['s1-32b', 'large'], escalate: { unsure_below: 0.3 }, ...changes };
  const copies = { initial: 1, min: 1, max: 2 };
  return aConfig({ models: [aModel({ copies }), aModel({ id: 'large', copies })], routes: [route, ...others] });
}
const spare = { upstream: { kind: 'openai-compatible', baseUrl: 'https://gpu.example.com/v1' } } as const;

const refused: Record<string, ConfigInput> = {
  'an instance type that does not exist': p5({ instanceType: 'ml.p5.49xlarge' }),
  'an AMI too old for the CUDA of the image': p5({ inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' }),
  'an AMI too old for the GPU': aConfig({
    endpoint: { instanceType: 'ml.g7e.12xlarge', inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' },
    models: [aModel({ image: 'server-sagemaker-cuda-v1.4', copies: { max: 1 } })],
  }),
  'an image of the public gallery': model({
    image: { uri: 'public.ecr.aws/deep-learning-containers/vllm:server-cuda', cuda: 13 },
  }),
  'an image that cannot continue thinking': model({
    image: { uri: '763104351884.dkr.ecr.us-east-1.amazonaws.com/sglang:server-sagemaker-cuda', cuda: 13 },
  }),
  'a region without inference components': aConfig({
    region: 'us-west-1',
    endpoint: { instanceType: 'ml.p5.48xlarge' },
  }),
  'a flag that has a field': model({ vllm: { tensorParallel: 2, flags: { 'max-model-len': 65_536 } } }),
  'a flag with its dashes': model({ vllm: { tensorParallel: 2, flags: { '--max-num-batched-tokens': 8_192 } } }),
  'sampling defaults that bound every call': model({
    vllm: { tensorParallel: 2, flags: { 'override-generation-config': '{"max_new_tokens":2048}' } },
  }),
  'a variable that overrides a field': model({ environment: { SM_VLLM_MAX_MODEL_LEN: '65536' } }),
  'a variable of another image': model({ environment: { OPTION_MAX_MODEL_LEN: '65536' } }),
  'a variable with a dash': model({ environment: { 'VLLM-LOGGING-LEVEL': 'DEBUG' } }),
  'a token in plain text': model({ environment: { HF_TOKEN: 'hf_abcdefghijklmnopqrstuvwxyz' } }),
  'a bucket of an example': model({ source: { kind: 's3', uri: 's3://amzn-s3-demo-bucket/s1-32b/' } }),
  'a bucket that cannot exist': model({ source: { kind: 's3', uri: 's3://<my models>/s1-32b/' } }),
  'adapters on several instance types': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', fallbackInstanceTypes: ['ml.p5en.48xlarge'] },
    models: [aModel({ adapters: [{ id: 'law', uri: 's3://weights/law.tar.gz' }] })],
  }),
  'more host memory than an instance has': model({ memoryMib: 3_000_000 }),
  'subnets of one zone': p5({
    network: {
      kind: 'existing',
      subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      zones: ['us-east-1a', 'us-east-1a'],
      securityGroupIds: ['sg-0123456789abcdef0'],
    },
  }),
  'a region without AWS’s images': aConfig({ region: 'us-gov-west-1' }),
  'an S3 URI that is not a prefix': model({ source: { kind: 's3', uri: 's3://weights/s1-32b.tar.gz' } }),
  'a KMS key on local NVMe disks': p5({ kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' }),
  'more GPUs for a copy than an instance has': aConfig({
    endpoint: { instanceType: 'ml.g6e.xlarge' },
    models: [aModel({ copies: { max: 1 } })],
  }),
  'a context beyond the model’s window': model({ vllm: { tensorParallel: 2, contextTokens: 65_536 } }),
  'zero copies at creation': model({ copies: { initial: 0, min: 0, max: 1 } }),
  'copies out of order': model({ copies: { initial: 2, min: 3, max: 4 } }),
  'zero instances at creation': p5({ instances: { initial: 0, min: 0, max: 1 } }),
  'copies that the instances cannot hold': model({ copies: { initial: 1, min: 1, max: 5 } }),
  'a startup timeout that is too long': model({ startupSeconds: 7_200 }),
  'a download timeout that is too short': model({ downloadSeconds: 30 }),
  'a prefix that is too short': p5({ routing: { strategy: 'prefix-aware', prefixBytes: 512 } }),
  'prefix-aware routing without the shared beginning': p5({ routing: { strategy: 'prefix-aware' } }),
  'a prefix shorter than the shared beginning': p5({
    routing: { strategy: 'prefix-aware', sharedPromptTokens: 400, prefixBytes: 1_024 },
  }),
  'a shared beginning longer than any prefix': p5({
    routing: { strategy: 'prefix-aware', sharedPromptTokens: 20_000 },
  }),
  'random routing over instance pools': p5({
    routing: { strategy: 'random' },
    fallbackInstanceTypes: ['ml.p5en.48xlarge'],
  }),
  'a concurrency threshold that is too high': p5({
    routing: { strategy: 'prefix-aware', sharedPromptTokens: 0, concurrencyThreshold: 2_000 },
  }),
  'more security groups than a function accepts': aConfig({
    api: {
      network: {
        kind: 'existing',
        subnetIds: ['subnet-0123456789abcdef0'],
        securityGroupIds: Array.from({ length: 6 }, (_, index) => `sg-0123456789abcdef${index}`),
      },
    },
  }),
  'a server on the internet for a function without a route to it': inIsolatedNetwork({
    upstream: { kind: 'openai-compatible', baseUrl: 'https://gpu.example.com/v1' },
  }),
  'an endpoint of another region for a function without a route to it': inIsolatedNetwork(
    { upstream: { kind: 'sagemaker', region: 'eu-west-1', endpointName: 's1' } },
    { fallbackRegions: ['eu-west-1'] },
  ),
  'a server of the function itself, in a network': aConfig({
    models: [aModel({ fallbacks: [{ upstream: { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:8000/v1' } }] })],
    api: {
      network: {
        kind: 'existing',
        subnetIds: ['subnet-0123456789abcdef0'],
        securityGroupIds: ['sg-0123456789abcdef0'],
      },
    },
  }),
  'an existing secret for a key that no request needs': aConfig({
    api: { apiKey: false, apiKeySecretArn: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf' },
  }),
  'an existing secret of another region': aConfig({
    api: { apiKeySecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:key-AbCdEf' },
  }),
  'an existing table that would be deleted': aConfig({ api: { ledger: 'delete', ledgerTableName: 'kept' } }),
  'a model of the hub without a commit': model({
    source: { kind: 'hub', id: 'simplescaling/s1-32B', revision: 'main' },
  }),
  'network isolation of a model from the hub': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', networkIsolation: true },
    models: [
      aModel({
        source: { kind: 'hub', id: 'simplescaling/s1-32B', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' },
      }),
    ],
  }),
  'a variable that is too long': model({ environment: { VLLM_X: 'x'.repeat(1_025) } }),
  'a request longer than a stream may be': aConfig({ api: { requestSeconds: 1_200 } }),
  'a wait for capacity longer than the request': aConfig({ api: { requestSeconds: 300, capacityWaitSeconds: 600 } }),
  'a keep-alive longer than the idle timeout of API Gateway': aConfig({ api: { keepAliveSeconds: 300 } }),
  'a keep-alive longer than the idle timeout of an edge endpoint': aConfig({
    api: { exposure: 'edge', keepAliveSeconds: 60 },
  }),
  'a private API without VPC endpoints': aConfig({ api: { exposure: 'private' } }),
  'VPC endpoints of an API that is open': aConfig({ api: { vpcEndpointIds: ['vpce-0123456789abcdef0'] } }),
  'a domain name of a private API': aConfig({
    api: {
      exposure: 'private',
      vpcEndpointIds: ['vpce-0123456789abcdef0'],
      domain: { name: 'think.example.com', certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/c' },
    },
  }),
  'a certificate of another region': aConfig({
    api: { domain: { name: 'think.example.com', certificateArn: 'arn:aws:acm:eu-west-1:111122223333:certificate/c' } },
  }),
  'an alias of a model that does not exist': aConfig({ aliases: { 'gpt-5': 's1-33b' } }),
  'an alias of an alias': aConfig({ aliases: { 'gpt-5': 's1-32b', o3: 'gpt-5' } }),
  'an alias that is the id of a model': aConfig({ aliases: { 's1-32b': 's1-32b' } }),
  'a route over a model that does not exist': routed({ models: ['s1-32b', 'r1-70b'] }),
  'a route over a route': routed(
    { models: ['s1-32b', 'other'] },
    { id: 'other', models: ['s1-32b', 'large'], escalate: { disagree: 2 } },
  ),
  'a route over itself': routed({ models: ['s1-32b', 'auto'] }),
  'a route over an alias': { ...routed({ models: ['s1-32b', 'gpt-5'] }), aliases: { 'gpt-5': 'large' } },
  'a route over one model': routed({ models: ['s1-32b'] }),
  'a route over a model twice': routed({ models: ['s1-32b', 's1-32b'] }),
  'a route with the id of a model': routed({ id: 'large' }),
  'two routes with one id': routed({}, { id: 'auto', models: ['s1-32b', 'large'], escalate: { disagree: 2 } }),
  'a route without a threshold': routed({ escalate: {} }),
  'a default rule without a threshold': aConfig({ models: [aModel({ thinking: { gates: { waitWhen: 'unsure' } } })] }),
  'a default rule by another measure than the calibrated one': aConfig({
    models: [
      aModel({
        thinking: {
          gates: { waitWhen: 'unsure', confidenceMeasure: 'entropy' },
          calibration: { id: 'c', measure: 'tail', unsureBelow: 0.4 },
        },
      }),
    ],
  }),
  'a threshold of a default rule that is off': aConfig({
    models: [aModel({ thinking: { gates: { stopWhen: 'never', sureAbove: 0.9 } } })],
  }),
  'a route with two gates': routed({ escalate: { unsure_below: 0.3, disagree: 2 } }),
  'a firewall limit that is too low': aConfig({ api: { firewall: { requestsPerFiveMinutes: 5 } } }),
  'more memory than a Lambda function can have': aConfig({ api: { memoryMb: 16_384 } }),
  'thinking that fills the window': model({ thinking: { maxTokens: 32_768 } }),
  'defaults that leave no prompt': model({ thinking: { defaultMaxTokens: 28_000, defaultMaxAnswerTokens: 8_000 } }),
  'an effort over the maximum': model({ thinking: { maxTokens: 10_000, efforts: { high: 12_000 } } }),
  'two models with one component name': aConfig({
    models: [aModel({ id: 'a/b', copies: { max: 1 } }), aModel({ id: 'a-b', copies: { max: 1 } })],
  }),
  'an R1 model without its tokenizer': aConfig({
    models: [{ ...withoutTokenizer(), format: 'r1' }],
  }),
  'a server’s tokenizer that cannot be reached': model({ tokenizer: 'endpoint', image: '0.36.0-lmi28.0.0-cu130' }),
  'weights that do not fit one GPU': aConfig({
    endpoint: { instanceType: 'ml.p5.4xlarge' },
    models: [aModel({ architecture: 'llama3-70b', vllm: {}, copies: { max: 1 } })],
  }),
  'a window whose cache does not fit beside the weights': aConfig({
    endpoint: { instanceType: 'ml.g6e.2xlarge' },
    models: [aModel({ architecture: 'qwen3-14b', contextTokens: 131_072, vllm: {}, copies: { max: 1 } })],
  }),
  'attention heads that the GPUs do not divide': aConfig({
    models: [aModel({ architecture: 'qwen2.5-7b', vllm: { tensorParallel: 8 }, copies: { max: 1 } })],
  }),
  'an instance type that the region does not offer': aConfig({ region: 'eu-west-3' }),
  'a window whose ids are too large for a body': model({ contextTokens: 4_000_000 }),
  'an acceleration without its draft model': model({ vllm: { tensorParallel: 2, accelerations: ['draft-model'] } }),
  'two methods of drafting': model({
    vllm: { tensorParallel: 2, accelerations: ['draft-model', 'ngram-speculation'], draftModel: '/opt/ml/model/draft' },
  }),
  'a draft model from the hub without a network': model({
    vllm: { tensorParallel: 2, accelerations: ['draft-model'], draftModel: 'Qwen/Qwen2.5-0.5B-Instruct' },
  }),
  'a draft model without its acceleration': model({ vllm: { tensorParallel: 2, draftModel: '/opt/ml/model/draft' } }),
  'an adapter that is not an archive': model({ adapters: [{ id: 'law', uri: 's3://weights/law/' }] }),
  'an adapter with the name of a model': model({ adapters: [{ id: 'S1-32B', uri: 's3://weights/a.tar.gz' }] }),
  'more instance types than SageMaker accepts': aConfig({
    endpoint: {
      instanceType: 'ml.p5.48xlarge',
      fallbackInstanceTypes: [
        'ml.p5en.48xlarge',
        'ml.p4d.24xlarge',
        'ml.p4de.24xlarge',
        'ml.g6e.48xlarge',
        'ml.g6.48xlarge',
      ],
    },
  }),
  'a repeated instance type': p5({ fallbackInstanceTypes: ['ml.p5.48xlarge'] }),
  'a fallback type that the model does not fit': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', fallbackInstanceTypes: ['ml.g6.48xlarge'] },
    models: [aModel({ architecture: 'qwen2.5-32b' })],
  }),
  'a provision timeout that is too short': p5({ provisionSeconds: 60 }),
  'a cooldown that is too long': p5({ scaleIn: { strategy: 'consolidation', cooldownMinutes: 2_000 } }),
  'reserved capacity of another type': p5({
    capacityReservation: {
      planArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine',
      instanceType: 'ml.p5en.48xlarge',
    },
  }),
  'reserved capacity in another region': p5({
    capacityReservation: {
      planArn: 'arn:aws:sagemaker:us-west-2:111122223333:training-plan/mine',
      instanceType: 'ml.p5.48xlarge',
    },
  }),
  'reserved capacity of a type that plans do not reserve': aConfig({
    endpoint: {
      instanceType: 'ml.g6e.12xlarge',
      capacityReservation: {
        planArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine',
        instanceType: 'ml.g6e.12xlarge',
      },
    },
    models: [aModel({ copies: { max: 2 } })],
  }),
  'reserved capacity with a fallback type': p5({
    fallbackInstanceTypes: ['ml.p5en.48xlarge'],
    capacityReservation: {
      planArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine',
      instanceType: 'ml.p5.48xlarge',
    },
  }),
  'a canary of more than half': p5({ deployment: { strategy: 'canary', percent: 60 } }),
  'a linear step that is too small': p5({ deployment: { strategy: 'linear', percent: 5 } }),
  'a rolling batch that is too large': p5({ deployment: { strategy: 'rolling', percent: 100 } }),
  'a bake time of more than an hour': p5({ deployment: { strategy: 'rolling', percent: 50, bakeSeconds: 7_200 } }),
  'a model from the hub without a route to the internet': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', network: { kind: 'isolated' } },
    models: [
      aModel({
        source: { kind: 'hub', id: 'simplescaling/s1-32B', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' },
      }),
    ],
  }),
  'more security groups than SageMaker accepts': p5({
    network: {
      kind: 'existing',
      subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      securityGroupIds: Array.from({ length: 6 }, (_, index) => `sg-0123456789abcdef${index}`),
    },
  }),
  'more subnets than SageMaker accepts': p5({
    network: {
      kind: 'existing',
      subnetIds: Array.from({ length: 17 }, (_, index) => `subnet-0123456789abcde${10 + index}`),
      securityGroupIds: ['sg-0123456789abcdef0'],
    },
  }),
  'more variables than a container accepts': model({
    environment: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`VLLM_${index}`, '1'])),
  }),
  'scaling by load without an architecture': model({ scaling: { thinking: {} } }),
  'scaling by load of weights that fill the GPUs': aConfig({
    endpoint: { instanceType: 'ml.g6e.xlarge' },
    models: [aModel({ architecture: 'qwen2.5-32b', vllm: {}, copies: { max: 1 }, scaling: { thinking: {} } })],
  }),
  'scaling by load on an unknown instance type': aConfig({
    endpoint: { instanceType: 'ml.p5.49xlarge' },
    models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: {} } })],
  }),
  'scaling by load without a table': aConfig({
    models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: {} } })],
    api: { ledger: 'none' },
  }),
  'an invalid schedule expression': model({
    scaling: { schedule: [{ name: 'morning', schedule: '0 7 * * *', min: 1, max: 4 }] },
  }),
  'a schedule with the five fields of a crontab': model({
    scaling: { schedule: [{ name: 'morning', schedule: 'cron(0 7 * * *)', min: 1, max: 4 }] },
  }),
  'a schedule without a question mark': model({
    scaling: { schedule: [{ name: 'morning', schedule: 'cron(0 7 * * * *)', min: 1, max: 4 }] },
  }),
  'a schedule in an offset from a time zone': model({
    scaling: {
      schedule: [{ name: 'morning', schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'CET+1', min: 1, max: 4 }],
    },
  }),
  'a schedule with an invalid name': model({
    scaling: { schedule: [{ name: '7:00', schedule: 'cron(0 7 ? * MON-FRI *)', min: 1, max: 4 }] },
  }),
  'a schedule whose minimum is above its maximum': model({
    scaling: { schedule: [{ name: 'morning', schedule: 'cron(0 7 ? * * *)', min: 4, max: 1 }] },
  }),
  'two schedules with one name': model({
    scaling: {
      schedule: [
        { name: 'morning', schedule: 'cron(0 7 ? * * *)', min: 1, max: 4 },
        { name: 'morning', schedule: 'cron(0 8 ? * * *)', min: 1, max: 4 },
      ],
    },
  }),
  'a server by plain HTTP on the internet': external({ baseUrl: 'http://vllm.example.com/v1' }),
  'a server with a private address': external({ baseUrl: 'http://10.0.3.7:8000/v1' }),
  'a server with a private name': external({ baseUrl: 'https://vllm.models.svc.cluster.local/v1' }),
  'a server’s key in its URL': external({ baseUrl: 'https://user:secret@vllm.example.com/v1?key=secret' }),
  'a secret of another region': external({
    apiKeySecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:vllm-AbCdEf',
  }),
  'a key in place of a secret’s ARN': external({ apiKeySecretArn: 'sk-1234' }),
  'an R1 model on another server without its tokenizer': external({}, { format: 'r1' }),
  'an unknown fallback': model({ fallbacks: [{ model: 's1-eu' }] }),
  'a fallback to the model itself': model({ fallbacks: [{ model: 's1-32b' }] }),
  'fallbacks in a circle': aConfig({
    models: [
      aModel({ fallbacks: [{ model: 'a' }] }),
      anExternalModel({}, { id: 'a', fallbacks: [{ model: 'b' }] }),
      anExternalModel({}, { id: 'b', fallbacks: [{ model: 's1-32b' }] }),
    ],
  }),
  'a fallback twice': aConfig({
    models: [aModel({ fallbacks: [{ model: 'a' }, { model: 'a' }] }), anExternalModel({}, { id: 'a' })],
  }),
  'a fallback in a region that the config does not name': fallback({
    upstream: { kind: 'sagemaker', region: 'eu-west-1', endpointName: 's1' },
  }),
  'a model in a region that the config does not name': aConfig({
    models: [
      aModel(),
      {
        ...anExternalModel({}, { id: 's1-eu' }),
        upstream: { kind: 'sagemaker', region: 'eu-west-1', endpointName: 's1' },
      },
    ],
  }),
  'a fallback with a smaller window': fallback({ ...spare, contextTokens: 8_192 }),
  'a fallback to a model with a smaller window': aConfig({
    models: [aModel({ fallbacks: [{ model: 'small' }] }), anExternalModel({}, { id: 'small', contextTokens: 4_096 })],
  }),
  'a fallback with a private address': fallback({
    upstream: { kind: 'openai-compatible', baseUrl: 'https://10.0.3.7/v1' },
  }),
  'a fallback at the metadata service': fallback({
    upstream: { kind: 'openai-compatible', baseUrl: 'http://169.254.169.254/v1' },
  }),
  'a fallback by plain HTTP': fallback({
    upstream: { kind: 'openai-compatible', baseUrl: 'http://gpu.example.com/v1' },
  }),
  'a fallback with a key in place of a secret’s ARN': fallback({
    upstream: { kind: 'openai-compatible', baseUrl: 'https://gpu.example.com/v1', apiKeySecretArn: 'sk-1234' },
  }),
  'a fallback with the secret of another region': fallback({
    upstream: {
      kind: 'openai-compatible',
      baseUrl: 'https://gpu.example.com/v1',
      apiKeySecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:vllm-AbCdEf',
    },
  }),
  'a fallback with the name of a model': fallback({ ...spare, name: 's1-32b' }),
  'two fallbacks with one name': model({ fallbacks: [spare, { ...spare, cannot: ['logprobs'] }] }),
  'a fallback of another format without its tokenizer': fallback({ ...spare, format: 'r1' }),
  'a fallback to a model of another format that its server tokenizes': aConfig({
    models: [
      aModel({ fallbacks: [{ model: 'r1' }] }),
      anExternalModel({}, { id: 'r1', format: 'r1', tokenizer: 'endpoint' }),
    ],
  }),
  'a hedge without fallbacks': model({ hedgeAfterMs: 500 }),
  'a hedge to another vocabulary': model({ hedgeAfterMs: 500, fallbacks: [{ ...spare, format: 'gpt-oss' }] }),
  'stored conversations without a table': aConfig({ retention: { feedbackDays: 30 }, api: { ledger: 'none' } }),
  'retrieval in a region without S3 Vectors': aConfig({
    region: 'il-central-1',
    endpoint: undefined,
    models: [anExternalModel()],
    retrieval: {},
  }),
  'batches without days for their files': aConfig({ batches: {} }),
  'batches without a table': aConfig({ retention: { filesDays: 30 }, batches: {}, api: { ledger: 'none' } }),
  'a window of batches in a time zone that does not exist': aConfig({
    retention: { filesDays: 30 },
    batches: { windows: [{ from: '22:00', to: '06:00', timezone: 'Europe/Berlni' }] },
  }),
  'webhooks without a table': aConfig({ api: { webhooks: true, ledger: 'none' } }),
  'webhooks in a network without a route to the internet': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', network: { kind: 'isolated' } },
    api: { webhooks: true, network: { kind: 'endpoint' } },
  }),
  'retrieval without a table': aConfig({ retrieval: {}, api: { ledger: 'none' } }),
  'retrieval without keys': aConfig({ retrieval: {}, api: { apiKey: false } }),
  'retrieval without a tokenizer to count with': aConfig({
    models: [aModel({ tokenizer: 'endpoint' })],
    retrieval: {},
  }),
  'responses in the background that are not kept': aConfig({ background: {} }),
  'stored conversations without keys': aConfig({ retention: { feedbackDays: 30 }, api: { apiKey: false } }),
  ...refusedTrainings,
  'two models with one id': aConfig({ models: [aModel(), ...external().models] }),
};

describe('a config that cannot work', () => {
  it.each(Object.entries(refused))('a config is refused for %s', (_, config) => {
    expect(() => addStages(anApp(), config)).toThrow(RefusedError);
    expect(() => addStages(anApp(), config)).toThrowErrorMatchingSnapshot();
  });

  // Mutation testing rewrites the source.
  const isMutated = process.env['MUTATION_TESTS'] !== undefined;
  it.skipIf(isMutated)(
    'every refusal code in the source has a refused config in this test',
    { timeout: 120_000 },
    () => {
      const source = globSync('lib/**/*.ts')
        .map((file) => readFileSync(file, 'utf8'))
        .join('\n');
      const codes = [...source.matchAll(/(?:\bcode: |\bcheckRange\(\s*)'([a-z0-9-]+)'/g)].map(([, code]) => code);
      const cased = Object.values(refused).flatMap((config) => [...codesOf(config)]);
      expect(new Set(codes)).toEqual(new Set([...cased, ...onlyInConstructs]));
    },
  );

  const final = [
    ...finalTrainings,
    'retrieval without a tokenizer to count with',
    'a token in plain text',
    'a request longer than a stream may be',
    'scaling by load without an architecture',
    'scaling by load of weights that fill the GPUs',
    'scaling by load on an unknown instance type',
    'two models with one id',
    'an alias of a model that does not exist',
    'an alias of an alias',
    'an alias that is the id of a model',
    'a route over a model that does not exist',
    'a route over a route',
    'a route over itself',
    'a route over an alias',
    'a route over one model',
    'a route over a model twice',
    'a route with the id of a model',
    'two routes with one id',
    'a route without a threshold',
    'a default rule without a threshold',
    'a default rule by another measure than the calibrated one',
    'a threshold of a default rule that is off',
    'a route with two gates',
    'a key in place of a secret’s ARN',
    'an unknown fallback',
    'a fallback to the model itself',
    'fallbacks in a circle',
    'a fallback twice',
    'a fallback in a region that the config does not name',
    'a model in a region that the config does not name',
    'a fallback with a key in place of a secret’s ARN',
    'a fallback with the name of a model',
    'two fallbacks with one name',
    'a fallback of another format without its tokenizer',
    'a fallback to a model of another format that its server tokenizes',
    'a hedge without fallbacks',
    'a hedge to another vocabulary',
  ];

  it('a key in a config can neither be allowed nor is it printed', () => {
    const run = () =>
      addStages(anApp({ allow: 'upstream-secret' }), refused['a key in place of a secret’s ARN'] ?? aConfig());
    expect(run).toThrow(RefusedError);
    expect(run).not.toThrow(/sk-1234/);
  });

  it.each(final)('a final refusal is not allowed by the context: %s', (name) => {
    const config = refused[name] ?? aConfig();
    expect(() => addStages(anApp({ allow: [...codesOf(config)].join(',') }), config)).toThrow(RefusedError);
  });

  it.each(Object.entries(refused).filter(([name]) => !final.includes(name)))(
    'the context allows, with a warning, %s',
    (_, config) => {
      const allowed = codesOf(config);
      const app = anApp({ allow: [...allowed].join(',') });
      addStages(app, config);
      // Not synthesized, because CDK's own rules would report many of them again.
      const warnings = JSON.stringify(app.node.findAll().flatMap(({ node }) => node.metadata));
      expect(allowed.size).toBeGreaterThan(0);
      for (const code of allowed) expect(warnings).toContain(`budgetforce:${code}`);
    },
  );

  it('all refusals of one construct are in one error', () => {
    const config = p5({
      kmsKeyArn: 'arn:aws:kms:us-east-1:1:key/k',
      inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-2',
    });
    expect(refusedCodes(() => addStages(anApp(), config))).toEqual(['kms-local-storage', 'image-cuda']);
  });

  it('a refusal whose code the context allows becomes a warning', { timeout: 120_000 }, () => {
    const app = anApp({ allow: 'image-cuda, instance-type' });
    const { endpointStack } = addTo(app, p5({ inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' }));
    Annotations.fromStack(endpointStack).hasWarning(
      '*',
      Match.stringLikeRegexp('Allowed by context: inferenceAmiVersion'),
    );
  });
});

describe('ReasoningEndpoint', () => {
  const props = {
    instanceType: 'ml.p5.48xlarge',
    models: [{ id: 'm', source: { kind: 's3', uri: 's3://weights/m/' }, contextTokens: 4_096 }],
  } as const;

  it('an endpoint in a stack without a region is refused', () => {
    const stack = new Stack(new App(), 'Stack');
    expect(() => new ReasoningEndpoint(stack, 'Endpoint', props)).toThrowErrorMatchingSnapshot();
  });

  it('a rolling deployment of several variants is refused', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const furtherVariants = [{ variantName: 'other', modelName: 'mine', instanceType: 'ml.p5.48xlarge' }];
    const deployment = { strategy: 'rolling', percent: 50 } as const;
    expect(
      () => new ReasoningEndpoint(stack, 'Endpoint', { ...props, furtherVariants, deployment }),
    ).toThrowErrorMatchingSnapshot();
  });

  it('a model in a variant with managed instance scaling is refused', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const variantOverrides = { modelName: 'mine' };
    expect(
      () => new ReasoningEndpoint(stack, 'Endpoint', { ...props, variantOverrides }),
    ).toThrowErrorMatchingSnapshot();
  });
});

function withoutTokenizer(): Omit<ModelConfigInput, 'tokenizer'> {
  const { tokenizer: _, ...rest } = aModel();
  return rest;
}

/** Builds a config of one model with one fallback. */
function fallback(fallback: NonNullable<ModelConfigInput['fallbacks']>[number]): ConfigInput {
  return aConfig({ models: [aModel({ fallbacks: [fallback] })] });
}

/** Builds a config whose function is in the isolated network of the endpoint, with one fallback of its model. */
function inIsolatedNetwork(
  fallback: NonNullable<ModelConfigInput['fallbacks']>[number],
  api: ConfigInput['api'] = {},
): ConfigInput {
  return aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', network: { kind: 'isolated' } },
    models: [aModel({ fallbacks: [fallback] })],
    api: { ...api, network: { kind: 'endpoint' } },
  });
}

/** Builds a config of one model on another server. */
function external(upstream: object = {}, model: object = {}): ConfigInput {
  const { endpoint: _, ...config } = aConfig({ models: [anExternalModel(upstream, model)] });
  return config;
}

/** Codes that only a construct's properties can cause, tested with ReasoningEndpoint above, in test/lib/endpoint, test/lib/api and test/lib/training. */
const onlyInConstructs = [
  'region',
  'rolling-variants',
  'managed-scaling-without-components',
  'settings-size',
  'endpoint-missing',
  'no-models',
  'imported-endpoint',
  'training-name',
];

/** Collects the codes of all constructs: one construct reports all of its refusals, but the next is created only after them. */
function codesOf(config: ConfigInput): ReadonlySet<string> {
  const codes = new Set<string>();
  for (;;) {
    const found = refusedCodes(() => addStages(anApp({ allow: [...codes].join(',') }), config));
    if (found.every((code) => codes.has(code))) return codes;
    for (const code of found) codes.add(code);
  }
}

function refusedCodes(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof RefusedError) return error.refusals.map(({ code }) => code);
    throw error;
  }
  return [];
}
