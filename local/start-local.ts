import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { backgroundDialects } from '../lambda/apis/background-dialects.ts';
import { createApp } from '../lambda/app.ts';
import { tickLoads } from '../lambda/aws/tick-loads.ts';
import { BackgroundRunner } from '../lambda/background/runner.ts';
import type { ResponsePointer } from '../lambda/background/stored-response.ts';
import { compose, type DocumentParts } from '../lambda/compose.ts';
import type { AppDependencies } from '../lambda/context.ts';
import { toApiError } from '../lambda/errors/api-error.ts';
import type { Log } from '../lambda/errors/log.ts';
import type { FormatName } from '../lambda/forcing/format.ts';
import { Shutdown } from '../lambda/generation/shutdown.ts';
import { hashKey } from '../lambda/keys/hash-key.ts';
import type { Embedder } from '../lambda/retrieval/passage-index.ts';
import { createCutDocument } from '../lambda/retrieval/read/read-document.ts';
import type { Retriever } from '../lambda/retrieval/retriever.ts';
import { type Aliases, aliasProblem } from '../lambda/settings/aliases.ts';
import { MAX_DAYS, retentionSchema } from '../lambda/settings/retention.ts';
import { type RouteSettings, routeProblem } from '../lambda/settings/routes.ts';
import type { ModelSettings } from '../lambda/settings/settings.ts';
import { MemoryTable } from '../lambda/storage/memory-table.ts';
import { Table } from '../lambda/storage/table.ts';
import { ModelError } from '../lambda/upstream/errors.ts';
import { BackgroundWorker } from './background-worker.ts';
import { type BatchWork, startBatchWork } from './batch-work.ts';
import { calibrationBeside } from './calibration-file.ts';
import {
  type EmulatedCopies,
  emulateCopies,
  LOCAL_COMPONENT_NAME,
  LOCAL_TICK_SECONDS,
  type LocalCopies,
  scalingOf,
} from './emulated-copies.ts';
import { startContainerEndpoint } from './endpoint/container-endpoint.ts';
import type { CopyFleet } from './endpoint/copy-fleet.ts';
import { parseFaultScript } from './endpoint/faults.ts';
import { type LocalComponent, type LocalEndpoint, startLocalEndpoint } from './endpoint/local-endpoint.ts';
import type { Engine } from './engine/engine.ts';
import { LazyEngine } from './engine/lazy-engine.ts';
import { DEFAULT_PARALLEL_STREAMS, loadLlamaEngine } from './engine/llama-engine.ts';
import { expireContent } from './expire-content.ts';
import { FolderObjects } from './folder-objects.ts';
import { type FurtherModel, fileNameOf, missingFile, windowOf } from './further-models.ts';
import { keysOf, type LocalFallback, withFallbacks } from './local-fallbacks.ts';
import { type LocalTable, startLocalTable } from './local-table.ts';
import { probeContainer } from './probe-container.ts';
import { EmbeddedIndex } from './retrieval/embedded-index.ts';
import { FolderDocuments } from './retrieval/folder-documents.ts';
import { sendFrames } from './send-frames.ts';
import { findServedModel } from './served-models.ts';
import { checkSender } from './trusted-sender.ts';
import { webhookMaster } from './webhook-master.ts';

