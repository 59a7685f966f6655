import { Annotations, Stack, Validations } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { ITableV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { componentArnOf } from '../endpoint/component-names.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { refuse } from '../facts/refusal.ts';
import { DocumentIndex } from '../retrieval/document-index.ts';
import { afterZero } from './after-zero.ts';
import { addDomain, addFirewall } from './api-access.ts';
import { apiPurpose, createFunction } from './api-function.ts';
import { type ReasoningApiProps, type ResolvedApi, resolveApi } from './api-props.ts';
import { apiSettings, thinkingOf, tokenizerFile } from './api-settings.ts';
import { BatchFunction } from './batch-function.ts';
import { checkApi } from './check-api.ts';
import { createContentBucket, createExpiringBucket, grantContent } from './content-bucket.ts';
import { isHosted } from './external-model.ts';
import { LEDGER_ACTIONS, ledgerTable } from './ledger-table.ts';
import { endpointArns, INVOKE_ACTIONS, type OtherUpstream, upstreamsOf } from './other-upstreams.ts';
import { createRestApi } from './rest-api.ts';
import { ScalingAccess } from './scaling-access.ts';
import { SETTINGS_LAYER_PATH } from './settings-layer.ts';
import { assertParsable, environmentBytes, splitSettings } from './split-settings.ts';
import { createWebhookSecret } from './webhook-secret.ts';

/**
 * OpenAI-compatible HTTPS API with thinking budgets in front of a `ReasoningEndpoint`, of servers that exist already, or of
 * both: a REST API, which streams for up to 15 minutes, and one function.
 *
 * @example
 * const api = new ReasoningApi(this, 'Api', {
 *   endpoint,
 *   models: endpoint.models.map((model) => ({ model, format: 's1' })),
 * });
 * new CfnOutput(this, 'BaseUrl', { value: api.baseUrl });
 */
export class ReasoningApi extends Construct {
  /** Value of `base_url` in OpenAI clients. */
  readonly baseUrl: string;
  /** Target of the DNS record of `domain`. `undefined` without a domain. */
  readonly domainTarget: string | undefined;
  readonly restApi: RestApi;
  readonly handler: NodejsFunction;
  /** Text of the function's settings file: all settings that are known at synth. The others are in its environment. */
  readonly settingsFile: string;
  /** Secret with the bearer key. `undefined` if requests need none. */
  readonly apiKey: Secret | ISecret | undefined;
  /** Table of keys, limits, usage and load. `undefined` if there is none. */
  readonly ledger: TableV2 | ITableV2 | undefined;
  /** Bucket of stored conversations and feedback. `undefined` if `retention` stores none. */
  readonly content: Bucket | undefined;

  /** Documents and the index of their passages. `undefined` without `retrieval`. */
  readonly documentIndex: DocumentIndex | undefined;
  /** Bucket of the files of batches. `undefined` without `batches`, and with `retrieval`, whose bucket has them. */
  readonly batchFiles: Bucket | undefined;
  /** Function that runs batches and sends webhooks. `undefined` without either. */
  readonly batchFunction: BatchFunction | undefined;

  constructor(scope: Construct, id: string, props: ReasoningApiProps) {
    super(scope, id);
    const resolved = resolveApi(props);
    const key = props.kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', props.kmsKeyArn);
    this.apiKey = props.apiKey === false ? undefined : this.#apiKey(props.apiKeySecretArn, key);
    this.ledger = ledgerTable(this, 'Ledger', resolved.ledger, props.ledgerTableName);
    this.content = createContentBucket(this, 'Content', props.retention ?? {}, key);
    this.documentIndex = this.#documentIndex(props, resolved, key);
    const { batches, retention } = props;
    const filesDays = retention?.filesDays ?? 0;
    // Without days, `checkApi` refuses the app.
    this.batchFiles =
      batches === undefined || this.documentIndex !== undefined || filesDays === 0
        ? undefined
        : createExpiringBucket(this, 'BatchFiles', filesDays, key);
    const filesBucket = this.documentIndex?.documents ?? this.batchFiles;
    const webhookSecret = props.webhooks === true ? createWebhookSecret(this, 'WebhookSecret', key) : undefined;
    const settings = apiSettings({
      endpointName: props.endpoint?.endpointName,
      models: props.models,
      apiKeySecretArn: this.apiKey?.secretArn,
      tableName: this.ledger?.tableName,
      contentBucket: this.content?.bucketName,
      retention: props.retention,
      retrieval: this.documentIndex?.settings,
      batches: batches && filesBucket && { ...batches, bucket: filesBucket.bucketName },
      webhookSecretArn: webhookSecret?.secretArn,
      aliases: props.aliases,
      routes: props.routes,
      rawPrompts: props.rawPrompts,
      prefixCache: props.prefixCache,
      corsOrigins: props.cors?.origins,
      requestSeconds: resolved.requestSeconds,
      capacityWaitSeconds: resolved.capacityWaitSeconds,
      keepAliveSeconds: resolved.keepAliveSeconds,
      upstreamIdleSeconds: props.upstreamIdleSeconds,
      strict: props.strict,
    });
    const inTwoParts = splitSettings(settings, props.code === undefined ? undefined : SETTINGS_LAYER_PATH);
    refuse(this, checkApi(Stack.of(this).region, props, resolved, environmentBytes(inTwoParts.environment)));
    assertParsable(inTwoParts);

    this.#sayWhatClientsSee(props, resolved);
    this.settingsFile = inTwoParts.file;
    this.handler = createFunction(this, props, resolved, inTwoParts, key, apiPurpose(props, inTwoParts));
    this.#grantAccess(this.handler, props, key, webhookSecret);
    const { role } = this.handler;
    const scaled = scaledModels(props);
    if (role !== undefined && scaled.length > 0) new ScalingAccess(this, 'Load', this.handler, role, scaled);
    this.batchFunction =
      batches === undefined && webhookSecret === undefined
        ? undefined
        : new BatchFunction(this, 'Batches', props, resolved, inTwoParts, key);
    if (this.batchFunction !== undefined) {
      this.#grantAccess(this.batchFunction.handler, props, key, webhookSecret);
      this.batchFunction.grantCopies(scaled);
    }
    this.restApi = createRestApi(this, props, resolved, this.handler);
    addFirewall(this, this.restApi, props);
    this.domainTarget = addDomain(this.restApi, props);
    this.baseUrl = props.domain === undefined ? `${this.restApi.url}v1` : `https://${props.domain.name}/v1`;
  }

  /** Allows a function to use the endpoint, the keys of other servers, the table, stored content and documents. */
  #grantAccess(
    handler: NodejsFunction,
    { endpoint, models }: ReasoningApiProps,
    key: IKey | undefined,
    webhookSecret: Secret | undefined,
  ): void {
    endpoint?.grantInvoke(handler);
    this.#grantUpstreams(handler, upstreamsOf(models));
    // Batches run without the key of their client.
    if (handler === this.handler) this.apiKey?.grantRead(handler);
    key?.grantDecrypt(handler);
    webhookSecret?.grantRead(handler);
    this.ledger?.grant(handler, ...LEDGER_ACTIONS);
    const { role } = handler;
    if (role !== undefined) {
      for (const bucket of [this.content, this.batchFiles]) if (bucket !== undefined) grantContent(bucket, role, key);
      this.documentIndex?.grantUse(role);
    }
    this.#grantZeroCopies(handler, models.map(({ model }) => model).filter(isHosted));
  }

  #sayWhatClientsSee({ models }: ReasoningApiProps, resolved: ResolvedApi): void {
    for (const entry of models) {
      const { model } = entry;
      if (!isHosted(model) || model.zeroCopies === undefined) continue;
      const sentence = afterZero(model.id, model.zeroCopies, resolved, thinkingOf(entry).defaultMaxAnswerTokens);
      Annotations.of(this).addInfo(sentence);
    }
  }

  /** Lets the function report the desired copies of models that scale to zero, and not by load. */
  #grantZeroCopies(handler: NodejsFunction, models: readonly OfferedModel[]): void {
    const reported = models.filter(({ deployedScaling }) => deployedScaling === undefined);
    const names = [...new Set(reported.flatMap(({ zeroCopies }) => zeroCopies?.componentName ?? []))];
    if (names.length === 0) return;
    handler.addToRolePolicy(
      new PolicyStatement({
        actions: ['sagemaker:DescribeInferenceComponent'],
        resources: names.map((name) => componentArnOf(this, name)),
      }),
    );
  }

  /** Lets a function read the keys of other servers, and invoke other endpoints. */
  #grantUpstreams(handler: NodejsFunction, upstreams: readonly OtherUpstream[]): void {
    const secrets = upstreams.flatMap((upstream) =>
      upstream.kind === 'openai-compatible' ? (upstream.apiKeySecretArn ?? []) : [],
    );
    const endpoints = upstreams.flatMap((upstream) =>
      upstream.kind === 'sagemaker' ? endpointArns(this, upstream) : [],
    );
    for (const [actions, resources] of [
      [['secretsmanager:GetSecretValue'], secrets],
      [INVOKE_ACTIONS, endpoints],
    ] as const) {
      if (resources.length === 0) continue;
      const statement = new PolicyStatement({ actions: [...actions], resources: [...new Set(resources)] });
      handler.addToRolePolicy(statement);
    }
  }

  #documentIndex(
    props: ReasoningApiProps,
    { logRetention }: ResolvedApi,
    key: IKey | undefined,
  ): DocumentIndex | undefined {
    const { retrieval, network, tracing, alarmTopicArn, runbookUrl, models } = props;
    const [first] = models;
    const tokenizer = first === undefined ? undefined : tokenizerFile(first);
    // Without a tokenizer, `checkApi` refuses the app.
    if (retrieval === undefined || tokenizer === undefined) return undefined;
    return new DocumentIndex(this, 'Retrieval', {
      ...retrieval,
      tokenizer,
      key,
      network,
      tracing,
      logRetention,
      alarmTopicArn,
      runbookUrl,
    });
  }

  #apiKey(arn: string | undefined, key: IKey | undefined): Secret | ISecret {
    if (arn !== undefined) return Secret.fromSecretCompleteArn(this, 'ApiKey', arn);
    const secret = new Secret(this, 'ApiKey', {
      description: 'Bearer key of the reasoning API',
      ...(key !== undefined && { encryptionKey: key }),
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'An automatic rotation would lock out the clients, which have the key. Operators rotate it by hand, while both keys are valid.',
    });
    return secret;
  }
}

/** Models whose copies the functions read and wake. */
function scaledModels({ models }: ReasoningApiProps): readonly OfferedModel[] {
  return models
    .map(({ model }) => model)
    .filter(isHosted)
    .filter(({ deployedScaling }) => deployedScaling !== undefined);
}
