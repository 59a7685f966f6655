import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../lib/config.ts';
import { ReasoningEndpoint } from '../../lib/reasoning-endpoint.ts';
import { RefusedError } from '../../lib/refusal.ts';
import { aConfig, addTo, aModel, anApp, synthesize } from './synthesize.ts';

const p5 = (changes: Partial<ConfigInput['endpoint']> = {}) =>
  aConfig({ endpoint: { instanceType: 'ml.p5.48xlarge', ...changes } });
const model = (changes: Parameters<typeof aModel>[0]) => aConfig({ models: [aModel(changes)] });

const wrong: Record<string, ConfigInput> = {
  'an instance type that does not exist': p5({ instanceType: 'ml.p5.49xlarge' }),
  'an AMI too old for the CUDA of the image': p5({ inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' }),
  'an AMI that does not know the GPU': aConfig({
    endpoint: { instanceType: 'ml.g7e.12xlarge', inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' },
    models: [aModel({ image: 'server-sagemaker-cuda-v1.4', copies: { max: 1 } })],
  }),
  'an image of the public gallery': model({
    image: { uri: 'public.ecr.aws/deep-learning-containers/vllm:server-cuda', cuda: 13 },
  }),
  'a region without AWS’s images': aConfig({ region: 'us-gov-west-1' }),
  'an S3 URI that is no prefix': model({ source: { kind: 's3', uri: 's3://weights/s1-32b.tar.gz' } }),
  'a KMS key on NVMe disks': p5({ kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' }),
  'more GPUs for a copy than an instance has': aConfig({
    endpoint: { instanceType: 'ml.g6e.xlarge' },
    models: [aModel({ copies: { max: 1 } })],
  }),
  'a context beyond the model’s window': model({ vllm: { tensorParallel: 2, contextTokens: 65_536 } }),
  'no copy at creation': model({ copies: { initial: 0, min: 0, max: 1 } }),
  'copies out of order': model({ copies: { initial: 2, min: 3, max: 4 } }),
  'no instance at creation': p5({ instances: { initial: 0, min: 0, max: 1 } }),
  'copies that the instances cannot hold': model({ copies: { initial: 1, min: 1, max: 5 } }),
  'a start that takes too long': model({ startupSeconds: 7_200 }),
  'a download that is given too little': model({ downloadSeconds: 30 }),
  'a prefix that is too short': p5({ routing: { strategy: 'prefix-aware', prefixBytes: 512 } }),
  'too many requests in flight on a prefix': p5({ routing: { strategy: 'prefix-aware', concurrencyThreshold: 2_000 } }),
  'isolation of a model from the hub': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', networkIsolation: true },
    models: [aModel({ source: { kind: 'hub', id: 'simplescaling/s1-32B' } })],
  }),
  'a variable that is too long': model({ environment: { VLLM_X: 'x'.repeat(1_025) } }),
  'a request longer than a stream may be': aConfig({ api: { requestSeconds: 1_200 } }),
  'a wait for capacity longer than the request': aConfig({ api: { requestSeconds: 300, capacityWaitSeconds: 600 } }),
  'silence that API Gateway cuts': aConfig({ api: { keepAliveSeconds: 300 } }),
  'memory that Lambda does not have': aConfig({ api: { memoryMb: 16_384 } }),
  'thinking that fills the window': model({ thinking: { maxTokens: 32_768 } }),
  'defaults that leave no prompt': model({ thinking: { defaultMaxTokens: 28_000, defaultMaxAnswerTokens: 8_000 } }),
  'an effort over the maximum': model({ thinking: { maxTokens: 10_000, efforts: { high: 12_000 } } }),
  'two models of one name': aConfig({
    models: [aModel({ id: 'a/b', copies: { max: 1 } }), aModel({ id: 'a-b', copies: { max: 1 } })],
  }),
  'an R1 model without its tokenizer': aConfig({
    models: [{ ...withoutTokenizer(), format: 'r1' }],
  }),
  'more models than the settings can hold': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 4 } },
    models: Array.from({ length: 9 }, (_, index) => aModel({ id: `model-${index}`, copies: { max: 1 } })),
  }),
};

describe('a config that cannot work', () => {
  it.each(Object.entries(wrong))('is refused for %s', (_, config) => {
    expect(() => synthesize(config)).toThrow(RefusedError);
    expect(() => synthesize(config)).toThrowErrorMatchingSnapshot();
  });

  it('is told all that is wrong with one construct at once', () => {
    const config = p5({
      kmsKeyArn: 'arn:aws:kms:us-east-1:1:key/k',
      inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-2',
    });
    expect(refusedCodes(() => synthesize(config))).toEqual(['kms-local-storage', 'image-cuda']);
  });

  it('goes through as a warning where the context allows its codes', () => {
    const app = anApp({ allow: 'image-cuda, instance-type' });
    const { endpointStack } = addTo(app, p5({ inferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-3-1' }));
    Annotations.fromStack(endpointStack).hasWarning(
      '*',
      Match.stringLikeRegexp('Allowed knowingly: inferenceAmiVersion'),
    );
  });
});

describe('ReasoningEndpoint', () => {
  const props = {
    instanceType: 'ml.p5.48xlarge',
    models: [{ id: 'm', source: { kind: 's3', uri: 's3://weights/m/' }, contextTokens: 4_096 }],
  } as const;

  it('is refused in a stack without a region', () => {
    const stack = new Stack(new App(), 'Stack');
    expect(() => new ReasoningEndpoint(stack, 'Endpoint', props)).toThrowErrorMatchingSnapshot();
  });

  it('is refused with a model in a variant that scales its instances', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const variantOverrides = { modelName: 'mine' };
    expect(
      () => new ReasoningEndpoint(stack, 'Endpoint', { ...props, variantOverrides }),
    ).toThrowErrorMatchingSnapshot();
  });
});

function withoutTokenizer(): ConfigInput['models'][number] {
  const { tokenizer: _, ...rest } = aModel();
  return rest;
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
