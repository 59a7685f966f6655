import * as z from 'zod';

const awsErrorSchema = z.object({
  name: z.string(),
  message: z.string(),
  code: z.string().optional(),
  $metadata: z.object({ httpStatusCode: z.number().optional() }).optional(),
});

/** An error of AWS's clients. */
export interface AwsError {
  readonly name: string;
  readonly message: string;
  /** HTTP status. `undefined` if no answer came. */
  readonly status: number | undefined;
  /** Code of the operating system, for instance `ENOTFOUND`, if the connection failed. */
  readonly code: string | undefined;
}

export function toAwsError(error: unknown): AwsError {
  const parsed = awsErrorSchema.safeParse(error).data;
  if (parsed === undefined) return { name: 'Error', message: String(error), status: undefined, code: undefined };
  const { name, message, code } = parsed;
  // The error of several addresses has no message of its own.
  return { name, message: message || (code ?? name), status: parsed.$metadata?.httpStatusCode, code };
}

/** Names of the errors that services use for a missing permission. S3 gives the HEAD of a bucket a status alone. */
const DENIED = /^(?:AccessDenied|AccessDeniedException|UnauthorizedOperation|Forbidden|AuthorizationError)$/;
const NO_CREDENTIALS = /^(?:CredentialsProviderError|TokenProviderError)$/;
const EXPIRED = /^(?:ExpiredToken|ExpiredTokenException|RequestExpired)$/;
const REJECTED =
  /^(?:InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|AuthFailure|InvalidAccessKeyId)$/;

export function isDenied({ name, status }: AwsError): boolean {
  return DENIED.test(name) || status === 403;
}

/** Whether credentials were sent, and the service does not know them: they are wrong, or the account has not enabled the region. */
export function isRejected({ name }: AwsError): boolean {
  return REJECTED.test(name);
}

/** Whether credentials were there, but are valid no more. */
export function isExpired({ name, message }: AwsError): boolean {
  return EXPIRED.test(name) || (/\b(?:token|session)\b/i.test(message) && /\bexpired\b/i.test(message));
}

/** Whether there are no valid credentials. */
export function isUnauthenticated(error: AwsError): boolean {
  return (
    NO_CREDENTIALS.test(error.name) ||
    isExpired(error) ||
    isRejected(error) ||
    /could not load credentials/i.test(error.message)
  );
}

/** Whether no answer came: no network, a proxy, or a region that does not exist. */
export function isUnreachable({ name, status, code }: AwsError): boolean {
  return status === undefined && (code !== undefined || name === 'TimeoutError');
}