export interface LocalOptions {
  /** 0 chooses any free port. */
  readonly port: number;
  readonly host: string;
  /** A GGUF file. If omitted, the embedded model runs. */
  readonly modelPath?: string;
  /** Id of the model of `modelPath`. @default the name of the file, without `.gguf` */
  readonly modelId?: string;
  /** Thinking format of `modelPath` or of the upstream model. */
  readonly format?: FormatName;
  /** The model's tokenizer.json. If omitted, the embedded model uses its own, and other models are tokenized by their server. */
  readonly tokenizerPath?: string;
  /** Base URL of a text completions server with vLLM's fields, for example `http://localhost:8000/v1`. */
  readonly upstream?: string;
  /** Model name at the upstream. @default the first of its /models */
  readonly upstreamModel?: string;
  readonly upstreamKey?: string;
  /**
   * Base URL of a container with SageMaker's hosting contract (`GET /ping`, `POST /invocations`), for example
   * `http://localhost:8080`. A local SageMaker endpoint runs in front of it.
   */
  readonly container?: string;
  /** Servers on which requests go on if the model's own fails, in this order. @default - none */
  readonly fallbacks?: readonly LocalFallback[];
  /** Time without a first chunk after which the first fallback is called as well, in milliseconds. @default - off */
  readonly hedgeAfterMs?: number;
  /** Context window of the upstream or the container, in tokens. @default what the server reports, else 8,192 */
  readonly contextTokens?: number;
  /** Concurrent streams of the embedded engine. @default 4 */
  readonly parallel?: number;
  /** Copies that the embedded endpoint emulates. @default - one copy that always runs */
  readonly copies?: LocalCopies;
  /** Bearer key that clients must send. If omitted, authentication is off. */
  readonly apiKey?: string;
  /** Without a key: further host names under which clients may address the server. @default - none */
  readonly allowedHosts?: readonly string[];
  /** Origins of pages that may call the API (`corsOriginSchema`), beside those of this machine. @default - none */
  readonly allowedOrigins?: readonly string[];
  /** Further names of the model: its id by the alias. @default - none */
  readonly aliases?: Aliases;
  /** Models that the embedded endpoint serves beside the first one. Each is loaded by its first request. @default - none */
  readonly furtherModels?: readonly FurtherModel[];
  /** Ids behind which several of the models answer. @default - none */
  readonly routes?: readonly RouteSettings[];
  /** Data folder of the embedded DynamoDB with keys, limits and usage. If omitted, keys and usage are not available. */
  readonly dataFolder?: string;
  /** How long responses are kept in `dataFolder` whose clients ask for it, in days. 0 keeps none. @default 30 */
  readonly responsesDays?: number;
  /** Longest segment of work on a response in the background, in milliseconds. @default 480,000 */
  readonly segmentMs?: number;
  /** How long conversations of keys that allow it, and feedback on them, are kept in `dataFolder`, in days. @default 0 */
  readonly feedbackDays?: number;
  /** A GGUF file, or the base URL of a server with OpenAI's `/embeddings`, by which passages are found by meaning, too. @default - by words alone */
  readonly embeddings?: string;
  /** Wraps the embedded engine, for measurements. @default - none */
  readonly wrapEngine?: (engine: Engine) => Engine;
  /** JSON of the faults that the embedded endpoint plays (docs/reliability.md). If omitted, it plays none and has no route for faults. */
  readonly faults?: string;
  /** Time after which a silent call of the model is ended and resumed, in milliseconds. @default a minute */
  readonly upstreamIdleMs?: number;
  /** Whether webhooks may be sent over `http://`, and to this machine and private networks. @default false */
  readonly allowLocalWebhooks?: boolean;
  readonly log?: Log;
  /** Searches documents for requests with `retrieval`. @default - none, and such requests are refused */
  readonly retriever?: Retriever;
}

