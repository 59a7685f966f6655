import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import type { KeyHashes } from '../keys/authenticate.ts';
import { hashKey } from '../keys/hash-key.ts';

/** How long the secret is cached, in milliseconds. A rotated key starts to work, and the old one stops, within this time. */
const KEY_LIFETIME_MS = 300_000;

const secretSchema = z.union([
  z.object({ apiKey: z.string().min(1) }),
  z.object({ apiKeys: z.array(z.string().min(1)).min(1) }),
]);

/**
 * Reads keys from a Secrets Manager secret, and keeps only their hashes in memory. The secret's string is the key, or JSON with
 * `apiKey` or `apiKeys` (two during a rotation).
 */
export function secretKeyHashes(
  secretArn: string,
  options: { readonly client?: Pick<SecretsManagerClient, 'send'>; readonly now: () => number },
): KeyHashes {
  const client = options.client ?? new SecretsManagerClient();
  let known: { readonly hashes: readonly Buffer[]; readonly until: number } | undefined;
  return async () => {
    if (known !== undefined && options.now() < known.until) return known.hashes;
    const secret = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
    const hashes = keysOf(secret.SecretString ?? '').map(hashKey);
    known = { hashes, until: options.now() + KEY_LIFETIME_MS };
    return hashes;
  };
}

function keysOf(secret: string): readonly string[] {
  const text = secret.trim();
  if (text === '') throw new Error('The secret of the API key is empty. Store the key in it.');
  if (!text.startsWith('{')) return [text];
  const parsed = secretSchema.parse(JSON.parse(text));
  return 'apiKey' in parsed ? [parsed.apiKey] : parsed.apiKeys;
}
