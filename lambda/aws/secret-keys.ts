import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';

/** Client that reads secrets. */
export type SecretsClient = Pick<SecretsManagerClient, 'send'>;

const secretSchema = z.union([
  z.object({ apiKey: z.string().min(1) }),
  z.object({ apiKeys: z.array(z.string().min(1)).min(1) }),
]);

/**
 * Reads the keys in a Secrets Manager secret. Its string is the key, or JSON with `apiKey` or `apiKeys` (two during a rotation).
 *
 * @throws {Error} if the secret is empty, or is JSON without these fields.
 */
export async function readSecretKeys(
  client: SecretsClient,
  secretArn: string,
): Promise<readonly [string, ...string[]]> {
  const secret = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
  const text = (secret.SecretString ?? '').trim();
  if (text === '') throw new Error('The secret of the API key is empty. Store the key in it.');
  if (!text.startsWith('{')) return [text];
  const parsed = secretSchema.parse(JSON.parse(text));
  if ('apiKey' in parsed) return [parsed.apiKey];
  const [first = '', ...others] = parsed.apiKeys;
  return [first, ...others];
}
