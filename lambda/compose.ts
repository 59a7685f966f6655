import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { secretKeyHashes } from './aws/secret-key-hashes.ts';
import type { AppDependencies } from './context.ts';
import type { Log } from './errors/log.ts';
import type { KeyHashes } from './keys/authenticate.ts';
import { KeyStore } from './keys/key-store.ts';
import { Ledger } from './keys/ledger.ts';
import { createServedModel } from './models/create-model.ts';
import { ModelAutoscaler } from './scaling/model-autoscaler.ts';
import { SageMakerCopies } from './scaling/sagemaker-copies.ts';
import type { ScalingMetricsLine } from './scaling/scaling-metrics.ts';
import type { Settings } from './settings/settings.ts';
import { LazyTable } from './storage/lazy-table.ts';
import type { ItemTable } from './storage/table.ts';
import { createRuntimeClient } from './upstream/sagemaker-model.ts';

/** The composition root of Lambda and of the laptop alike: the settings' world, with real clocks and real randomness. */
export function compose(settings: Settings, log: Log = jsonLog, load: ScalingOverrides = {}): AppDependencies {
  const keyHashes = keyHashesOf(settings);
  const table = settings.tableName === undefined ? undefined : new LazyTable(settings.tableName);
  const loadTable = load.table ?? table;
  let client: SageMakerRuntimeClient | undefined;
  const runtimeClient = () => {
    client ??= createRuntimeClient();
    return client;
  };
  return {
    models: settings.models.map((model) => createServedModel(model, runtimeClient)),
    ...(keyHashes === undefined ? {} : { keyHashes }),
    ...(table === undefined ? {} : keyStores(table)),
    clock: {
      now: () => performance.now(),
      sleep: async (ms, signal) => {
        await sleep(ms, undefined, { signal });
      },
    },
    ...(loadTable === undefined ? {} : { loads: loadsOf(settings, log, { ...load, table: loadTable }) }),
    unixTime,
    newId: () => randomUUID().replaceAll('-', ''),
    log,
    requestTimeoutMs: settings.requestTimeoutMs,
    capacityWaitMs: settings.capacityWaitMs,
    keepAliveMs: settings.keepAliveMs,
  };
}

/** Where the load of models is kept and told. */
export interface ScalingOverrides {
  /** @default - the settings' table */
  readonly table?: ItemTable;
  /** Takes a line of metrics. @default - the log, from which CloudWatch makes metrics */
  readonly emit?: (line: ScalingMetricsLine) => void;
  /** How often the load is looked at. Seconds. @default METRIC_SECONDS */
  readonly tickSeconds?: number;
}

/** The loads of all models that have one, by their ids. Models on the same copies share it. */
function loadsOf(
  settings: Settings,
  log: Log,
  { table, emit = emitLine, tickSeconds }: ScalingOverrides & { readonly table: ItemTable },
) {
  const byCopies = new Map<string, ModelAutoscaler>();
  const loads = new Map<string, ModelAutoscaler>();
  for (const { id, scaling, backend } of settings.models) {
    if (scaling === undefined || backend.kind !== 'sagemaker') continue;
    const { componentName, modelId, ...own } = scaling;
    const load =
      byCopies.get(componentName) ??
      new ModelAutoscaler({
        owner: { endpointName: backend.endpointName, modelId },
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
  }
  return loads;
}

function emitLine(line: ScalingMetricsLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const unixTime = () => Math.floor(Date.now() / 1_000);

function keyStores(table: ItemTable): Pick<AppDependencies, 'keys' | 'ledger'> {
  return { keys: new KeyStore(table, unixTime), ledger: new Ledger(table, unixTime) };
}

function keyHashesOf(settings: Settings): KeyHashes | undefined {
  if (settings.apiKeySecretArn !== undefined) {
    return secretKeyHashes(settings.apiKeySecretArn, { now: () => performance.now() });
  }
  if (settings.apiKeySha256 === undefined) return undefined;
  const hashes = settings.apiKeySha256.map((hex) => Buffer.from(hex, 'hex'));
  return async () => hashes;
}

/** One JSON object a line, as CloudWatch Logs Insights reads it. */
export const jsonLog: Log = (level, message, fields) => {
  // Not console.log: Lambda's JSON log format would wrap the line into another object.
  process.stdout.write(`${JSON.stringify({ level, message, time: new Date().toISOString(), ...fields })}\n`);
};
