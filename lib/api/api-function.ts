import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type Code, type ILayerVersion, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
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

/** What tells the functions of an API apart. */
export interface FunctionPurpose {
  readonly description: string;
  readonly roleDescription: string;
  /** Code that has the settings file beside it. */
  readonly code: Code;
  readonly timeout: Duration;
  readonly reservedConcurrency?: number | undefined;
  /** Why it has no dead-letter queue of its own, for cdk-nag. If omitted, it has one. */
  readonly noDeadLetters?: string;
}

/** The function that answers the requests of clients. */
export function apiPurpose(
  { code, reservedConcurrency }: ReasoningApiProps,
  { file }: FunctionSettings,
): FunctionPurpose {
  return {
    description: 'OpenAI-compatible API with thinking as a budget',
    roleDescription: 'The reasoning API: invokes its endpoint, reads its key, writes its logs',
    code: code ?? functionCode(file),
    timeout: Duration.seconds(limits.streamSeconds.max),
    reservedConcurrency,
    noDeadLetters: 'The function is invoked synchronously: it has no asynchronous events that could be lost.',
  };
}

/** Creates a function with the settings of the API, with its role, its log group and its tokenizer layers. */
export function createFunction(
  scope: Construct,
  props: ReasoningApiProps,
  { memoryMb, logRetention }: ResolvedApi,
  { file, environment }: FunctionSettings,
  key: IKey | undefined,
  tokenizers: readonly ILayerVersion[],
  purpose: FunctionPurpose,
): NodejsFunction {
  const logGroup = new LogGroup(scope, 'Logs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
  const role = new Role(scope, 'Role', {
    description: purpose.roleDescription,
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  logGroup.grantWrite(role);
  const handler = new NodejsFunction(scope, 'Function', {
    description: purpose.description,
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: memoryMb,
    timeout: purpose.timeout,
    tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
    layers: [...tokenizers, ...(props.code === undefined ? [] : [createSettingsLayer(scope, 'Settings', file)])],
    environment: { ...environment },
    ...(purpose.reservedConcurrency !== undefined && { reservedConcurrentExecutions: purpose.reservedConcurrency }),
    ...(key !== undefined && { environmentEncryption: key }),
    code: purpose.code,
    handler: 'index.handler',
  });
  if (props.network !== undefined) putIntoNetwork(handler, props.network);
  if (purpose.noDeadLetters !== undefined) {
    Validations.of(handler).acknowledge({ id: 'Serverless-LambdaDLQ', reason: purpose.noDeadLetters });
  }
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
