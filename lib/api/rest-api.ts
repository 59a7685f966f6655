import { Annotations, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseTransferMode,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { limits } from '../facts/aws-limits.ts';
import { accessProps, PRIVATE_RESOURCE } from './api-access.ts';
import { NO_TRACING_REASON } from './api-function.ts';
import type { ReasoningApiProps, ResolvedApi } from './api-props.ts';

const LOG_ROLE_NEEDED =
  'API Gateway writes the access log with one role for all APIs of the account and region. If none is set, the deployment fails with "CloudWatch Logs role ARN must be set in account settings to enable logging": set it once (docs/deploying.md), or write accountLogRole true if no other API of the account has a role there.';

/** Creates the REST API, which streams the function's responses. */
export function createRestApi(
  scope: Construct,
  props: ReasoningApiProps,
  { logRetention, throttling }: ResolvedApi,
  handler: IFunction,
): RestApi {
  const accessLogs = new LogGroup(scope, 'AccessLogs', {
    retention: logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const restApi = new RestApi(scope, 'Rest', {
    ...(props.apiName !== undefined && { restApiName: props.apiName }),
    description: 'OpenAI-compatible API with thinking as a budget',
    ...accessProps(scope, props),
    cloudWatchRole: props.accountLogRole ?? false,
    deployOptions: {
      stageName: 'api',
      throttlingRateLimit: throttling.requestsPerSecond,
      throttlingBurstLimit: throttling.burst,
      metricsEnabled: true,
      tracingEnabled: props.tracing ?? false,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Data traces would contain prompts and answers.
      dataTraceEnabled: false,
      accessLogDestination: new LogGroupLogDestination(accessLogs),
      accessLogFormat: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
    },
  });
  // RestApi always adds this output, under a generated name. BaseUrl replaces it.
  restApi.node.tryRemoveChild('Endpoint');
  const integration = new LambdaIntegration(handler, {
    responseTransferMode: ResponseTransferMode.STREAM,
    timeout: Duration.seconds(limits.streamSeconds.max),
    allowTestInvoke: false,
  });
  restApi.root.addMethod('ANY', integration);
  restApi.root.addResource('{proxy+}').addMethod('ANY', integration);
  if (!props.accountLogRole) Annotations.of(restApi).addInfoV2('budgetforce:account-log-role', LOG_ROLE_NEEDED);
  acknowledgeFindings(restApi, props);
  return restApi;
}

/** Records the reasons for cdk-nag's findings about the REST API. */
function acknowledgeFindings(restApi: RestApi, { exposure, tracing }: ReasoningApiProps): void {
  if (exposure === 'private') {
    const reason = 'The policy allows all methods of this API, and only through its VPC endpoints.';
    acknowledgeArn(restApi, 'IAM5', 'Resource', PRIVATE_RESOURCE, reason);
  }
  const logRole = restApi.node.tryFindChild('CloudWatchRole');
  if (logRole !== undefined) {
    const policy = ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs');
    const reason = 'API Gateway accepts only this managed policy for the role with which it writes logs.';
    acknowledgeArn(logRole, 'IAM4', 'Policy', policy.managedPolicyArn, reason);
  }
  if (!tracing) {
    Validations.of(restApi).acknowledge({ id: 'Serverless-APIGWXrayEnabled', reason: NO_TRACING_REASON });
  }
  for (const [rule, reason] of Object.entries(restApiReasons)) {
    Validations.of(restApi).acknowledge({ id: `AwsSolutions-${rule}`, reason });
  }
}

const restApiReasons = {
  APIG2: 'The function validates every request and answers errors in the shape of OpenAI, which API Gateway cannot.',
  APIG3: 'A firewall is a choice of the stage. Without one, throttling and the bearer key protect the model.',
  APIG4: 'The function checks the bearer key, in the header in which OpenAI clients send it.',
  COG4: 'OpenAI clients send a bearer key, not a Cognito token.',
};

const accessLogFields = {
  requestId: '$context.requestId',
  requestTime: '$context.requestTime',
  ip: '$context.identity.sourceIp',
  method: '$context.httpMethod',
  path: '$context.path',
  status: '$context.status',
  responseLength: '$context.responseLength',
  responseLatencyMs: '$context.responseLatency',
  integrationLatencyMs: '$context.integrationLatency',
  integrationStatus: '$context.integration.integrationStatus',
  integrationError: '$context.integration.error',
  error: '$context.error.message',
};
