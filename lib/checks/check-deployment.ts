import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** A deployment strategy, as far as it is checked here. */
type CheckedDeployment =
  | { readonly strategy: 'all-at-once'; readonly bakeSeconds?: number | undefined }
  | {
      readonly strategy: 'canary' | 'linear' | 'rolling';
      readonly percent: number;
      readonly bakeSeconds?: number | undefined;
    };

/** Refuses sizes and times that SageMaker does not accept, and a rolling deployment of several variants. */
export function checkDeployment(deployment: CheckedDeployment, variants: number): readonly (Refusal | undefined)[] {
  const bake =
    deployment.bakeSeconds === undefined
      ? undefined
      : checkRange('bake-time', 'deployment.bakeSeconds', deployment.bakeSeconds, limits.bakeSeconds);
  if (deployment.strategy === 'all-at-once') return [bake];
  const range = {
    canary: limits.canaryPercent,
    linear: limits.linearPercent,
    rolling: limits.rollingPercent,
  }[deployment.strategy];
  return [
    bake,
    checkRange('deployment-size', 'deployment.percent', deployment.percent, range),
    deployment.strategy === 'rolling' && variants > 1
      ? {
          code: 'rolling-variants',
          sentence: `deployment.strategy is "rolling", but the endpoint has ${variants} variants, and SageMaker rolls only endpoints with one variant: write strategy "canary" or "linear", or one variant.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html',
        }
      : undefined,
  ];
}
