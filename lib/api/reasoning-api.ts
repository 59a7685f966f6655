import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseTransferMode,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Architecture, type Code, type ILayerVersion, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { SETTINGS_VARIABLE, settingsSchema } from '../../lambda/settings/settings.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import type { ReasoningEndpoint } from '../endpoint/reasoning-endpoint.ts';
import { limits, outside } from '../facts/aws-limits.ts';
import { type Refusal, refuse } from '../facts/refusal.ts';
import { type ApiAccess, accessProps, addDomain, addFirewall, checkAccess, PRIVATE_RESOURCE } from './api-access.ts';
import { type ApiModel, apiSettings, checkThinking, oversizedSettings, tokenizerFile } from './api-settings.ts';
import { functionCode } from './function-bundle.ts';
import { createLedgerTable, LEDGER_ACTIONS, type LedgerChoice, loadWithoutLedger } from './ledger-table.ts';
import { LoadAccess } from './scaling-access.ts';
import { createTokenizerLayer, missingTokenizer } from './tokenizer-layer.ts';

interface Throttling {
  /** Requests a second that the API lets through, over all clients. */
  readonly requestsPerSecond: number;
  /** Requests at once before that rate counts. */
  readonly burst: number;
}

export interface ReasoningApiProps extends ApiAccess {
  readonly endpoint: ReasoningEndpoint;
  /** Models of the endpoint that the API offers. The first one serves requests that name none. */
  readonly models: readonly ApiModel[];
  /**
   * The name in the console.
   *
   * @default - the construct's id
   */
  readonly apiName?: string | undefined;
  /**
   * Whether a bearer key is asked for. It is generated, kept in Secrets Manager, and read by the function when it starts.
   *
   * @default true
   */
  readonly apiKey?: boolean | undefined;
  /**
   * Customer-managed key for the bearer key's secret and the function's variables. Logs stay under CloudWatch's own key, since
   * a key of one's own would have to let the service in by its policy.
   *
   * @default - keys of AWS
   */
  readonly kmsKeyArn?: string | undefined;
  /**
   * The table of keys, limits, usage and load: whether it is kept when the stack is deleted, deleted with it, or not made at all.
   *
   * @default 'keep'
   */
  readonly ledger?: LedgerChoice | undefined;
  /**
   * What the API lets through.
   *
   * @default - 20 a second, 40 at once
   */
  readonly throttling?: Throttling | undefined;
  /**
   * The longest that a request may take. Seconds. Lambda and API Gateway cut at 900: what is left below that ends the
   * stream in order.
   *
   * @default 880
   */
  readonly requestSeconds?: number | undefined;
  /**
   * How long a request waits for a copy where the endpoint has none, its stream kept alive. Seconds, at most
   * `requestSeconds`; 0 answers 503 with Retry-After at once.
   *
   * @default 600
   */
  readonly capacityWaitSeconds?: number | undefined;
  /**
   * A comment is sent when a stream was silent for this long. Seconds. API Gateway cuts after 300.
   *
   * @default 15
   */
  readonly keepAliveSeconds?: number | undefined;
  /**
   * Memory of the function. MB. Lambda gives one whole CPU at 1,769; less makes a cold start, which parses the
   * tokenizer, slower, more does not make a stream faster.
   *
   * @default 1769
   */
  readonly memoryMb?: number | undefined;
  /**
   * Requests in flight that this function may take of the account's, and is sure of.
   *
   * @default - none reserved
   */
  readonly reservedConcurrency?: number | undefined;
  /**
   * Whether requests are traced by X-Ray.
   *
   * @default false
   */
  readonly tracing?: boolean | undefined;
  /**
   * How long logs are kept. They hold no prompts and no answers.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
  /**
   * Whether to set the role that API Gateway writes logs with. It is one for the account and region: `false` where one is
   * set already.
   *
   * @default true
   */
  readonly accountLogRole?: boolean | undefined;
  /**
   * The function's code.
   *
   * @default - this package's
   */
  readonly code?: Code | undefined;
}

/**
 * An OpenAI-compatible HTTPS API with budgets, in front of a `ReasoningEndpoint`: a REST API that streams for up to 15
 * minutes, and one function.
 *
 * @example
 * const api = new ReasoningApi(this, 'Api', {
 *   endpoint,
 *   models: endpoint.models.map((model) => ({ model, format: 's1' })),
 * });
 * new CfnOutput(this, 'BaseUrl', { value: api.baseUrl });
 */
