import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { readSecretKeys, type SecretsClient } from './secret-keys.ts';

/** Reads the master secret of webhooks in a Secrets Manager secret on first use, and keeps it. A failed read is repeated by the next use. */
export function secretMaster(secretArn: string, client?: SecretsClient): () => Promise<string> {
  let known: Promise<string> | undefined;
  return async () => {
    known ??= readSecretKeys(client ?? new SecretsManagerClient(), secretArn).then(([master]) => master);
    return await known.catch((error: unknown) => {
      known = undefined;
      throw error;
    });
  };
}
