import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { afterZero, defaultCapacityWait } from '../../../lib/api/after-zero.ts';
import { parseConfig } from '../../../lib/config.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { createdBy } from '../../../plan/created.ts';
import { makePlan } from '../../../plan/make-plan.ts';
import { aConfig, addTo, aModel, anApp, deployedSettings, synthesize } from '../synthesize.ts';

/** 61 GiB of weights from S3 on H100: 662 seconds by the plan. */
const toZero = aConfig({ models: [aModel({ architecture: 'qwen2.5-32b', copies: { initial: 1, min: 0, max: 4 } })] });

describe('an endpoint at zero copies', () => {
  it('a request waits for the cold start that the plan computes, and a quarter more', () => {
    const parsed = parseConfig(toZero);
    const [model] = makePlan(parsed, createdBy(parsed, undefined), defaultPrices).models;
    const settings = deployedSettings(synthesize(toZero));
    const planned = model?.estimatedColdStart?.seconds ?? 0;
    expect(planned).toBeGreaterThan(600);
    expect(settings.capacityWaitMs).toBeGreaterThanOrEqual(planned * 1.25 * 1_000);
    expect(settings.models[0]?.zeroCopies).toMatchObject({
      componentName: 'stage-s1-32b',
      modelId: 's1-32b',
      startSeconds: Math.ceil(planned),
    });
  });

  it('the wait of a config stands, and no wait is longer than a request', () => {
    expect(deployedSettings(synthesize({ ...toZero, api: { capacityWaitSeconds: 0 } })).capacityWaitMs).toBe(0);
    expect(defaultCapacityWait([1_000], 880)).toBe(880);
    expect(defaultCapacityWait([], 880)).toBe(600);
    expect(defaultCapacityWait([], 300)).toBe(300);
  });

  it('the function may describe the component, but not change it', () => {
    const { api } = synthesize(toZero);
    const policies = JSON.stringify(api.findResources('AWS::IAM::Policy'));
    expect(policies).toContain('sagemaker:DescribeInferenceComponent');
    expect(policies).not.toContain('sagemaker:UpdateInferenceComponentRuntimeConfig');
    expect(JSON.stringify(synthesize(aConfig()).api.findResources('AWS::IAM::Policy'))).not.toContain(
      'sagemaker:DescribeInferenceComponent',
    );
  });

  it('synth and plan say what clients see', () => {
    const { apiStack } = addTo(anApp(), toZero);
    const sentence = 'requests wait, their streams are kept alive';
    Annotations.fromStack(apiStack).hasInfo('*', Match.stringLikeRegexp(sentence));
    const parsed = parseConfig(toZero);
    expect(makePlan(parsed, createdBy(parsed, undefined), defaultPrices).notes.join('\n')).toContain(sentence);
  });

  it('a start that takes longer than a request may wait is said to give 503', () => {
    const times = { requestSeconds: 880, capacityWaitSeconds: 880 };
    expect(afterZero('m', { startSeconds: 850, secondsPerToken: 0.02 }, times, 4_096)).toContain(
      'a request can wait only 798 s (capacityWaitSeconds 880; requestSeconds 880 less the time of an answer): requests get 503 with Retry-After at once',
    );
    expect(afterZero('m', { startSeconds: 700, secondsPerToken: 0.02 }, times, 4_096)).toContain(
      'about 180 s are left for thinking and answer',
    );
    expect(afterZero('m', { startSeconds: 700 }, { ...times, capacityWaitSeconds: 0 }, 4_096)).toContain(
      'because capacityWaitSeconds is 0',
    );
    expect(afterZero('m', {}, times, 4_096)).toContain('unknown without models[].architecture');
  });
});
