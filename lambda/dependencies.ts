import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import type { AppDependencies, Log } from './app.ts';
import type { KeyHashes } from './authenticate.ts';
import { secretKeyHashes } from './key-hashes.ts';
import { createServedModel } from './models/create-model.ts';
import { createRuntimeClient } from './models/sagemaker-model.ts';
import type { Settings } from './settings.ts';

/** The composition root of Lambda and of the laptop alike: the settings' world, with real clocks and real randomness. */
export function dependenciesOf(settings: Settings, log: Log = jsonLog): AppDependencies {
  const keyHashes = keyHashesOf(settings);
  let client: SageMakerRuntimeClient | undefined;
  const runtimeClient = () => {
    client ??= createRuntimeClient();
    return client;
  };
  return {
    models: settings.models.map((model) => createServedModel(model, runtimeClient)),
    ...(keyHashes === undefined ? {} : { keyHashes }),
    clock: {
      now: () => performance.now(),
      sleep: async (ms, signal) => {
        await sleep(ms, undefined, { signal });
      },
    },
    unixTime: () => Math.floor(Date.now() / 1_000),
    newId: () => randomUUID().replaceAll('-', ''),
    log,
    requestTimeoutMs: settings.requestTimeoutMs,
    capacityWaitMs: settings.capacityWaitMs,
    keepAliveMs: settings.keepAliveMs,
  };
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
