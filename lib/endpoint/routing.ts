import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';

/**
 * How requests are distributed over instances.
 *
 * `prefix-aware` sends requests whose bodies begin alike to the same instance, which still has their KV cache. Thinking
 * that is extended by "Wait" is then not evaluated again.
 */
export type Routing =
  | {
      readonly strategy: 'prefix-aware';
      /**
       * Bytes of the body that are compared, 1,024 to 65,536. Must be shorter than most first prompts, because a continued
       * request differs after its first prompt. Must be longer than the system prompt that all requests share, because
       * otherwise all requests go to one instance. A token id takes about 6 bytes.
       *
       * @default 1024
       */
      readonly prefixBytes?: number | undefined;
      /**
       * Requests in flight at which an instance is skipped, 1 to 1,024.
       *
       * @default 64
       */
      readonly concurrencyThreshold?: number | undefined;
    }
  | { readonly strategy: 'least-outstanding-requests' }
  | { readonly strategy: 'random' };

/** Converts the routing to CloudFormation's property. */
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
