import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, synthesize } from '../synthesize.ts';

type Routing = NonNullable<ConfigInput['endpoint']>['routing'];

function routingOf(routing?: Routing) {
  const endpoint = { instanceType: 'ml.p5.48xlarge', ...(routing && { routing }) };
  const [config] = all(synthesize(aConfig({ endpoint })).endpoint, 'AWS::SageMaker::EndpointConfig');
  return config?.['ProductionVariants'];
}

describe('routing', () => {
  it('requests go to the least busy copy by default, because the length of a shared system prompt is unknown', () => {
    expect(routingOf()).toMatchObject([{ RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' } }]);
  });

  it('the compared prefix reaches 1,024 bytes beyond the tokens that all requests share', () => {
    expect(routingOf({ strategy: 'prefix-aware', sharedPromptTokens: 400 })).toMatchObject([
      {
        RoutingConfig: { RoutingStrategy: 'PREFIX_AWARE', PrefixAwareRoutingConfig: { PrefixLength: 400 * 7 + 1_024 } },
      },
    ]);
  });

  it('a longer prefix stands', () => {
    expect(routingOf({ strategy: 'prefix-aware', sharedPromptTokens: 400, prefixBytes: 8_192 })).toMatchObject([
      { RoutingConfig: { PrefixAwareRoutingConfig: { PrefixLength: 8_192 } } },
    ]);
  });
});
