import { describe, expect, it } from 'vitest';
import { accelerate } from '../../../lib/serving/accelerate.ts';
import { accelerationNames } from '../../../lib/serving/accelerations.ts';
import { architectures, parameters } from '../../../lib/serving/architecture.ts';
import { gpuMemory } from '../../../lib/serving/gpu-memory.ts';
import { parseS3Uri } from '../../../lib/serving/model-source.ts';
import { fittingTimeouts } from '../../../lib/serving/startup-timeouts.ts';
import { vllmEnvironment } from '../../../lib/serving/vllm-environment.ts';
import type { VllmSettings } from '../../../lib/serving/vllm-settings.ts';

const p5 = 'ml.p5.48xlarge';

describe('parseS3Uri', () => {
  it('an S3 URI has a bucket and a prefix', () => {
    expect(parseS3Uri('s3://bucket/a/b/')).toEqual({ bucket: 'bucket', prefix: 'a/b/' });
    expect(parseS3Uri('s3://bucket/')).toEqual({ bucket: 'bucket', prefix: '' });
  });
});

describe('vllmEnvironment', () => {
  const options = { servedModelName: 'm', contextTokens: 4_096, server: 'vllm' } as const;

  /** Flags of the server that every deployment on AWS's vLLM images has. */
  const always = {
    SM_VLLM_ENABLE_PROMPT_TOKENS_DETAILS: 'true',
    SM_VLLM_STRUCTURED_OUTPUTS_CONFIG: '{"backend":"guidance","disable_any_whitespace":true}',
    SM_VLLM_GENERATION_CONFIG: 'auto',
  };

  it('the server reports cached prompt tokens and writes JSON without idle whitespace, unless a flag says otherwise', () => {
    expect(vllmEnvironment({}, options)).toMatchObject(always);
    const flags = { 'structured-outputs-config': '{"backend":"xgrammar"}' };
    expect(vllmEnvironment({ flags }, options)).toMatchObject({
      SM_VLLM_STRUCTURED_OUTPUTS_CONFIG: '{"backend":"xgrammar"}',
    });
    expect(Object.keys(vllmEnvironment({}, { ...options, server: 'lmi' })).join()).not.toMatch(/DETAILS|STRUCTURED/);
  });

  it('vLLM’s settings become environment variables of the image', () => {
    const settings = { tensorParallel: 4, maxSequences: 32, gpuMemoryShare: 0.85, quantization: 'fp8' } as const;
    expect(vllmEnvironment(settings, options)).toEqual({
      ...always,
      SM_VLLM_SERVED_MODEL_NAME: 'm',
      SM_VLLM_TENSOR_PARALLEL_SIZE: '4',
      SM_VLLM_MAX_MODEL_LEN: '4096',
      SM_VLLM_MAX_NUM_SEQS: '32',
      SM_VLLM_GPU_MEMORY_UTILIZATION: '0.85',
      SM_VLLM_QUANTIZATION: 'fp8',
    });
  });

  it('a setting that is on by default is switched off by its own flag, because the image ignores "false"', () => {
    expect(vllmEnvironment({ prefixCaching: false, chunkedPrefill: true }, options)).toMatchObject({
      SM_VLLM_NO_ENABLE_PREFIX_CACHING: 'true',
      SM_VLLM_ENABLE_CHUNKED_PREFILL: 'true',
    });
  });

  it('explicit flags override settings', () => {
    expect(
      vllmEnvironment({ tensorParallel: 2, flags: { 'tensor-parallel-size': 8, seed: 7 } }, options),
    ).toMatchObject({
      SM_VLLM_TENSOR_PARALLEL_SIZE: '8',
      SM_VLLM_SEED: '7',
    });
  });
});

describe('accelerations', () => {
  const environment = (settings: VllmSettings) =>
    vllmEnvironment(accelerate(settings), { servedModelName: 'm', contextTokens: 4_096, server: 'vllm' });

  it.each([
    ['fp8-weights', { SM_VLLM_QUANTIZATION: 'fp8' }],
    ['fp8-kv-cache', { SM_VLLM_KV_CACHE_DTYPE: 'fp8' }],
    ['prefix-caching', { SM_VLLM_ENABLE_PREFIX_CACHING: 'true' }],
    ['chunked-prefill', { SM_VLLM_ENABLE_CHUNKED_PREFILL: 'true' }],
    [
      'ngram-speculation',
      { SM_VLLM_SPECULATIVE_CONFIG: '{"method":"ngram","num_speculative_tokens":4,"prompt_lookup_max":4}' },
    ],
  ] as const)('the acceleration %s becomes a variable of the image', (word, expected) => {
    expect(environment({ accelerations: [word] })).toMatchObject(expected);
  });

  it('the acceleration draft-model configures drafting by a small model', () => {
    const { SM_VLLM_SPECULATIVE_CONFIG } = environment({
      accelerations: ['draft-model'],
      draftModel: 'a/b',
      draftTokens: 6,
    });
    expect(JSON.parse(SM_VLLM_SPECULATIVE_CONFIG ?? '')).toEqual({
      method: 'draft_model',
      model: 'a/b',
      num_speculative_tokens: 6,
    });
  });

  it('explicit settings override accelerations', () => {
    expect(
      accelerate({ accelerations: [...accelerationNames], quantization: 'awq', prefixCaching: false }),
    ).toMatchObject({
      quantization: 'awq',
      prefixCaching: false,
    });
  });
});

describe('gpuMemory', () => {
  it.each([
    ['qwen2.5-7b', 7.62],
    ['qwen2.5-32b', 32.8],
    ['qwen3-8b', 8.19],
    ['qwen3-32b', 32.8],
    ['llama3-8b', 8.03],
    ['llama3-70b', 70.6],
    ['mistral-small-24b', 23.6],
    ['minimax-m2', 228.6],
  ] as const)('the weights of %s are counted as the published %s billion', (name, billions) => {
    const { linear, embedding } = parameters(architectures[name]);
    expect((linear + embedding) / 1e9).toBeCloseTo(billions, 1);
  });

  it('two H100 hold the KV cache that s1-32B needs', () => {
    const memory = gpuMemory(architectures['qwen2.5-32b'], { tensorParallel: 2 }, p5);
    // 2 (keys and values) × 64 layers × 4 of 8 heads × 128 × 2 bytes.
    expect(memory?.cachePerToken).toBe(131_072);
    expect(memory?.cacheTokens).toBeGreaterThan(9 * 32_768);
  });

  it('a GPU holds whole KV heads if there are more GPUs than heads', () => {
    const cache = (tensorParallel: number) =>
      gpuMemory(architectures['qwen2.5-7b'], { tensorParallel }, p5)?.cachePerToken;
    expect(cache(8)).toBe(cache(4));
  });
});

describe('fittingTimeouts', () => {
  const s3 = { kind: 's3', uri: 's3://b/p/' } as const;
  const hub = { kind: 'hub', id: 'a/b', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' } as const;

  it('timeouts grow with the weights, up to SageMaker’s maximum', () => {
    const gib = 1024 ** 3;
    expect(fittingTimeouts(61 * gib, s3)).toEqual({ downloadSeconds: 660, startupSeconds: 960 });
    expect(fittingTimeouts(61 * gib, hub)).toEqual({ downloadSeconds: 660, startupSeconds: 2_160 });
    expect(fittingTimeouts(500 * gib, hub)).toEqual({ downloadSeconds: 3_600, startupSeconds: 3_600 });
  });
});
