import { createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Bytes of a signing secret. The specification asks for 24 to 64. */
const SECRET_BYTES = 32;

/** Returns a new salt: what the table stores of a signing secret. */
export function newSalt(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/**
 * Derives the signing secret of a webhook from the deployment's master secret (HKDF, RFC 5869). The table has only the salt, so no
 * reader of the table can sign.
 *
 * @returns `whsec_` and the key in base64, as receivers configure it
 */
export function signingSecret(master: string, salt: string, keyId: string): string {
  const key = hkdfSync('sha256', master, salt, `budgetforce webhook ${keyId}`, SECRET_BYTES);
  return `whsec_${Buffer.from(key).toString('base64')}`;
}

/**
 * Headers that sign a body.
 *
 * @param secrets one secret, or two while the older one is being replaced
 * @param timestamp time of the attempt, as Unix time in seconds
 *
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureHeaders(
  secrets: readonly string[],
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: string },
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`, 'utf8').digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}
