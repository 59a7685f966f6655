import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppDependencies, Log } from './app.ts';
import type { KeyHashes } from './authenticate.ts';
import { secretKeyHashes } from './key-hashes.ts';
import { createServedModel } from './models/create-model.ts';
import type { Settings } from './settings.ts';

/** The composition root of Lambda and of the laptop alike: the settings' world, with real clocks and real randomness. */
export function dependenciesOf(settings: Settings, log: Log = jsonLog): AppDependencies {
  const keyHashes = keyHashesOf(settings);
  return {
    models: settings.models.map(createServedModel),
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
  console.log(JSON.stringify({ level, message, time: new Date().toISOString(), ...fields }));
};
