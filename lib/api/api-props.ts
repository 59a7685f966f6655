import type { Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { BatchRules } from '../../lambda/settings/batch-settings.ts';
import type { Retention } from '../../lambda/settings/retention.ts';
import type { RouteSettings } from '../../lambda/settings/routes.ts';
import type { PrefixCache } from '../../lambda/settings/settings.ts';
import type { BackgroundConfig } from '../background/background-schema.ts';
import type { IReasoningEndpoint } from '../endpoint/endpoint-reference.ts';
import type { Network } from '../endpoint/network.ts';
import type { RetrievalConfig } from '../retrieval/retrieval-schema.ts';
import { defaultCapacityWait } from './after-zero.ts';
import type { ApiAccess } from './api-access.ts';
import type { ApiModel } from './api-settings.ts';
import { isHosted } from './external-model.ts';
import type { LedgerChoice } from './ledger-table.ts';

interface Throttling {
  /** Steady rate of all clients together, in requests per second. */
  readonly requestsPerSecond: number;
  /** Requests above the steady rate that the API accepts at once. */
  readonly burst: number;
}

export interface ReasoningApiProps extends ApiAccess {
  /**
   * Endpoint that hosts models of the API: of this app, or one that exists already (`ReasoningEndpoint.fromEndpointName`).
   *
   * @default - none: every model is on a server that exists already
   */
  readonly endpoint?: IReasoningEndpoint | undefined;
  /** Models that the API offers. The first one serves requests without a `model`. */
  readonly models: readonly ApiModel[];
  /**
   * Further names of models: the id of the model by the alias. A response has the name that the request has.
   *
   * @default - none
   */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /**
   * Further model ids, behind which several models answer, the smallest first: if a model is unsure, the next one is asked.
   *
   * @default - none
   */
  readonly routes?: readonly RouteSettings[] | undefined;
  /**
   * Whether the admin key and keys with `raw_prompts` may use `/v1/completions`, whose prompts may contain control tokens, so a
   * client can write the turns of every role, and go on with a given thought (`continue_final_message`).
   *
   * @default false
   */
  readonly rawPrompts?: boolean | undefined;
  /**
   * Whether keys share the prefix cache of a model. `per-key` needs vLLM, and hides what other keys have sent; each key pays for the
   * prefill of a common system prompt, and for its memory in the cache.
   *
   * @default 'shared'
   */
  readonly prefixCache?: PrefixCache | undefined;
  /**
   * Pages that may call the API from a browser, by their origins: `https://app.example.com`, `http://localhost:*` for any port,
   * or `*` for all.
   *
   * @default - none
   */
  readonly cors?: { readonly origins: readonly string[] } | undefined;
  /**
   * Name of the REST API in the console.
   *
   * @default - the construct's id
   */
  readonly apiName?: string | undefined;
  /**
   * Whether requests need a bearer key. The key is generated, stored in Secrets Manager, and read by the function when it starts.
   *
   * @default true
   */
  readonly apiKey?: boolean | undefined;
  /**
   * ARN of a secret that has the bearer key as its text, with its six last characters, instead of a generated one.
   *
   * @default - a new secret
   */
  readonly apiKeySecretArn?: string | undefined;
  /**
   * Customer-managed KMS key for the bearer key's secret and the function's environment. Logs stay under CloudWatch's own
   * key, because the policy of a customer-managed key would have to allow the service.
   *
   * @default - AWS-managed keys
   */
  readonly kmsKeyArn?: string | undefined;
  /**
   * Table of keys, limits, usage and load: kept when the stack is deleted, deleted with it, or not created.
   *
   * @default 'keep'
   */
  readonly ledger?: LedgerChoice | undefined;
  /**
   * Name of an existing table of keys, limits, usage and load, for instance the one that a deleted stack kept. It has the keys `pk` and
   * `sk`, both strings, `ttl` as time to live, and the default encryption. It is not deleted with the stack.
   *
   * @default - a new table
   */
  readonly ledgerTableName?: string | undefined;
  /**
   * How long content of requests is stored: `responsesDays`, `feedbackDays`, `filesDays`, in whole days up to 3,650.
   *
   * @default - 0 days each: nothing of a conversation is stored
   */
  readonly retention?: Partial<Retention> | undefined;
  /**
   * How responses run in the background: a durable function, with a dead-letter queue and its alarm. Requires `retention.responsesDays`.
   *
   * @default - none do
   */
  readonly background?: BackgroundConfig | undefined;
  /**
   * Stores of documents in which requests look: a bucket, an index of S3 Vectors, and a function that brings one into the other.
   *
   * @default - none
   */
  readonly retrieval?: RetrievalConfig | undefined;
  /**
   * Batches of requests, which run when copies are free: rules by which their lines start. Needs `retention.filesDays`.
   *
   * @default - none
   */
  readonly batches?: BatchRules | undefined;
  /**
   * Whether keys may have webhooks, which the functions post to URLs of the internet.
   *
   * @default false
   */
  readonly webhooks?: boolean | undefined;
  /**
   * ARN of the SNS topic that is notified if a document is not ingested, a response in the background is given up, or a batch is interrupted.
   *
   * @default - no notification
   */
  readonly alarmTopicArn?: string | undefined;
  /**
   * URL of the runbook that these alarms name.
   *
   * @default docs/runbook.md
   */
  readonly runbookUrl?: string | undefined;
  /**
   * Throttling of all clients together.
   *
   * @default - 20 requests per second, burst of 40
   */
  readonly throttling?: Throttling | undefined;
  /**
   * Timeout of a request, in seconds. Lambda and API Gateway cut a request at 900: the rest is for ending the stream in
   * order.
   *
   * @default 880
   */
  readonly requestSeconds?: number | undefined;
  /**
   * Time for which a request waits if the endpoint has no copy, in seconds. At most `requestSeconds`. Its stream is kept
   * alive. 0 answers 503 with Retry-After at once. A request also gets 503 with Retry-After at once if the first copy is
   * expected too late for its answer and its minimum of thinking.
   *
   * @default - the longest cold start of the models as `plan` computes it, and a quarter more; at least 600 and
   * at most `requestSeconds`.
   */
  readonly capacityWaitSeconds?: number | undefined;
  /**
   * Idle time of a stream after which a comment is sent, in seconds. API Gateway cuts a stream that is idle for 300.
   *
   * @default 15
   */
  readonly keepAliveSeconds?: number | undefined;
  /**
   * Time between two chunks from a model server after which the call is ended and resumed from the ids so far, in seconds. Before the
   * first chunk, which waits in the server's queue and for its prefill, five times as long. Minimum: 1.
   *
   * @default 60
   */
  readonly upstreamIdleSeconds?: number | undefined;
  /**
   * Further regions to whose endpoints prompts may go: of models and fallbacks with an upstream of kind `sagemaker`.
   *
   * @default - only the region of the stack
   */
  readonly fallbackRegions?: readonly string[] | undefined;
  /**
   * Whether requests with fields that have no effect are refused. If false, such fields are reported as ignored.
   *
   * @default false
   */
  readonly strict?: boolean | undefined;
  /**
   * Network in which the function has its interfaces: with an `IsolatedNetwork` that has `functionEndpoints`, no call of it leaves the VPC.
   * It needs a route to SageMaker Runtime, and, as far as they are used, to Secrets Manager, DynamoDB, SageMaker and Application Auto Scaling.
   *
   * @default - outside your VPCs
   */
  readonly network?: Network | undefined;
  /**
   * Memory of the function, in MB. At 1,769, Lambda assigns one full CPU. Less makes cold starts, which parse the
   * tokenizer, slower. More does not make streams faster.
   *
   * @default 1769
   */
  readonly memoryMb?: number | undefined;
  /**
   * Reserved concurrency of the function, which is also its maximum.
   *
   * @default - none
   */
  readonly reservedConcurrency?: number | undefined;
  /**
   * Whether X-Ray traces requests.
   *
   * @default false
   */
  readonly tracing?: boolean | undefined;
  /**
   * Retention of the logs, which contain neither prompts nor answers.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
  /**
   * Whether to set the role with which API Gateway writes logs. There is one role per account and region, so `true` overwrites the role
   * of all other APIs there. If none is set, the deployment of the API fails: set it once, see docs/deploying.md.
   *
   * @default false
   */
  readonly accountLogRole?: boolean | undefined;
  /**
   * Code of the function, with the handler `index.handler`. Its settings file is then in a layer, at the path in the
   * environment variable `BUDGETFORCE_SETTINGS_FILE`.
   *
   * @default - this package's function, with the settings file beside it
   */
  readonly code?: Code | undefined;
}

/** Properties of an API with their defaults resolved. */
export interface ResolvedApi {
  readonly ledger: LedgerChoice;
  readonly throttling: Throttling;
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
  readonly keepAliveSeconds: number;
  readonly memoryMb: number;
  readonly logRetention: RetentionDays;
}

/** Resolves the defaults of an API's properties. */
export function resolveApi(props: ReasoningApiProps): ResolvedApi {
  const requestSeconds = props.requestSeconds ?? 880;
  return {
    ledger: props.ledger ?? 'keep',
    throttling: props.throttling ?? { requestsPerSecond: 20, burst: 40 },
    requestSeconds,
    capacityWaitSeconds: props.capacityWaitSeconds ?? defaultCapacityWait(coldStarts(props), requestSeconds),
    keepAliveSeconds: props.keepAliveSeconds ?? 15,
    memoryMb: props.memoryMb ?? 1_769,
    logRetention: props.logRetention ?? RetentionDays.ONE_MONTH,
  };
}

/** Estimated cold starts of the models that may be at zero copies, in seconds. */
function coldStarts({ models }: Pick<ReasoningApiProps, 'models'>): readonly number[] {
  return models.flatMap(({ model }) => (isHosted(model) ? (model.zeroCopies?.startSeconds ?? []) : []));
}
