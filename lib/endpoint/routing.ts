import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * Which instance gets a request.
 *
 * `prefix-aware` sends requests whose bodies begin alike to the same instance, which still has their KV cache: a thought
 * that was extended by "Wait" is not evaluated again.
 */
export type Routing =
  | {
      readonly strategy: 'prefix-aware';
      /**
       * Bytes of the body that are compared, 1,024 to 65,536. It must be shorter than most first prompts, or a continued
       * one begins differently; and longer than the system prompt that all share, or all go to one instance. A token id
       * takes about 6 bytes.
       *
       * @default 1024
       */
      readonly prefixBytes?: number | undefined;
      /**
       * Requests in flight from which on an instance is passed over, 1 to 1,024.
       *
       * @default 64
       */
      readonly concurrencyThreshold?: number | undefined;
    }
  | { readonly strategy: 'least-outstanding-requests' }
  | { readonly strategy: 'random' };

/** The routing as CloudFormation takes it. */
export function toRoutingConfig(routing: Routing): CfnEndpointConfig.RoutingConfigProperty {
  switch (routing.strategy) {
    case 'prefix-aware':
      return {
        routingStrategy: 'PREFIX_AWARE',
        prefixAwareRoutingConfig: {
          prefixLength: routing.prefixBytes ?? 1_024,
          concurrencyThreshold: routing.concurrencyThreshold ?? 64,
        },
      };
    case 'least-outstanding-requests':
      return { routingStrategy: 'LEAST_OUTSTANDING_REQUESTS' };
    case 'random':
      return { routingStrategy: 'RANDOM' };
  }
}

/** Refuses numbers that SageMaker does not take. */
export function checkRouting(routing: Routing): readonly (Refusal | undefined)[] {
  if (routing.strategy !== 'prefix-aware') return [];
  return [
    outside('prefix-length', 'routing.prefixBytes', routing.prefixBytes ?? 1_024, limits.prefixBytes),
    outside(
      'prefix-concurrency',
      'routing.concurrencyThreshold',
      routing.concurrencyThreshold ?? 64,
      limits.prefixConcurrencyThreshold,
    ),
  ];
}
