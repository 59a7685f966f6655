import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { KeyHashes } from '../keys/authenticate.ts';
import { hashKey } from '../keys/hash-key.ts';
import { readSecretKeys, type SecretsClient } from './secret-keys.ts';

/** How long the secret is cached, in milliseconds. A rotated key starts to work, and the old one stops, within this time. */
const KEY_LIFETIME_MS = 300_000;

/** Reads keys from a Secrets Manager secret (see `readSecretKeys`), and keeps only their hashes in memory. */
export function secretKeyHashes(
  secretArn: string,
  options: { readonly client?: SecretsClient; readonly now: () => number },
): KeyHashes {
  const client = options.client ?? new SecretsManagerClient();
  let known: { readonly hashes: readonly Buffer[]; readonly until: number } | undefined;
  return async () => {
    if (known !== undefined && options.now() < known.until) return known.hashes;
    const hashes = (await readSecretKeys(client, secretArn)).map(hashKey);
    known = { hashes, until: options.now() + KEY_LIFETIME_MS };
    return hashes;
  };
}
