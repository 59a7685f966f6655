import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** Refuses settings of prefix-aware routing that SageMaker does not accept. */
export function checkRouting(routing: {
  readonly strategy: string;
  readonly prefixBytes?: number | undefined;
  readonly concurrencyThreshold?: number | undefined;
}): readonly (Refusal | undefined)[] {
  const { prefixBytes, concurrencyThreshold } = routing;
  return [
    prefixBytes === undefined
      ? undefined
      : checkRange('prefix-length', 'routing.prefixBytes', prefixBytes, limits.prefixBytes),
    concurrencyThreshold === undefined
      ? undefined
      : checkRange(
          'prefix-concurrency',
          'routing.concurrencyThreshold',
          concurrencyThreshold,
          limits.prefixConcurrencyThreshold,
        ),
  ];
}
