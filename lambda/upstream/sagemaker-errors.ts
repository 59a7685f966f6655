import {
  InternalDependencyException,
  InternalFailure,
  InternalStreamFailure,
  ModelNotReadyException,
  ModelStreamError,
  ModelError as SageMakerModelError,
  ServiceUnavailable,
  ValidationError,
} from '@aws-sdk/client-sagemaker-runtime';
import {
  ModelError,
  ModelFailedError,
  ModelMisconfiguredError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
} from './errors.ts';
import { networkCode } from './network-code.ts';
import { statusToError } from './status-to-error.ts';

/** Message of the ValidationError of a component at zero copies. Invalid calls throw the same class. */
const NO_CAPACITY = /no capacity to process this request/i;
const NOT_FOUND = /not found|does not exist|could not find/i;

/** Names of errors that have no class in the SDK's client. */
const THROTTLED = new Set(['ThrottlingException', 'Throttling', 'TooManyRequestsException', 'RequestLimitExceeded']);
const NOT_ALLOWED = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'IncompleteSignature',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'CredentialsProviderError',
  'InvalidClientTokenId',
]);
const TIMED_OUT = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);

/**
 * Maps an error of a SageMaker Runtime call, before or in the stream, to a `ModelError`.
 *
 * Source: the errors of InvokeEndpointWithResponseStream,
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
 */
export function fromSageMakerError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  const options = { cause: error };
  if (error instanceof ModelStreamError) {
    return error.ErrorCode === 'ModelInvocationTimeExceeded'
      ? new ModelTimeoutError('The streaming call exceeded its limit of 8 minutes.', options)
      : new StreamBrokenError(`The stream of the model broke (${error.ErrorCode ?? 'no code'}).`, options);
  }
  if (error instanceof InternalStreamFailure) {
    return new StreamBrokenError('SageMaker broke the stream (InternalStreamFailure).', options);
  }
  if (error instanceof SageMakerModelError) {
    return statusToError(error.OriginalStatusCode ?? 500, error.OriginalMessage ?? error.message);
  }
  if (error instanceof ValidationError) return fromValidationError(error);
  if (error instanceof ModelNotReadyException) {
    return new ModelUnavailableError('The model is not ready yet (ModelNotReadyException).', options);
  }
  if (error instanceof ServiceUnavailable || error instanceof InternalDependencyException) {
    return new ModelUnavailableError(`SageMaker is temporarily unavailable (${error.name}).`, options);
  }
  if (error instanceof InternalFailure) {
    return new ModelFailedError('SageMaker failed (InternalFailure).', options);
  }
  const name = error instanceof Error ? error.name : '';
  if (THROTTLED.has(name)) return new ModelThrottledError('SageMaker throttles the calls of the endpoint.', options);
  if (NOT_ALLOWED.has(name)) {
    return new ModelMisconfiguredError(
      `The function has no permission to call the endpoint (${name}). Grant its role sagemaker:InvokeEndpointWithResponseStream on the endpoint.`,
      options,
    );
  }
  if (TIMED_OUT.has(name)) return new ModelTimeoutError('The call of the endpoint timed out.', options);
  if (networkCode(error) !== undefined) {
    return new ModelUnavailableError(`The endpoint cannot be reached (${networkCode(error)}).`, options);
  }
  return new ModelFailedError(`The call of the endpoint failed (${name || 'unknown error'}).`, options);
}

function fromValidationError(error: ValidationError): ModelError {
  if (NO_CAPACITY.test(error.message)) {
    return new NoCapacityError(
      'The model has no copy in service: it is scaled to zero, or its first copy is starting. Try again later.',
      { cause: error },
    );
  }
  return new ModelMisconfiguredError(
    NOT_FOUND.test(error.message)
      ? 'SageMaker has no such endpoint or inference component. Check the names in the settings, and that both are deployed.'
      : `SageMaker rejected the call: ${error.message}`,
    { cause: error, serverMessage: error.message },
  );
}