export interface LocalServer {
  readonly url: string;
  readonly model: ModelSettings;
  /** Ids of all models and routes that requests may name, `model` first. */
  readonly offered: readonly string[];
  /** The embedded endpoint. `undefined` with an upstream or a container. */
  readonly endpoint: LocalEndpoint | undefined;
  /** The emulated copies. `undefined` without `LocalOptions.copies`. */
  readonly fleet: CopyFleet | undefined;
  /** Number of generations that run. */
  running(): number;
  /**
   * Stops accepting requests and cuts their thinking. Answers that do not end within the grace time end with an error.
   *
   * @param options `graceMs`: the grace time, in milliseconds. @default 0
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Name of the local endpoint, as its SageMaker clients give it. */
export const LOCAL_ENDPOINT_NAME = 'local';

/** Pages of this machine, on any port. */
const LOCAL_ORIGINS = ['localhost', '127.0.0.1', '[::1]'].flatMap((host) => [`http://${host}:*`, `https://${host}:*`]);
/** Window of a server that does not report its own, in tokens. */
const DEFAULT_CONTEXT_TOKENS = 8_192;

/** How long uploaded files are kept on this machine, in days: until they are deleted. */
const FILES_DAYS = MAX_DAYS;

/** How long responses are kept if the options do not say, in days: as OpenAI keeps them. */
const RESPONSES_DAYS = 30;

const modelFile = (name: string) => fileURLToPath(new URL(`model/${name}`, import.meta.url));

/**
 * Starts the API on this machine. It runs the same app as Lambda, which accesses the embedded engine through the AWS SDK at a
 * local endpoint URL.
 *
 * @throws {Error} if the port is taken, the model does not load or the upstream does not answer
 */
export async function startLocal(options: LocalOptions): Promise<LocalServer> {
  const { model: alone, further = [], runtime, endpoint, copies } = await backendOf(options);
  const model = await withFallbacks(alone, options).catch(async (error: unknown) => {
    await runtime?.close();
    throw error;
  });
  const { aliases = {}, routes = [] } = options;
  const models = [model, ...further];
  const modelIds = models.map(({ id }) => id);
  const offered = [...modelIds, ...routes.map(({ id }) => id)];
  const problem = aliasProblem(aliases, offered) ?? routeProblem(routes, models, aliases);
  if (problem !== undefined) {
    await runtime?.close();
    throw new Error(`${problem.sentence}.`);
  }
  const embedder = await embedderOf(options).catch(async (error: unknown) => {
    await runtime?.close();
    throw error;
  });
  const table = await tableIn(options.dataFolder).catch(async (error: unknown) => {
    await runtime?.close();
    throw error;
  });
  const allowedOrigins = [...LOCAL_ORIGINS, ...(options.allowedOrigins ?? [])];
  const settings = {
    models,
    ...(routes.length === 0 ? {} : { routes: [...routes] }),
    ...(options.aliases === undefined ? {} : { aliases: options.aliases }),
    rawPrompts: true,
    corsOrigins: allowedOrigins,
    gzip: true,
    ...(table === undefined ? {} : { tableName: table.name }),
    retention: retentionSchema.parse({
      responsesDays: options.responsesDays ?? RESPONSES_DAYS,
      feedbackDays: options.feedbackDays ?? 0,
      filesDays: FILES_DAYS,
    }),
    requestTimeoutMs: 900_000,
    capacityWaitMs: (options.copies?.waitSeconds ?? 600) * 1_000,
    keepAliveMs: 15_000,
    ...(options.upstreamIdleMs === undefined ? {} : { upstreamIdleMs: options.upstreamIdleMs }),
    ...(options.apiKey === undefined ? {} : { apiKeySha256: [hashKey(options.apiKey).toString('hex')] }),
  };
  for (const service of ['SAGEMAKER_RUNTIME', 'SAGEMAKER', 'APPLICATION_AUTO_SCALING'])
    pointSdkAt(service, runtime?.url);
  pointSdkAt('DYNAMODB', table?.url);
  const scalingOverrides = copies && {
    ...(table === undefined ? { table: new MemoryTable() } : {}),
    emit: copies.emit,
    tickSeconds: LOCAL_TICK_SECONDS,
  };
  let batchWork: BatchWork | undefined;
  const objects = options.dataFolder === undefined ? undefined : new FolderObjects(join(options.dataFolder, 'content'));
  const dependencies = await compose(settings, options.log ?? (() => {}), {
    ...(options.retriever === undefined ? {} : { retriever: options.retriever }),
    ...scalingOverrides,
    upstreamKeys: keysOf(model, options),
    ...(objects === undefined ? {} : { objects }),
    ...(options.dataFolder === undefined
      ? {}
      : {
          documents: documentsIn(options.dataFolder, embedder, options.log),
          batchesChanged: () => batchWork?.look(),
          webhooks: { master: webhookMaster(options.dataFolder), allowLocal: options.allowLocalWebhooks ?? false },
        }),
  });
  // Ingestions that a killed process left.
  void dependencies.documents?.stores.resume().catch((error: unknown) => failed(options.log, error));
  const { feedback, responses } = dependencies;
  const { feedbackDays, responsesDays } = settings.retention;
  if (objects !== undefined) {
    const kept = {
      feedback: feedback && { store: feedback, days: feedbackDays },
      responses: responses && { store: responses.store, days: responsesDays },
    };
    await expireContent(objects, kept, Date.now());
  }
  if (options.upstream !== undefined) {
    await probeUpstream(dependencies, options.upstream).catch(async (error: unknown) => {
      await table?.close();
      throw error;
    });
  }
  const shutdown = new Shutdown();
  const background = backgroundOf(dependencies, table, options);
  const app = createApp({ ...dependencies, ...background?.responses, shutdown });
  batchWork = startBatchWork(
    { ...dependencies, shutdown },
    {
      // Of other servers, and of emulated copies, the load is not of this process.
      places:
        endpoint === undefined || copies !== undefined ? undefined : (options.parallel ?? DEFAULT_PARALLEL_STREAMS),
      running: () => shutdown.running,
    },
  );
  // In production an EventBridge rule ticks, so that scaling continues when no requests arrive.
  const ticking = setInterval(() => {
    copies?.autoScaling.runSchedules();
    void tickLoads(dependencies);
  }, LOCAL_TICK_SECONDS * 1_000);
  const server = createAdaptorServer({ fetch: fetchOf(app, options, allowedOrigins) });
  try {
    server.listen(options.port, options.host);
    await once(server, 'listening');
  } catch (error) {
    clearInterval(ticking);
    await batchWork.close();
    await Promise.all([runtime?.close(), table?.close()]);
    throw listenError(error, options);
  }
  void background?.worker.resume().catch((error: unknown) => failed(options.log, error));
  // The address of a server that listens on a TCP port is an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    model,
    offered,
    endpoint,
    fleet: copies?.fleet,
    running: () => shutdown.running,
    async close({ graceMs = 0 } = {}) {
      clearInterval(ticking);
      shutdown.begin();
      // What runs in the background, and batches, are left at once, and go on after the next start.
      await Promise.all([drain(server, shutdown, graceMs), background?.worker.close(), batchWork?.close()]);
      await Promise.all([runtime?.close(), table?.close()]);
    },
  };
}

