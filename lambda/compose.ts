import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { secretKeyHashes } from './aws/secret-key-hashes.ts';
import { secretMaster } from './aws/secret-master.ts';
import { secretUpstreamKey } from './aws/secret-upstream-key.ts';
import { ResponseStore } from './background/response-store.ts';
import { DurableStart } from './background/start-durable.ts';
import { BatchStore } from './batches/batch-store.ts';
import type { AppDependencies } from './context.ts';
import type { Log } from './errors/log.ts';
import { FeedbackStore } from './feedback/feedback-store.ts';
import type { KeyHashes } from './keys/authenticate.ts';
import { FailedLogins } from './keys/failed-logins.ts';
import { KeyStore } from './keys/key-store.ts';
import { Ledger } from './keys/ledger.ts';
import { createModels } from './models/create-models.ts';
import type { ServedModel } from './models/served-model.ts';
import { deployedDocuments, deployedIndex } from './retrieval/deployed-documents.ts';
import type { Retriever } from './retrieval/retriever.ts';
import { FileStore } from './retrieval/stores/file-store.ts';
import { type LocalIngestion, VectorStores, type VectorStoresOptions } from './retrieval/stores/vector-stores.ts';
import { ModelAutoscaler } from './scaling/model-autoscaler.ts';
import { SageMakerCopies } from './scaling/sagemaker-copies.ts';
import type { DesiredCopiesLine, ScalingMetricsLine } from './scaling/scaling-metrics.ts';
import { ZeroCopiesReport } from './scaling/zero-copies-report.ts';
import type { Settings } from './settings/settings.ts';
import { LazyBucket } from './storage/lazy-bucket.ts';
import { LazyTable } from './storage/lazy-table.ts';
import type { ObjectStore } from './storage/objects.ts';
import type { CountingTable } from './storage/table.ts';
import { upstreamConnector } from './upstream/registry.ts';
import type { UpstreamContext } from './upstream/upstream.ts';
import { WebhookStore } from './webhooks/webhook-store.ts';
import { Webhooks } from './webhooks/webhooks.ts';

/**
 * Composition root of the function and of `budgetforce start`: the dependencies that the settings describe, with the real clock,
 * randomness and network. Only the upstreams that the models have are loaded.
 */
export async function compose(
  settings: Settings,
  log: Log = jsonLog,
  overrides: ComposeOverrides = {},
): Promise<AppDependencies> {
  const keyHashes = keyHashesOf(settings);
  const table = settings.tableName === undefined ? undefined : new LazyTable(settings.tableName);
  const loadTable = overrides.table ?? table;
  const openUpstream = upstreamConnector(upstreamContext(overrides), settings.upstreamIdleMs);
  const now = () => performance.now();
  const models = await createModels(settings.models, { open: openUpstream, now, random: Math.random });
  return {
    models,
    ...(settings.aliases === undefined ? {} : { aliases: settings.aliases }),
    ...(settings.routes === undefined ? {} : { routes: settings.routes }),
    ...(settings.corsOrigins === undefined ? {} : { corsOrigins: settings.corsOrigins }),
    rawPrompts: settings.rawPrompts ?? false,
    ...(settings.prefixCache === undefined ? {} : { prefixCache: settings.prefixCache }),
    gzip: settings.gzip ?? false,
    ...(keyHashes === undefined ? {} : { keyHashes }),
    ...(table === undefined ? {} : keyStores(table)),
    ...feedbackOf(settings, table, overrides),
    ...responsesOf(settings, table, overrides),
    ...filesOf(settings, table, models, overrides),
    ...webhooksOf(settings, table, log, overrides),
    ...(overrides.retriever === undefined ? {} : { retriever: overrides.retriever }),
    clock: {
      now,
      sleep: async (ms, signal) => {
        await sleep(ms, undefined, { signal });
      },
    },
    ...(loadTable === undefined ? {} : { loads: loadsOf(settings, log, { ...overrides, table: loadTable }) }),
    zeroCopies: zeroCopiesOf(settings, log),
    unixTime,
    failedLogins: new FailedLogins(unixTime),
    random: Math.random,
    newId,
    log,
    ...(settings.strict === undefined ? {} : { strict: settings.strict }),
    requestTimeoutMs: settings.requestTimeoutMs,
    capacityWaitMs: settings.capacityWaitMs,
    keepAliveMs: settings.keepAliveMs,
  };
}

