import { limits } from '../facts/aws-limits.ts';
import { groupDigits } from '../facts/group-digits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** A routing, as far as it is checked here. */
interface CheckedRouting {
  readonly strategy: string;
  readonly sharedPromptTokens?: number | undefined;
  readonly prefixBytes?: number | undefined;
  readonly concurrencyThreshold?: number | undefined;
}

/**
 * Refuses prefix-aware routing that SageMaker does not accept or that sends all requests to one instance, and routing that
 * ignores load over instance types of different speed.
 *
 * @param prefixBytesFor bytes to compare if all requests begin with this many of the same tokens
 */
export function checkRouting(
  routing: CheckedRouting,
  fallbackInstanceTypes: readonly string[],
  prefixBytesFor: (sharedPromptTokens: number) => number,
): readonly (Refusal | undefined)[] {
  const { strategy, prefixBytes, concurrencyThreshold } = routing;
  return [
    strategy === 'prefix-aware' ? checkPrefix(routing, prefixBytesFor) : undefined,
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
    checkPools(strategy, fallbackInstanceTypes),
  ];
}

const source = limits.prefixBytes.source;

function checkPrefix(
  { sharedPromptTokens: shared, prefixBytes }: CheckedRouting,
  prefixBytesFor: (sharedPromptTokens: number) => number,
): Refusal | undefined {
  if (shared === undefined) {
    if (prefixBytes !== undefined) return undefined;
    return {
      code: 'prefix-unknown',
      sentence:
        'routing.strategy is "prefix-aware" without sharedPromptTokens, and if all requests begin with the same system prompt or list of tools, they would all go to one instance: write the longest shared beginning in tokens (0 if there is none), or strategy "least-outstanding-requests".',
      source,
    };
  }
  const needed = prefixBytesFor(shared);
  if (needed > limits.prefixBytes.max) {
    return {
      code: 'prefix-shared',
      sentence: `routing.sharedPromptTokens is ${groupDigits(shared)}, which take about ${groupDigits(needed)} bytes, but SageMaker compares at most ${groupDigits(limits.prefixBytes.max)}, so all requests would go to one instance: write strategy "least-outstanding-requests".`,
      source,
    };
  }
  if (prefixBytes === undefined || prefixBytes >= needed) return undefined;
  return {
    code: 'prefix-shared',
    sentence: `routing.prefixBytes is ${groupDigits(prefixBytes)}, but the ${groupDigits(shared)} tokens of sharedPromptTokens take up to ${groupDigits(needed)} bytes with a beginning of each request's own, so all requests would go to one instance: leave prefixBytes out, or write ${groupDigits(needed)} or more.`,
    source,
  };
}

function checkPools(strategy: string, fallbackInstanceTypes: readonly string[]): Refusal | undefined {
  if (strategy === 'least-outstanding-requests' || fallbackInstanceTypes.length === 0) return undefined;
  return {
    code: 'routing-pools',
    sentence: `routing.strategy is "${strategy}", but fallbackInstanceTypes (${fallbackInstanceTypes.join(', ')}) mix instances of different speed, and slower ones would get as many requests: write strategy "least-outstanding-requests".`,
    source: 'https://github.com/aws-samples/sagemaker-genai-hosting-examples',
  };
}
