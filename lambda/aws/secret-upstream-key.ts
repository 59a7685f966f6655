import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ModelMisconfiguredError, ModelUnavailableError } from '../upstream/errors.ts';
import type { KeySource } from '../upstream/upstream.ts';
import { readSecretKeys, type SecretsClient } from './secret-keys.ts';

/** Least time between two reads after a rejected key, in milliseconds: a wrong key must not cost a read for each request. */
const RENEWAL_INTERVAL_MS = 10_000;

/**
 * Key of an upstream in a Secrets Manager secret (see `readSecretKeys`; the first key is used). It is read for the first request,
 * kept, and read again after the server has rejected it. Concurrent requests share one read.
 */
export function secretUpstreamKey(
  secretArn: string,
  options: { readonly client?: SecretsClient; readonly now: () => number },
): KeySource {
  const client = options.client ?? new SecretsManagerClient();
  let known: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<string> | undefined;
  const read = () => {
    reading ??= readKey(client, secretArn)
      .then((key) => {
        known = key;
        readAt = options.now();
        return key;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  return {
    current: async () => known ?? (await read()),
    async renewed(rejected) {
      if (known !== undefined && known !== rejected) return known;
      return options.now() - readAt < RENEWAL_INTERVAL_MS ? rejected : await read();
    },
  };
}

async function readKey(client: SecretsClient, secretArn: string): Promise<string> {
  try {
    const [key] = await readSecretKeys(client, secretArn);
    return key;
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : 'unknown error';
    throw isTemporary(cause)
      ? new ModelUnavailableError(`Secrets Manager does not return the key of the model server (${name}).`, { cause })
      : new ModelMisconfiguredError(
          `The key of the model server cannot be read (${name}). Check that apiKeySecretArn names a secret with the key, or JSON with "apiKey", and that the function may read it.`,
          { cause },
        );
  }
}

/** Whether Secrets Manager failed, throttled the call or could not be reached. */
function isTemporary(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ('$fault' in error && error.$fault === 'server') ||
    ('$retryable' in error && error.$retryable !== undefined) ||
    /Throttling|Timeout|ECONN|ENOTFOUND|EAI_AGAIN/.test(`${error.name} ${'code' in error ? String(error.code) : ''}`)
  );
}
