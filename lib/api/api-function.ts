import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type ILayerVersion, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { functionCode } from '../bundles/program-code.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { limits } from '../facts/aws-limits.ts';
import type { ReasoningApiProps, ResolvedApi } from './api-props.ts';
import { type ApiModel, tokenizerFiles } from './api-settings.ts';
import { putIntoNetwork } from './function-network.ts';
import { createSettingsLayer } from './settings-layer.ts';
import type { FunctionSettings } from './split-settings.ts';
import { createTokenizerLayer } from './tokenizer-layer.ts';

/** Reason for cdk-nag why requests are not traced. */
export const NO_TRACING_REASON = 'Tracing is a choice of the stage, because each traced request is charged.';

/** Creates the function of the API, with its role, its log group and its tokenizer layers. */
export function createFunction(
  scope: Construct,
  props: ReasoningApiProps,
  { memoryMb, logRetention }: ResolvedApi,
  { file, environment }: FunctionSettings,
  key: IKey | undefined,
  tokenizers: readonly ILayerVersion[],
): NodejsFunction {
  const logGroup = new LogGroup(scope, 'Logs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
  const role = new Role(scope, 'Role', {
    description: 'The reasoning API: invokes its endpoint, reads its key, writes its logs',
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  logGroup.grantWrite(role);
  const handler = new NodejsFunction(scope, 'Function', {
    description: 'OpenAI-compatible API with thinking as a budget',
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: memoryMb,
    timeout: Duration.seconds(limits.streamSeconds.max),
    tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
    layers: [...tokenizers, ...(props.code === undefined ? [] : [createSettingsLayer(scope, 'Settings', file)])],
    environment: { ...environment },
    ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
    ...(key !== undefined && { environmentEncryption: key }),
    code: props.code ?? functionCode(file),
    handler: 'index.handler',
  });
  if (props.network !== undefined) putIntoNetwork(handler, props.network);
  Validations.of(handler).acknowledge({
    id: 'Serverless-LambdaDLQ',
    reason: 'The function is invoked synchronously: it has no asynchronous events that could be lost.',
  });
  if (props.tracing) {
    const reason = 'xray:PutTraceSegments and xray:PutTelemetryRecords do not support resources.';
    acknowledgeArn(role, 'IAM5', 'Resource', '*', reason);
  } else {
    Validations.of(handler).acknowledge({ id: 'Serverless-LambdaTracing', reason: NO_TRACING_REASON });
  }
  return handler;
}

/** Creates one layer for each tokenizer file, however many models share it. */
export function createTokenizerLayers(scope: Construct, models: readonly ApiModel[]): ILayerVersion[] {
  return tokenizerFiles(models).map((file, index) => createTokenizerLayer(scope, `Tokenizer${index}`, file));
}
