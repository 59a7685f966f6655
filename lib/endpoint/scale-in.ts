import { policyInForce } from '../../lambda/settings/policy-settings.ts';
import { TARGET_TRACKING_SCALE_IN_SECONDS } from '../facts/scale-in.ts';
import { copiesOf, type ModelProps } from './model-props.ts';

/**
 * Returns the time without requests after which the deployed scaling removes copies, in seconds: that of the policies if the
 * model scales by load, otherwise that of target tracking's alarm.
 */
export function scaleInSecondsOf(props: Pick<ModelProps, 'copies' | 'scaling'>): number {
  const { thinking } = props.scaling ?? {};
  if (thinking === undefined) return TARGET_TRACKING_SCALE_IN_SECONDS;
  const { min, max } = copiesOf(props);
  return policyInForce({ minCopies: min, maxCopies: max, copiesPerInstance: 1, policy: thinking.policy }).scaling
    .scaleInAfterSeconds;
}
