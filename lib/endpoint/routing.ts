import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';

/**
 * How requests are distributed over instances and their copies.
 *
 * `prefix-aware` sends requests whose bodies begin alike to the same instance, which still has their KV cache. Thinking
 * that is extended by "Wait" is then not evaluated again. It needs to know what all requests share, because bodies that are
 * alike in all compared bytes go to one instance.
 */
export type Routing =
  | {
      readonly strategy: 'prefix-aware';
      /**
       * Longest beginning of the prompt that all requests share, in tokens: the system prompt with the list of tools. 0 if
       * they share nothing. `prefixBytes` follows from it.
       *
       * @default - unknown, which needs `prefixBytes`
       */
      readonly sharedPromptTokens?: number | undefined;
      /**
       * Bytes of the body that are compared, 1,024 to 65,536. Must be longer than what all requests share, and shorter than
       * most first prompts, because a continued request differs after its first prompt. A token id takes 5 to 7 bytes.
       *
       * @default - 7 bytes for each of `sharedPromptTokens`, and 1,024 more
       */
      readonly prefixBytes?: number | undefined;
      /**
       * Requests in flight at which an instance or copy is skipped, 1 to 1,024.
       *
       * @default 64
       */
      readonly concurrencyThreshold?: number | undefined;
    }
  | { readonly strategy: 'least-outstanding-requests' }
  | { readonly strategy: 'random' };

/** Bytes of a token id in the body, with its comma: ids of today's vocabularies have up to six digits. */
const BYTES_PER_TOKEN_ID = 7;
/** Bytes that are compared beyond what all requests share, and SageMaker's minimum. */
const OWN_BYTES = 1_024;

/** Returns the bytes to compare if all requests begin with the same tokens. */
export function prefixBytesFor(sharedPromptTokens: number): number {
  return sharedPromptTokens * BYTES_PER_TOKEN_ID + OWN_BYTES;
}

/** Converts the routing to CloudFormation's property. */
export function toRoutingConfig(routing: Routing): CfnEndpointConfig.RoutingConfigProperty {
  switch (routing.strategy) {
    case 'prefix-aware':
      return {
        routingStrategy: 'PREFIX_AWARE',
        prefixAwareRoutingConfig: {
          prefixLength: routing.prefixBytes ?? prefixBytesFor(routing.sharedPromptTokens ?? 0),
          concurrencyThreshold: routing.concurrencyThreshold ?? 64,
        },
      };
    case 'least-outstanding-requests':
      return { routingStrategy: 'LEAST_OUTSTANDING_REQUESTS' };
    case 'random':
      return { routingStrategy: 'RANDOM' };
  }
}
