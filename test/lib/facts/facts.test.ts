import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { thinkingDefaults, withOverrides } from '../../../lib/api/thinking-defaults.ts';
import { familyTokenizer } from '../../../lib/api/tokenizer-layer.ts';
import { trimTokenizer } from '../../../lib/api/trim-tokenizer.ts';
import { checkInstances, type Placement } from '../../../lib/endpoint/placement.ts';
import { limits, outside } from '../../../lib/facts/aws-limits.ts';
import { findInstanceType, instanceTypeNames } from '../../../lib/facts/instance-types.ts';
import { amiVersions, checkAmi, fittingAmi, imageUri, vllmTags } from '../../../lib/serving/container-image.ts';
import { parseS3Uri, s3UriWithoutSlash } from '../../../lib/serving/model-source.ts';
import { vllmEnvironment } from '../../../lib/serving/vllm-environment.ts';

describe('AMI and image', () => {
  it('fit by default, for every image on every instance type', () => {
    for (const tag of vllmTags) {
      for (const name of instanceTypeNames()) {
        const type = findInstanceType(name);
        expect(checkAmi(fittingAmi([tag], [type]), tag, { name, type })).toBeUndefined();
      }
    }
  });

  it('do not fit where CUDA 13 meets a driver before 580', () => {
    const type = findInstanceType('ml.p5.48xlarge');
    const fitting = amiVersions.filter(
      (ami) => checkAmi(ami, 'server-sagemaker-cuda-v2.3', { name: 'ml.p5.48xlarge', type }) === undefined,
    );
    expect(fitting).toEqual(['al2023-ami-sagemaker-inference-gpu-4-1']);
  });

  it('is pulled from the account of its region', () => {
    expect(imageUri('server-sagemaker-cuda-v2.3', 'us-west-2')).toBe(
      '763104351884.dkr.ecr.us-west-2.amazonaws.com/vllm:server-sagemaker-cuda-v2.3',
    );
    expect(imageUri('server-sagemaker-cuda-v2.3', 'cn-north-1')).toMatch(/^727897471807\..*\.amazonaws\.com\.cn\//);
  });
});

describe('a limit', () => {
  it('takes both of its ends and nothing beyond them', () => {
    const taken = [59, 60, 3_600, 3_601].map((value) => outside('c', 'n', value, limits.startupSeconds)?.code);
    expect(taken).toEqual(['c', undefined, undefined, 'c']);
  });

  it('has the page that says so', () => {
    for (const { source } of Object.values(limits)) expect(source).toMatch(/^https:\/\/docs\.aws\.amazon\.com\//);
  });
});

describe('copies on instances', () => {
  const placed = (tensorParallel: number, max: number): Placement => ({
    name: `${tensorParallel}`,
    tensorParallel,
    copies: { initial: 1, min: 1, max },
  });
  const fits = (max: number, ...models: readonly Placement[]) =>
    checkInstances('ml.p5.48xlarge', { initial: 1, min: 1, max }, models).every((finding) => !finding);

  it('fill an instance to the last GPU', () => {
    expect(fits(1, placed(2, 4))).toBe(true);
    expect(fits(1, placed(4, 1), placed(2, 1), placed(1, 2))).toBe(true);
  });

  it('do not share the GPUs that are left over on two instances', () => {
    expect(fits(1, placed(4, 3))).toBe(false);
    expect(fits(2, placed(4, 3))).toBe(true);
  });
});

describe('an S3 URI', () => {
  it.each(['s3://b/', 's3://b/p/', 's3://b/p/q/'])('is a prefix: %s', (uri) => {
    expect(s3UriWithoutSlash('m', { kind: 's3', uri })).toBeUndefined();
  });

  it.each(['s3://b', 's3://b/p', 's3://b/p/m.tar.gz'])('is none: %s', (uri) => {
    expect(s3UriWithoutSlash('m', { kind: 's3', uri })?.code).toBe('s3-uri');
  });

  it('has a bucket and a prefix', () => {
    expect(parseS3Uri('s3://bucket/a/b/')).toEqual({ bucket: 'bucket', prefix: 'a/b/' });
    expect(parseS3Uri('s3://bucket/')).toEqual({ bucket: 'bucket', prefix: '' });
  });
});

describe('vLLM’s settings', () => {
  const context = { servedModelName: 'm', contextTokens: 4_096, server: 'vllm' } as const;

  it('become variables of the image', () => {
    const settings = { tensorParallel: 4, maxSequences: 32, gpuMemoryShare: 0.85, quantization: 'fp8' } as const;
    expect(vllmEnvironment(settings, context)).toEqual({
      SM_VLLM_SERVED_MODEL_NAME: 'm',
      SM_VLLM_TENSOR_PARALLEL_SIZE: '4',
      SM_VLLM_MAX_MODEL_LEN: '4096',
      SM_VLLM_MAX_NUM_SEQS: '32',
      SM_VLLM_GPU_MEMORY_UTILIZATION: '0.85',
      SM_VLLM_QUANTIZATION: 'fp8',
    });
  });

  it('switch off by a flag of their own, since "false" means nothing to the image', () => {
    expect(vllmEnvironment({ prefixCaching: false, chunkedPrefill: true }, context)).toMatchObject({
      SM_VLLM_NO_ENABLE_PREFIX_CACHING: 'true',
      SM_VLLM_ENABLE_CHUNKED_PREFILL: 'true',
    });
  });

  it('give way to flags that are written out', () => {
    expect(
      vllmEnvironment({ tensorParallel: 2, flags: { 'tensor-parallel-size': 8, seed: 7 } }, context),
    ).toMatchObject({
      SM_VLLM_TENSOR_PARALLEL_SIZE: '8',
      SM_VLLM_SEED: '7',
    });
  });
});

describe('the defaults of thinking', () => {
  it('leave room for a prompt beside most thinking and a default answer', () => {
    const { maxTokens, defaultMaxAnswerTokens } = thinkingDefaults(32_768);
    expect(32_768 - maxTokens - defaultMaxAnswerTokens).toBe(2_048);
  });

  it('shrink to a smaller maximum, where they are not written', () => {
    const thinking = withOverrides(thinkingDefaults(32_768), { maxTokens: 4_000, efforts: { low: 100 } });
    expect(thinking).toMatchObject({ defaultMaxTokens: 4_000, efforts: { minimal: 512, low: 100, xhigh: 4_000 } });
  });
});

describe('a trimmed tokenizer', () => {
  const text = readFileSync(familyTokenizer('s1') ?? '', 'utf8');
  const trimmed = trimTokenizer(text);

  it('is less than half as long', () => {
    expect(trimmed.length).toBeLessThan(text.length / 2);
  });

  it('gives the ids of the whole one', () => {
    const [whole, less] = [text, trimmed].map((json) => new Tokenizer(JSON.parse(json), {}));
    for (const sample of ['Wait', 'Straße 12\n\tΔx ≈ 3.5', '<|im_start|>think\n', '日本語 🎈👩‍👧']) {
      expect(less?.encode(sample).ids).toEqual(whole?.encode(sample).ids);
    }
  });

  it('is refused where it is no tokenizer', () => {
    expect(() => trimTokenizer('{}')).toThrow('This is not a tokenizer.json');
  });
});