/** Longest segment of work, time of a response and wait for a place in the background. */
const BACKGROUND = { segmentMs: 480_000, maxSeconds: 7 * 86_400, maxWaitSeconds: 86_400 } as const;
/** Responses that run in the background at the same time, if the options do not say how many the engine runs. */
const BACKGROUND_PLACES = 4;

/** What runs stored responses in this process, if any are stored. */
function backgroundOf(dependencies: AppDependencies, table: LocalTable | undefined, options: LocalOptions) {
  const { responses, log } = dependencies;
  if (responses === undefined || table === undefined) return undefined;
  const { store } = responses;
  const limits = { ...BACKGROUND, ...(options.segmentMs === undefined ? {} : { segmentMs: options.segmentMs }) };
  const runner = new BackgroundRunner({ store, dependencies, dialects: backgroundDialects, ...limits });
  const places = options.parallel ?? BACKGROUND_PLACES;
  const worker = new BackgroundWorker({ table: new Table(table.name), runner, places, log });
  return {
    worker,
    responses: {
      responses: {
        store,
        start: async (pointer: ResponsePointer) => await worker.start(pointer),
        leave: (pointer: ResponsePointer) => worker.leave(pointer),
      },
    },
  };
}

async function embedderOf({ embeddings }: LocalOptions): Promise<Embedder | undefined> {
  return embeddings === undefined ? undefined : (await import('./retrieval/open-embedder.ts')).openEmbedder(embeddings);
}

