import { Annotations, Stack, Validations } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { ITableV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { ILayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { BackgroundFunction } from '../background/background-function.ts';
import { toBackgroundSettings } from '../background/background-schema.ts';
import { componentArnOf } from '../endpoint/component-names.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { refuse } from '../facts/refusal.ts';
import { DocumentIndex } from '../retrieval/document-index.ts';
import { afterZero } from './after-zero.ts';
import { addDomain, addFirewall } from './api-access.ts';
import { apiPurpose, createFunction, createTokenizerLayers } from './api-function.ts';
import { type ReasoningApiProps, type ResolvedApi, resolveApi } from './api-props.ts';
import { type ApiSettingsProps, apiSettings, thinkingOf, tokenizerFile } from './api-settings.ts';
import { BatchFunction } from './batch-function.ts';
import { checkApi } from './check-api.ts';
import { createContentBucket, createExpiringBucket, grantContent } from './content-bucket.ts';
import { isHosted } from './external-model.ts';
import { LEDGER_ACTIONS, ledgerTable } from './ledger-table.ts';
import { endpointArns, INVOKE_ACTIONS, type OtherUpstream, upstreamsOf } from './other-upstreams.ts';
import { createRestApi } from './rest-api.ts';
import { grantWake, ScalingAccess } from './scaling-access.ts';
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

  /** The durable function of responses in the background. `undefined` without `background`. */
  readonly background: BackgroundFunction | undefined;

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
    const tokenizers = createTokenizerLayers(this, props.models);
    const { batches, retention } = props;
    const filesDays = retention?.filesDays ?? 0;
    // Without days, `checkApi` refuses the app.
    this.batchFiles =
      batches === undefined || this.documentIndex !== undefined || filesDays === 0
        ? undefined
        : createExpiringBucket(this, 'BatchFiles', filesDays, key);
    const filesBucket = this.documentIndex?.documents ?? this.batchFiles;
    const webhookSecret = props.webhooks === true ? createWebhookSecret(this, 'WebhookSecret', key) : undefined;
    const common = {
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
    };
    this.background = this.#background(props, resolved, common, tokenizers, key);
    const functionArn = this.background?.alias.functionArn;
    const settings = apiSettings({
      ...common,
      background: props.background && {
        ...toBackgroundSettings(props.background),
        ...(functionArn && { functionArn }),
      },
    });
    const inTwoParts = splitSettings(settings, props.code === undefined ? undefined : SETTINGS_LAYER_PATH);
    refuse(this, checkApi(Stack.of(this).region, props, resolved, environmentBytes(inTwoParts.environment)));
    assertParsable(inTwoParts);

    this.#sayWhatClientsSee(props, resolved);
    this.settingsFile = inTwoParts.file;
    this.handler = createFunction(this, props, resolved, inTwoParts, key, tokenizers, apiPurpose(props, inTwoParts));
    const { role } = this.handler;
    const scaled = scaledModels(props);
    if (role !== undefined) this.#grantAccess(role, props, key, webhookSecret);
    this.apiKey?.grantRead(this.handler);
    if (role !== undefined && scaled.length > 0) new ScalingAccess(this, 'Load', this.handler, role, scaled);
    if (this.background !== undefined) {
      this.#grantAccess(this.background.role, props, key, webhookSecret);
      this.#grantStart(this.background);
      if (scaled.length > 0) grantWake(this.background.role, scaled);
    }
    this.batchFunction =
      batches === undefined && webhookSecret === undefined
        ? undefined
        : new BatchFunction(this, 'Batches', props, resolved, inTwoParts, key, tokenizers);
    if (this.batchFunction !== undefined) {
      const { role: batchRole } = this.batchFunction.handler;
      if (batchRole !== undefined) this.#grantAccess(batchRole, props, key, webhookSecret);
      this.batchFunction.grantCopies(scaled);
    }
    this.restApi = createRestApi(this, props, resolved, this.handler);
    addFirewall(this, this.restApi, props);
    this.domainTarget = addDomain(this.restApi, props);
    this.baseUrl = props.domain === undefined ? `${this.restApi.url}v1` : `https://${props.domain.name}/v1`;
  }

  /** The durable function of responses in the background. Code that is given has no such function. */
  #background(
    props: ReasoningApiProps,
    { memoryMb, logRetention }: ResolvedApi,
    common: ApiSettingsProps,
    layers: readonly ILayerVersion[],
    key: IKey | undefined,
  ): BackgroundFunction | undefined {
    const { background, retention, network, tracing, alarmTopicArn, runbookUrl } = props;
    const responsesDays = retention?.responsesDays ?? 0;
    // `checkApi` refuses it without a retention.
    if (background === undefined || responsesDays === 0 || props.code !== undefined) return undefined;
    // It authenticates nobody.
    const { apiKeySecretArn: _, ...own } = common;
    const settings = splitSettings(apiSettings({ ...own, background: toBackgroundSettings(background) }));
    assertParsable(settings);
    return new BackgroundFunction(this, 'Background', {
      ...background,
      ...{ settings, layers, responsesDays, memoryMb, logRetention, key, network, tracing, alarmTopicArn, runbookUrl },
    });
  }

  /** Allows a function to use the endpoint, the keys of other servers, the table, stored content and documents. */
  #grantAccess(
    role: IRole,
    { endpoint, models }: ReasoningApiProps,
    key: IKey | undefined,
    webhookSecret: Secret | undefined,
  ): void {
    endpoint?.grantInvoke(role);
    this.#grantUpstreams(role, upstreamsOf(models));
    key?.grantDecrypt(role);
    webhookSecret?.grantRead(role);
    this.ledger?.grant(role, ...LEDGER_ACTIONS);
    for (const bucket of [this.content, this.batchFiles]) if (bucket !== undefined) grantContent(bucket, role, key);
    this.documentIndex?.grantUse(role);
    this.#grantZeroCopies(role, models.map(({ model }) => model).filter(isHosted));
  }

  /** Lets the API start executions of the durable function. */
  #grantStart({ alias }: BackgroundFunction): void {
    this.handler.addToRolePolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [alias.functionArn] }),
    );
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
  #grantZeroCopies(role: IRole, models: readonly OfferedModel[]): void {
    const reported = models.filter(({ deployedScaling }) => deployedScaling === undefined);
    const names = [...new Set(reported.flatMap(({ zeroCopies }) => zeroCopies?.componentName ?? []))];
    if (names.length === 0) return;
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['sagemaker:DescribeInferenceComponent'],
        resources: names.map((name) => componentArnOf(this, name)),
      }),
    );
  }

  /** Lets the function read the keys of other servers, and invoke other endpoints. */
  #grantUpstreams(role: IRole, upstreams: readonly OtherUpstream[]): void {
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
      role.addToPrincipalPolicy(statement);
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