/** Where documents and their passages are, and what ingests them. */
export interface DocumentParts extends Pick<VectorStoresOptions, 'documents' | 'index'> {
  /** Ingests in this process. @param tokenizerFile the tokenizer.json of the first model, if it has one */
  readonly ingestion?: (tokenizerFile: string | undefined) => LocalIngestion;
}

/** What the local server injects. */
export interface ComposeOverrides extends ScalingOverrides {
  /** Bearer keys of upstreams, by model id. In a deployment a secret holds them. @default - none */
  readonly upstreamKeys?: ReadonlyMap<string, string>;
  /** Stores content that `retention` allows to store. @default - the settings' bucket */
  readonly objects?: ObjectStore;
  /** Where passages are searched, and how documents are read. @default - no stores of documents */
  readonly documents?: DocumentParts;
  /** Called after a batch was created or cancelled. If given, batches are taken. @default - as the settings say */
  readonly batchesChanged?: () => void;
  /** Master secret of webhooks, and whether receivers may be local. @default - the settings' secret, and public receivers */
  readonly webhooks?: { readonly master: string; readonly allowLocal: boolean };
  /** Searches the stores of documents. @default - none */
  readonly retriever?: Retriever;
}

/** Replaces the storage and the reporting of load. */
interface ScalingOverrides {
  /** Stores the load. @default - the settings' table */
  readonly table?: CountingTable;
  /** Receives each line of metrics. @default - written to the log, from which CloudWatch extracts metrics */
  readonly emit?: (line: ScalingMetricsLine) => void;
  /** Interval between updates of a model's scaling, in seconds. @default METRIC_SECONDS */
  readonly tickSeconds?: number;
}

/** The autoscaler of each model that scales by load, by model id. Models on the same copies share one. */
function loadsOf(
  settings: Settings,
  log: Log,
  { table, emit = emitLine, tickSeconds }: ScalingOverrides & { readonly table: CountingTable },
) {
  const byCopies = new Map<string, ModelAutoscaler>();
  const loads = new Map<string, ModelAutoscaler>();
  for (const { id, scaling, upstream } of settings.models) {
    if (scaling === undefined || upstream.kind !== 'sagemaker') continue;
    const { componentName, modelId, ...own } = scaling;
    const load =
      byCopies.get(componentName) ??
      new ModelAutoscaler({
        owner: { endpointName: upstream.endpointName, modelId },
        settings: own,
        table,
        copies: new SageMakerCopies(componentName),
        now: () => Date.now() / 1_000,
        emit,
        log,
        capacityWaitMs: settings.capacityWaitMs,
        ...(tickSeconds === undefined ? {} : { tickSeconds }),
      });
    byCopies.set(componentName, load);
    loads.set(id, load);
    for (const [alias, target] of Object.entries(settings.aliases ?? {})) if (target === id) loads.set(alias, load);
  }
  return loads;
}

/** One report for each component that scales to zero and not by load, by model id. */
function zeroCopiesOf(settings: Settings, log: Log): ReadonlyMap<string, ZeroCopiesReport> {
  const byCopies = new Map<string, ZeroCopiesReport>();
  const reports = new Map<string, ZeroCopiesReport>();
  for (const { id, scaling, zeroCopies, upstream } of settings.models) {
    if (scaling !== undefined || zeroCopies === undefined || upstream.kind !== 'sagemaker') continue;
    const { componentName, modelId } = zeroCopies;
    const report =
      byCopies.get(componentName) ??
      new ZeroCopiesReport({
        owner: { endpointName: upstream.endpointName, modelId },
        copies: new SageMakerCopies(componentName),
        now: () => Date.now() / 1_000,
        emit: emitLine,
        log,
      });
    byCopies.set(componentName, report);
    reports.set(id, report);
  }
  return reports;
}