/** Stores of documents in the data folder. Ingestions follow each other beside requests. */
function documentsIn(dataFolder: string, embedder: Embedder | undefined, log: Log | undefined): DocumentParts {
  let last: Promise<void> = Promise.resolve();
  return {
    documents: new FolderDocuments(join(dataFolder, 'documents')),
    index: new EmbeddedIndex(join(dataFolder, 'passages'), embedder),
    ingestion: (tokenizerFile) => ({
      cut: createCutDocument(tokenizerFile),
      async run(work) {
        last = last.then(work).catch((error: unknown) => failed(log, error));
      },
    }),
  };
}

function failed(log: Log | undefined, error: unknown): void {
  log?.('error', 'ingestion failed', { error: error instanceof Error ? error.message : String(error) });
}

/** Time in which requests that fail at the end of the grace time report it and settle, in milliseconds. */
const FINAL_MS = 3_000;
/** How often connections without a request are closed while the server drains, in milliseconds. */
const IDLE_CHECK_MS = 50;

/** Stops accepting, lets requests end within the grace time, then fails the rest and closes every connection. */
async function drain(server: ServerType, shutdown: Shutdown, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const idle = setInterval(() => {
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  }, IDLE_CHECK_MS);
  if (graceMs > 0) await Promise.race([closed, sleep(graceMs, undefined, { ref: false })]);
  await Promise.race([Promise.all([closed, shutdown.end()]), sleep(FINAL_MS, undefined, { ref: false })]);
  clearInterval(idle);
  if ('closeAllConnections' in server) server.closeAllConnections();
  await closed;
}

/** Serves the app. Without a key, only for senders that no foreign page can speak for. */
function fetchOf(
  app: ReturnType<typeof createApp>,
  options: LocalOptions,
  allowedOrigins: readonly string[],
): Parameters<typeof createAdaptorServer>[0]['fetch'] {
  const { host, apiKey, allowedHosts = [] } = options;
  return async (request, env) => {
    try {
      if (apiKey === undefined) checkSender(request.headers, { host, allowedHosts, allowedOrigins });
    } catch (error) {
      const { body, status } = toApiError(error);
      return Response.json(body, { status });
    }
    const response = await app.fetch(request, { source: env.incoming.socket.remoteAddress });
    return env.outgoing instanceof ServerResponse
      ? sendFrames(response, env.outgoing, (error) =>
          options.log?.('error', 'stream broken off', {
            error: error instanceof Error ? error.message : String(error),
          }),
        )
      : response;
  };
}

async function tableIn(folder: string | undefined): Promise<LocalTable | undefined> {
  return folder === undefined ? undefined : await startLocalTable(folder);
}

