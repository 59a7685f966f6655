import { describe, expect, it } from 'vitest';
import { limits } from '../../../lib/facts/aws-limits.ts';
import { imageUri } from '../../../lib/facts/image-registries.ts';
import { offeredIn } from '../../../lib/facts/instance-regions.ts';

describe('facts about AWS', () => {
  it('an image is pulled from the account of its region', () => {
    expect(imageUri('server-sagemaker-cuda-v2.3', 'us-west-2')).toBe(
      '763104351884.dkr.ecr.us-west-2.amazonaws.com/vllm:server-sagemaker-cuda-v2.3',
    );
    expect(imageUri('server-sagemaker-cuda-v2.3', 'cn-north-1')).toMatch(/^727897471807\..*\.amazonaws\.com\.cn\//);
  });

  it('every limit has the AWS page that states it', () => {
    for (const { source } of Object.values(limits)) expect(source).toMatch(/^https:\/\/docs\.aws\.amazon\.com\//);
  });

  it.each([
    ['ml.p5.48xlarge', 'us-east-1', true],
    ['ml.p5.4xlarge', 'eu-west-2', true],
    ['ml.p5en.48xlarge', 'eu-west-2', false],
    ['ml.p5.48xlarge', 'us-iso-east-1', undefined],
  ])('the offer of %s in %s is %s', (type, region, expected) => {
    expect(offeredIn(type, region)).toBe(expected);
  });
});
