/** An error of SageMaker Runtime in its REST protocol (restJson1): status, type and body. */
export interface RuntimeErrorAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Message of an inference component without a copy. Its error type is shared with invalid requests; only the text differs. */
export const NO_CAPACITY_MESSAGE =
  'Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API.';

/** Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html#API_runtime_InvokeEndpointWithResponseStream_Errors */
export const runtimeErrors = {
  validation: (message: string) => answer(400, 'ValidationError', { Message: message }),
  noCapacity: () => answer(400, 'ValidationError', { Message: NO_CAPACITY_MESSAGE }),
  model: (originalStatusCode: number, originalMessage: string) =>
    answer(424, 'ModelError', {
      Message: `Received client error (${originalStatusCode}) from primary with message "${originalMessage}".`,
      OriginalStatusCode: originalStatusCode,
      OriginalMessage: originalMessage,
      LogStreamArn: 'arn:aws:logs:us-east-2:111122223333:log-group:/aws/sagemaker/InferenceComponents/local',
    }),
  modelNotReady: () =>
    answer(429, 'ModelNotReadyException', { Message: 'Model is not ready to serve inference requests.' }),
  serviceUnavailable: () => answer(503, 'ServiceUnavailable', { Message: 'Service is unavailable. Try again.' }),
  internalFailure: () => answer(500, 'InternalFailure', { Message: 'An internal failure occurred.' }),
  internalDependency: () => answer(530, 'InternalDependencyException', { Message: 'A dependency failed.' }),
  /** Not in the service model: the SDK knows only its name. */
  throttling: () => answer(400, 'ThrottlingException', { message: 'Rate exceeded' }),
  accessDenied: () =>
    answer(403, 'AccessDeniedException', {
      Message: 'User is not authorized to perform: sagemaker:InvokeEndpointWithResponseStream',
    }),
} as const;

function answer(status: number, type: string, body: Readonly<Record<string, unknown>>): RuntimeErrorAnswer {
  return { status, type, body };
}
