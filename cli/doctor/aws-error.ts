import * as z from 'zod';

const awsErrorSchema = z.object({
  name: z.string(),
  message: z.string(),
  $metadata: z.object({ httpStatusCode: z.number().optional() }).optional(),
});

/** An error of AWS's clients. */
export interface AwsError {
  readonly name: string;
  readonly message: string;
  readonly status: number | undefined;
}

export function toAwsError(error: unknown): AwsError {
  const parsed = awsErrorSchema.safeParse(error).data;
  if (parsed === undefined) return { name: 'Error', message: String(error), status: undefined };
  return { name: parsed.name, message: parsed.message, status: parsed.$metadata?.httpStatusCode };
}

/** Names of the errors that services use for a missing permission. S3 gives the HEAD of a bucket a status alone. */
const DENIED = /^(?:AccessDenied|AccessDeniedException|UnauthorizedOperation|Forbidden|AuthorizationError)$/;
const NO_CREDENTIALS =
  /^(?:CredentialsProviderError|TokenProviderError|ExpiredToken|ExpiredTokenException|InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|AuthFailure|InvalidAccessKeyId|RequestExpired)$/;

export function isDenied({ name, status }: AwsError): boolean {
  return DENIED.test(name) || status === 403;
}

/** Whether there are no valid credentials. */
export function isUnauthenticated({ name, message }: AwsError): boolean {
  return NO_CREDENTIALS.test(name) || /could not load credentials|token is expired|session has expired/i.test(message);
}