function emitLine(line: ScalingMetricsLine | DesiredCopiesLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function upstreamContext({ upstreamKeys }: ComposeOverrides): UpstreamContext {
  return {
    secretKey: (secretArn) => secretUpstreamKey(secretArn, { now: () => performance.now() }),
    localKey(modelId) {
      const key = upstreamKeys?.get(modelId);
      return key === undefined ? undefined : { current: async () => key, renewed: async () => key };
    },
  };
}

const newId = () => randomUUID().replaceAll('-', '');
const unixTime = () => Math.floor(Date.now() / 1_000);

function keyStores(table: CountingTable): Pick<AppDependencies, 'keys' | 'ledger'> {
  return { keys: new KeyStore(table, unixTime), ledger: new Ledger(table, unixTime) };
}

/** The store of generations and feedback, if the settings allow it and there is a place for both parts. */
function feedbackOf(
  { retention, contentBucket }: Settings,
  table: CountingTable | undefined,
  { objects = contentBucket === undefined ? undefined : new LazyBucket(contentBucket) }: ComposeOverrides,
): Pick<AppDependencies, 'feedback'> {
  const { feedbackDays } = retention;
  if (feedbackDays === 0 || table === undefined || objects === undefined) return {};
  return { feedback: new FeedbackStore(table, objects, unixTime, feedbackDays) };
}

/** The store of responses, if the settings allow it and there is a place for both parts. */
function responsesOf(
  { retention, contentBucket, background }: Settings,
  table: CountingTable | undefined,
  { objects = contentBucket === undefined ? undefined : new LazyBucket(contentBucket) }: ComposeOverrides,
): Pick<AppDependencies, 'responses'> {
  const { responsesDays } = retention;
  if (responsesDays === 0 || table === undefined || objects === undefined) return {};
  const store = new ResponseStore(table, objects, unixTime, responsesDays);
  if (background?.functionArn === undefined) return { responses: { store } };
  const durable = new DurableStart(background.functionArn);
  return { responses: { store, start: async (pointer) => await durable.start(pointer) } };
}

/** Webhooks, if the settings or the local server have their master secret. */
function webhooksOf(
  { webhooks }: Settings,
  table: CountingTable | undefined,
  log: Log,
  { webhooks: local }: ComposeOverrides,
): Pick<AppDependencies, 'webhooks'> {
  const master = local === undefined ? webhooks && secretMaster(webhooks.secretArn) : async () => local.master;
  if (table === undefined || master === undefined) return {};
  const store = new WebhookStore(table, unixTime, newId);
  const allowLocal = local?.allowLocal ?? false;
  return { webhooks: new Webhooks({ store, master, allowLocal, unixTime, random: Math.random, log }) };
}

/** Files, stores of documents and batches, if the settings allow files and there is a place for them. */
function filesOf(
  { retention, retrieval, batches }: Settings,
  table: CountingTable | undefined,
  [model]: readonly ServedModel[],
  overrides: ComposeOverrides,
): Pick<AppDependencies, 'files' | 'documents' | 'retriever' | 'batches'> {
  const { filesDays } = retention;
  const parts: DocumentParts | undefined =
    overrides.documents ?? (retrieval && { documents: deployedDocuments(retrieval), index: deployedIndex(retrieval) });
  const documents = parts?.documents ?? (batches && deployedDocuments({ documentBucket: batches.bucket }));
  if (filesDays === 0 || table === undefined || documents === undefined) return {};
  const files = new FileStore(table, documents, { unixTime, newId }, filesDays);
  const store = new BatchStore({ table, documents, unixTime, newId, days: filesDays });
  const withBatches =
    batches === undefined && overrides.batchesChanged === undefined
      ? { files }
      : { files, batches: { store, changed: overrides.batchesChanged } };
  if (parts === undefined) return withBatches;
  const { tokenizer } = model?.settings ?? {};
  const ingestion = parts.ingestion?.(tokenizer?.kind === 'file' ? tokenizer.path : undefined);
  const stores = new VectorStores({ ...parts, ingestion, table, files, unixTime, newId });
  return { ...withBatches, documents: { files, stores }, retriever: stores };
}

function keyHashesOf(settings: Settings): KeyHashes | undefined {
  if (settings.apiKeySecretArn !== undefined) {
    return secretKeyHashes(settings.apiKeySecretArn, { now: () => performance.now() });
  }
  if (settings.apiKeySha256 === undefined) return undefined;
  const hashes = settings.apiKeySha256.map((hex) => Buffer.from(hex, 'hex'));
  return async () => hashes;
}

/** Writes one JSON object per line, as CloudWatch Logs Insights parses it. */
export const jsonLog: Log = (level, message, fields) => {
  // Not console.log: Lambda's JSON log format would wrap the line in another object.
  process.stdout.write(`${JSON.stringify({ level, message, time: new Date().toISOString(), ...fields })}\n`);
};
