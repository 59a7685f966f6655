// Run by Node 22.18 or newer (or 24), which reads TypeScript: an older one fails on the first type.
import { App, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { ReasoningApi, ReasoningEndpoint } from 'budgetforce';
import type { Construct } from 'constructs';

/** A stack of an existing app, to which a reasoning model is added. */
class ReasoningStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props);

    const endpoint = new ReasoningEndpoint(this, 'Endpoint', {
      instanceType: 'ml.p5.4xlarge',
      instances: { initial: 1, min: 0, max: 2 },
      models: [
        {
          id: 's1-32b',
          source: { kind: 's3', uri: 's3://models-111122223333/s1-32b/' }, // your bucket
          contextTokens: 32_768,
          architecture: 'qwen2.5-32b',
          vllm: { accelerations: ['fp8-weights', 'fp8-kv-cache'] },
          copies: { initial: 1, min: 0, max: 2 },
        },
      ],
    });

    const api = new ReasoningApi(this, 'Api', {
      endpoint,
      models: endpoint.models.map((model) => ({ model, format: 's1' as const })),
    });
    new CfnOutput(this, 'BaseUrl', { value: api.baseUrl });

    // A function of the app that calls the model without the API.
    const nightly = new LambdaFunction(this, 'Nightly', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {};'),
      environment: { ENDPOINT: endpoint.endpointName },
    });
    endpoint.grantInvoke(nightly);

    endpoint.metricCommittedTokens().createAlarm(this, 'ManyThoughts', {
      threshold: 200_000,
      evaluationPeriods: 3,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });

    // Every property of CloudFormation can be overridden.
    endpoint.config.addPropertyOverride('MetricsConfig.MetricPublishFrequencyInSeconds', 10);
    api.restApi.deploymentStage.node.addMetadata('owner', 'platform');
  }
}

const app = new App();
new ReasoningStack(app, 'Reasoning', { env: { region: 'us-east-1' } });
