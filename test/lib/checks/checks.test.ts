import { describe, expect, it } from 'vitest';
import { checkAmi } from '../../../lib/checks/check-ami.ts';
import { checkInstances } from '../../../lib/checks/check-instances.ts';
import { checkS3Uri } from '../../../lib/checks/check-model-source.ts';
import { checkRange } from '../../../lib/checks/check-range.ts';
import { amiVersions, fittingAmi } from '../../../lib/facts/amis.ts';
import { limits } from '../../../lib/facts/aws-limits.ts';
import { cudaOf, vllmTags } from '../../../lib/facts/images.ts';
import { findInstanceType, instanceTypeNames } from '../../../lib/facts/instance-types.ts';
import type { Placement } from '../../../lib/facts/placement.ts';

describe('checkAmi', () => {
  it('accepts the default AMI for every image on every instance type, except CUDA 12 on GPUs that need a newer driver', () => {
    for (const tag of vllmTags) {
      for (const name of instanceTypeNames()) {
        const type = findInstanceType(name);
        const none = cudaOf(tag) < 13 && (type?.firstDriver ?? 0) > 550;
        const refusal = checkAmi(fittingAmi([tag], [type]), tag, { name, type });
        expect([tag, name, refusal?.code]).toEqual([tag, name, none ? 'image-cuda' : undefined]);
        if (none) expect(refusal?.sentence).toContain(`no AMI fits both the image and the ${type?.gpu} of ${name}`);
      }
    }
  });

  it('refuses CUDA 12 on the AMI of CUDA 13', () => {
    const instance = { name: 'ml.p5.48xlarge', type: findInstanceType('ml.p5.48xlarge') };
    const refusal = checkAmi('al2023-ami-sagemaker-inference-gpu-4-1', 'server-sagemaker-cuda-v1.4', instance);
    expect(refusal?.sentence).toMatch(
      /driver 580, but CUDA 12\.9 .* hang .*: write inferenceAmiVersion "al2-ami-sagemaker-inference-gpu-3-1"/,
    );
  });

  it('refuses CUDA 13 on a driver before 580', () => {
    const type = findInstanceType('ml.p5.48xlarge');
    const fitting = amiVersions.filter(
      (ami) => checkAmi(ami, 'server-sagemaker-cuda-v2.3', { name: 'ml.p5.48xlarge', type }) === undefined,
    );
    expect(fitting).toEqual(['al2023-ami-sagemaker-inference-gpu-4-1']);
  });
});

describe('checkRange', () => {
  it('accepts both ends of a limit and nothing beyond them', () => {
    const codes = [59, 60, 3_600, 3_601].map((value) => checkRange('c', 'n', value, limits.startupSeconds)?.code);
    expect(codes).toEqual(['c', undefined, undefined, 'c']);
  });
});

describe('checkInstances', () => {
  const placement = (tensorParallel: number, max: number): Placement => ({
    name: `${tensorParallel}`,
    tensorParallel,
    copies: { initial: 1, min: 1, max },
  });
  const fits = (max: number, ...models: readonly Placement[]) =>
    checkInstances('ml.p5.48xlarge', { initial: 1, min: 1, max }, models).every((finding) => !finding);

  it('accepts copies that fill an instance to the last GPU', () => {
    expect(fits(1, placement(2, 4))).toBe(true);
    expect(fits(1, placement(4, 1), placement(2, 1), placement(1, 2))).toBe(true);
  });

  it('refuses a copy that only the free GPUs of two instances together could hold', () => {
    expect(fits(1, placement(4, 3))).toBe(false);
    expect(fits(2, placement(4, 3))).toBe(true);
  });
});

describe('checkS3Uri', () => {
  it.each(['s3://b/', 's3://b/p/', 's3://b/p/q/'])('accepts the prefix %s', (uri) => {
    expect(checkS3Uri('m', { kind: 's3', uri })).toBeUndefined();
  });

  it.each(['s3://b', 's3://b/p', 's3://b/p/m.tar.gz'])('refuses %s, which is not a prefix', (uri) => {
    expect(checkS3Uri('m', { kind: 's3', uri })?.code).toBe('s3-uri');
  });
});