export class ReasoningApi extends Construct {
  /** What a client writes as `base_url`. */
  readonly baseUrl: string;
  /** What the DNS record of `domain` points to. `undefined` without one. */
  readonly domainTarget: string | undefined;
  readonly restApi: RestApi;
  readonly handler: NodejsFunction;
  /** The bearer key. `undefined` where none is asked for. */
  readonly apiKey: Secret | undefined;
  /** The table of keys, limits, usage and load. `undefined` where none is kept. */
  readonly ledger: TableV2 | undefined;

  constructor(scope: Construct, id: string, props: ReasoningApiProps) {
    super(scope, id);
    const requestSeconds = props.requestSeconds ?? 880;
    const capacityWaitSeconds = props.capacityWaitSeconds ?? Math.min(600, requestSeconds);
    const keepAliveSeconds = props.keepAliveSeconds ?? 15;
    const memoryMb = props.memoryMb ?? 1_769;
    const logRetention = props.logRetention ?? RetentionDays.ONE_MONTH;

    const key = props.kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', props.kmsKeyArn);
    this.apiKey = props.apiKey === false ? undefined : this.#createApiKey(key);
    const scaled = props.models.map(({ model }) => model).filter(({ load }) => load !== undefined);
    const choice = props.ledger ?? 'keep';
    this.ledger = choice === 'none' ? undefined : createLedgerTable(this, 'Ledger', choice);
    const settings = apiSettings({
      endpointName: props.endpoint.endpointName,
      models: props.models,
      apiKeySecretArn: this.apiKey?.secretArn,
      tableName: this.ledger?.tableName,
      requestSeconds,
      capacityWaitSeconds,
      keepAliveSeconds,
    });
    refuse(this, [
      final(outside('request-timeout', 'requestSeconds', requestSeconds, limits.streamSeconds)),
      waitBeyondRequest(capacityWaitSeconds, requestSeconds),
      outside('keep-alive', 'keepAliveSeconds', keepAliveSeconds, limits.silentSeconds),
      outside('function-memory', 'memoryMb', memoryMb, limits.functionMemoryMb),
      loadWithoutLedger(choice, scaled[0]?.id),
      ...checkAccess(this, props, keepAliveSeconds),
      oversizedSettings(settings, nodeOptions),
      ...props.models.flatMap((entry) => [
        checkThinking(entry),
        missingTokenizer(entry.model, entry.format, entry.tokenizer),
      ]),
    ]);

    this.handler = this.#createFunction(
      props,
      key,
      memoryMb,
      logRetention,
      JSON.stringify(settingsSchema.parse(settings)),
    );
    props.endpoint.grantInvoke(this.handler);
    this.apiKey?.grantRead(this.handler);
    key?.grantDecrypt(this.handler);
    this.ledger?.grant(this.handler, ...LEDGER_ACTIONS);
    if (this.handler.role !== undefined && scaled.length > 0) {
      new LoadAccess(this, 'Load', this.handler, this.handler.role, scaled);
    }
    this.restApi = this.#createRestApi(props, logRetention);
    addFirewall(this, this.restApi, props);
    this.domainTarget = addDomain(this.restApi, props);
    this.baseUrl = props.domain === undefined ? `${this.restApi.url}v1` : `https://${props.domain.name}/v1`;
  }

  #createApiKey(key: IKey | undefined): Secret {
    const secret = new Secret(this, 'ApiKey', {
      description: 'Bearer key of the reasoning API',
      ...(key !== undefined && { encryptionKey: key }),
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Clients hold the key: a rotation that they do not know of would lock them out. It is rotated by hand, with both keys good meanwhile.',
    });
    return secret;
  }

  #createFunction(
    props: ReasoningApiProps,
    key: IKey | undefined,
    memorySize: number,
    retention: RetentionDays,
    settings: string,
  ): NodejsFunction {
    const logGroup = new LogGroup(this, 'Logs', { retention, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', {
      description: 'The reasoning API: invokes its endpoint, reads its key, writes its logs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(role);
    const handler = new NodejsFunction(this, 'Function', {
      description: 'OpenAI-compatible API with thinking as a budget',
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize,
      timeout: Duration.seconds(limits.streamSeconds.max),
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      layers: this.#createTokenizerLayers(props.models),
      environment: { ...nodeOptions, [SETTINGS_VARIABLE]: settings },
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
      ...(key !== undefined && { environmentEncryption: key }),
      ...functionCode(props.code),
    });
    Validations.of(handler).acknowledge({
      id: 'Serverless-LambdaDLQ',
      reason: 'The function answers requests while they wait: it has no asynchronous events that could be lost.',
    });
    if (!props.tracing) {
      Validations.of(handler).acknowledge({ id: 'Serverless-LambdaTracing', reason: tracingReason });
    }
    if (props.tracing) {
      const reason = 'xray:PutTraceSegments and xray:PutTelemetryRecords know no resources.';
      acknowledgeArn(role, 'IAM5', 'Resource', '*', reason);
    }
    return handler;
  }

  #createTokenizerLayers(models: readonly ApiModel[]): ILayerVersion[] {
    const files = new Set(models.flatMap((entry) => tokenizerFile(entry) ?? []));
    return [...files].map((file, index) => createTokenizerLayer(this, `Tokenizer${index}`, file));
  }

  #createRestApi(props: ReasoningApiProps, retention: RetentionDays): RestApi {
    const accessLogs = new LogGroup(this, 'AccessLogs', { retention, removalPolicy: RemovalPolicy.DESTROY });
    const throttling = props.throttling ?? { requestsPerSecond: 20, burst: 40 };
    const restApi = new RestApi(this, 'Rest', {
      ...(props.apiName !== undefined && { restApiName: props.apiName }),
      description: 'OpenAI-compatible API with thinking as a budget',
      ...accessProps(this, props),
      cloudWatchRole: props.accountLogRole ?? true,
      deployOptions: {
        stageName: 'api',
        throttlingRateLimit: throttling.requestsPerSecond,
        throttlingBurstLimit: throttling.burst,
        metricsEnabled: true,
        tracingEnabled: props.tracing ?? false,
        loggingLevel: MethodLoggingLevel.ERROR,
        // Data traces would hold prompts and answers.
        dataTraceEnabled: false,
        accessLogDestination: new LogGroupLogDestination(accessLogs),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
    });
    // An output that every RestApi makes, under a name that nobody knows.
    restApi.node.tryRemoveChild('Endpoint');
    const integration = new LambdaIntegration(this.handler, {
      responseTransferMode: ResponseTransferMode.STREAM,
      timeout: Duration.seconds(limits.streamSeconds.max),
      allowTestInvoke: false,
    });
    restApi.root.addMethod('ANY', integration);
    restApi.root.addResource('{proxy+}').addMethod('ANY', integration);
    if (props.exposure === 'private') {
      acknowledgeArn(
        restApi,
        'IAM5',
        'Resource',
        PRIVATE_RESOURCE,
        'All methods of this API, and through its endpoints only.',
      );
    }
    const logRole = restApi.node.tryFindChild('CloudWatchRole');
    if (logRole !== undefined) {
      const policy = ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs');
      const reason = 'API Gateway takes this managed policy only for the role that it writes logs with.';
      acknowledgeArn(logRole, 'IAM4', 'Policy', policy.managedPolicyArn, reason);
    }
    if (!props.tracing) {
      Validations.of(restApi).acknowledge({ id: 'Serverless-APIGWXrayEnabled', reason: tracingReason });
    }
    for (const [rule, reason] of Object.entries(restApiReasons)) {
      Validations.of(restApi).acknowledge({ id: `AwsSolutions-${rule}`, reason });
    }
    return restApi;
  }
}

/** Lambda's own limit, which the function's settings hold to as well. */
function final(refusal: Refusal | undefined): Refusal | undefined {
  return refusal && { ...refusal, final: true };
}

function waitBeyondRequest(capacityWaitSeconds: number, requestSeconds: number): Refusal | undefined {
  if (capacityWaitSeconds <= requestSeconds) return undefined;
  return {
    code: 'capacity-wait',
    sentence: `capacityWaitSeconds is ${capacityWaitSeconds}, but a request ends after requestSeconds (${requestSeconds}), so it would never see the copy that it waited for: write ${requestSeconds} or less, or 0 for a 503 at once.`,
    source: limits.streamSeconds.source,
  };
}

const nodeOptions = { NODE_OPTIONS: '--enable-source-maps' };

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

const tracingReason = 'Traces are a choice of the stage: each request costs one.';

const restApiReasons = {
  APIG2: 'The function parses every request with zod and answers in the shape of OpenAI, which API Gateway cannot.',
  APIG3: 'A firewall is a choice of the stage; throttling and the bearer key stand before the model without one.',
  APIG4: 'The function asks for the bearer key, in the header where OpenAI clients send it.',
  COG4: 'OpenAI clients send a bearer key, no Cognito token.',
};