/** Sets the environment that Lambda provides in production. The SDK signs with the credentials; local servers ignore them. */
function pointSdkAt(service: string, url: string | undefined): void {
  if (url === undefined) return;
  Object.assign(process.env, {
    [`AWS_ENDPOINT_URL_${service}`]: url,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
}

/** The model that is served, and the server of SageMaker's protocol in front of it. */
interface Backend {
  readonly model: ModelSettings;
  readonly further?: readonly ModelSettings[];
  readonly runtime?: { readonly url: string; close(): Promise<void> };
  readonly endpoint?: LocalEndpoint;
  readonly copies?: EmulatedCopies | undefined;
}

async function backendOf(options: LocalOptions): Promise<Backend> {
  if (options.container !== undefined) return await inContainer(options, options.container);
  if (options.upstream !== undefined) return { model: await upstream(options, options.upstream) };
  return await embedded(options);
}

async function inContainer(options: LocalOptions, url: string): Promise<Backend> {
  const containerUrl = url.replace(/\/+$/, '');
  const { modelName, isAdapter, contextTokens } = await probeContainer({
    url: containerUrl,
    modelName: options.upstreamModel,
    mustTokenize: options.tokenizerPath === undefined,
  });
  const runtime = await startContainerEndpoint({
    containerUrl,
    endpointName: LOCAL_ENDPOINT_NAME,
    inferenceComponentName: LOCAL_COMPONENT_NAME,
    ...(isAdapter && modelName !== undefined ? { adapterName: modelName } : {}),
  });
  return {
    runtime,
    model: {
      id: modelName ?? 'container',
      format: options.format ?? 's1',
      upstream: {
        kind: 'sagemaker',
        endpointName: LOCAL_ENDPOINT_NAME,
        inferenceComponentName: LOCAL_COMPONENT_NAME,
        ...(modelName === undefined ? {} : { servedModelName: modelName }),
      },
      tokenizer: tokenizerOf(options.tokenizerPath),
      ...budgetsFor(options.contextTokens ?? contextTokens ?? DEFAULT_CONTEXT_TOKENS),
    },
  };
}

async function embedded(options: LocalOptions): Promise<Backend> {
  const own = options.modelPath !== undefined;
  const script = options.faults === undefined ? undefined : parseFaultScript(options.faults);
  const llama = await loadLlamaEngine({
    modelPath: options.modelPath ?? modelFile('budgetforce-tiny.gguf'),
    ...parallelOf(options),
  }).catch((cause: unknown) => {
    throw new Error(`The model ${options.modelPath ?? ''} does not load: ${String(cause)}`, { cause });
  });
  const engine = options.wrapEngine?.(llama) ?? llama;
  const id = own ? (options.modelId ?? fileNameOf(options.modelPath ?? '')) : 'budgetforce-tiny';
  const copies = options.copies && emulateCopies(options.copies);
  const endpoint = await startLocalEndpoint({
    engine,
    ...(copies === undefined ? {} : { copies }),
    endpointName: LOCAL_ENDPOINT_NAME,
    inferenceComponentName: LOCAL_COMPONENT_NAME,
    servedModelName: id,
    components: (options.furtherModels ?? []).map((model) => componentOf(model, options)),
    faultsRoute: script !== undefined,
  });
  const tokenizerPath = options.tokenizerPath ?? (own ? undefined : modelFile('tokenizer.json'));
  if (script !== undefined) endpoint.faults.play(script);
  const further = await Promise.all((options.furtherModels ?? []).map(furtherSettings)).catch(
    async (error: unknown) => {
      await endpoint.close();
      throw error;
    },
  );
  return {
    runtime: endpoint,
    endpoint,
    further,
    copies,
    model: {
      id,
      format: options.format ?? 's1',
      upstream: {
        kind: 'sagemaker',
        endpointName: LOCAL_ENDPOINT_NAME,
        inferenceComponentName: LOCAL_COMPONENT_NAME,
        servedModelName: id,
      },
      tokenizer: tokenizerOf(tokenizerPath),
      ...budgetsFor(engine.contextTokens),
      ...calibrationBeside(options.modelPath ?? modelFile('budgetforce-tiny.gguf')),
      ...(options.copies === undefined ? {} : { scaling: scalingOf(options.copies, id, engine.contextTokens) }),
      ...(own ? {} : { systemPrompt: 'You are a careful assistant.', defaultTemperature: 1 }),
    },
  };
}

/** The component of a further model, whose engine its first call loads. */
function componentOf({ id, modelPath }: FurtherModel, options: LocalOptions): LocalComponent {
  const open = async () => {
    const engine = await loadLlamaEngine({ modelPath, ...parallelOf(options) }).catch((cause: unknown) => {
      throw new Error(`The model ${modelPath} does not load: ${String(cause)}`, { cause });
    });
    return options.wrapEngine?.(engine) ?? engine;
  };
  return { name: componentNameOf(id), servedModelName: id, engine: new LazyEngine(open) };
}

/** @throws {Error} that names the missing file */
async function furtherSettings(further: FurtherModel): Promise<ModelSettings> {
  const { id, format, tokenizerPath, systemPrompt, defaultTemperature } = further;
  const missing = missingFile(further);
  if (missing !== undefined) throw new Error(`The model ${id} cannot be served: there is no file ${missing}.`);
  return {
    id,
    format,
    upstream: {
      kind: 'sagemaker',
      endpointName: LOCAL_ENDPOINT_NAME,
      inferenceComponentName: componentNameOf(id),
      servedModelName: id,
    },
    tokenizer: tokenizerOf(tokenizerPath),
    ...budgetsFor(await windowOf(further)),
    ...calibrationBeside(further.modelPath),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
    ...(defaultTemperature === undefined ? {} : { defaultTemperature }),
  };
}

const componentNameOf = (modelId: string) => `${LOCAL_COMPONENT_NAME}-${modelId}`;

async function upstream(options: LocalOptions, url: string): Promise<ModelSettings> {
  const baseUrl = url.replace(/\/+$/, '');
  const served = await findServedModel('upstream', baseUrl, options.upstreamModel, options.upstreamKey);
  return {
    id: served.id,
    format: options.format ?? 's1',
    upstream: { kind: 'openai-compatible', baseUrl, servedModelName: served.id },
    tokenizer: tokenizerOf(options.tokenizerPath),
    ...budgetsFor(options.contextTokens ?? served.contextTokens ?? DEFAULT_CONTEXT_TOKENS),
  };
}

/** Time that the probe of an upstream may take, in milliseconds. A slower server is busy, and is found out by the first request. */
const PROBE_MS = 20_000;

/**
 * Asks the upstream for one token, with token ids as the prompt.
 *
 * @throws {Error} if the server takes no ids or returns none. A server that is busy or still starting passes.
 */
async function probeUpstream({ models: [model] }: AppDependencies, url: string): Promise<void> {
  if (model === undefined) return;
  const signal = AbortSignal.timeout(PROBE_MS);
  const request = { maxTokens: 1, minTokens: 0, stopTokenIds: [], sampling: { temperature: 0 } };
  try {
    const promptIds = await model.textIds('Hello');
    let tokens = 0;
    for await (const { tokenIds } of model.segments.run({ ...request, promptIds }, { signal }))
      tokens += tokenIds.length;
    if (tokens > 0) return;
  } catch (cause) {
    if (signal.aborted || (cause instanceof ModelError && [429, 503, 504].includes(cause.status))) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The upstream ${url} cannot be used: ${why}`, { cause });
  }
  throw new Error(
    `The upstream ${url} cannot be used: it returned no token ids. Budgets are counted in ids: use a server that supports \`return_token_ids\` (vLLM 0.10.2 or newer).`,
  );
}

function tokenizerOf(path: string | undefined): ModelSettings['tokenizer'] {
  return path === undefined ? { kind: 'endpoint' } : { kind: 'file', path };
}

/** Limits and effort levels in proportion to the context window. */
function budgetsFor(contextTokens: number) {
  const max = Math.floor(contextTokens * 0.75);
  return {
    contextTokens,
    maxThinkingTokens: max,
    defaultMaxThinkingTokens: Math.floor(max / 2),
    defaultMaxAnswerTokens: Math.floor(contextTokens / 8),
    efforts: {
      none: 0,
      minimal: Math.floor(max / 96),
      low: Math.floor(max / 32),
      medium: Math.floor(max / 12),
      high: Math.floor(max / 4),
      xhigh: max,
    },
  };
}

/** With emulated copies, the engine needs places for all copies; otherwise `parallel` applies. */
function parallelOf({ parallel, copies }: LocalOptions) {
  if (copies !== undefined) return { parallel: copies.max * copies.requestsPerCopy };
  return parallel === undefined ? {} : { parallel };
}

function listenError(error: unknown, { port, host }: LocalOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return new Error(`Port ${port} is taken. Choose another one with --port, or 0 for any free port.`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new Error(`This machine has no address ${host}. Choose another one with --host.`);
  if (code === 'EACCES') return new Error(`Port ${port} requires elevated rights. Choose one above 1023 with --port.`);
  return error;
}
