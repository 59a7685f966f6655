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
import { describe, expect, it } from 'vitest';
import { ModelThrottledError } from '../../../lambda/upstream/errors.ts';
import { fromSageMakerError } from '../../../lambda/upstream/sagemaker-errors.ts';
import { statusToError } from '../../../lambda/upstream/status-to-error.ts';

const base = { message: 'Said by AWS.', $metadata: {} };
const named = (name: string) => Object.assign(new Error('Said by AWS.'), { name });
const coded = (code: string) => new Error('fetch failed', { cause: Object.assign(new Error('x'), { code }) });

/** Every error of SageMaker Runtime that the code tells apart: what a client gets. */
const errors: readonly (readonly [string, unknown, { readonly name: string; readonly status: number }])[] = [
  ...['ThrottlingException', 'Throttling', 'TooManyRequestsException', 'RequestLimitExceeded'].map(
    (name) => [name, named(name), { name: 'ModelThrottledError', status: 429 }] as const,
  ),
  ...[
    'AccessDeniedException',
    'AccessDenied',
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'IncompleteSignature',
    'MissingAuthenticationTokenException',
    'ExpiredTokenException',
    'CredentialsProviderError',
    'InvalidClientTokenId',
  ].map((name) => [name, named(name), { name: 'ModelMisconfiguredError', status: 500 }] as const),
  ...['TimeoutError', 'RequestTimeout', 'RequestTimeoutException'].map(
    (name) => [name, named(name), { name: 'ModelTimeoutError', status: 504 }] as const,
  ),
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'UND_ERR_SOCKET'].map(
    (code) => [code, coded(code), { name: 'ModelUnavailableError', status: 503 }] as const,
  ),
  ['ModelNotReadyException', new ModelNotReadyException(base), { name: 'ModelUnavailableError', status: 503 }],
  ['ServiceUnavailable', new ServiceUnavailable(base), { name: 'ModelUnavailableError', status: 503 }],
  [
    'InternalDependencyException',
    new InternalDependencyException(base),
    { name: 'ModelUnavailableError', status: 503 },
  ],
  ['InternalFailure', new InternalFailure(base), { name: 'ModelFailedError', status: 502 }],
  ['InternalStreamFailure', new InternalStreamFailure(base), { name: 'StreamBrokenError', status: 502 }],
  [
    'ModelInvocationTimeExceeded',
    new ModelStreamError({ ...base, ErrorCode: 'ModelInvocationTimeExceeded' }),
    { name: 'ModelTimeoutError', status: 504 },
  ],
  [
    'StreamBroken',
    new ModelStreamError({ ...base, ErrorCode: 'StreamBroken' }),
    { name: 'StreamBrokenError', status: 502 },
  ],
  ['ModelStreamError without a code', new ModelStreamError(base), { name: 'StreamBrokenError', status: 502 }],
  ['ModelError without a status', new SageMakerModelError(base), { name: 'ModelFailedError', status: 502 }],
  [
    'ModelError of a model server that throttles',
    new SageMakerModelError({ ...base, OriginalStatusCode: 429, OriginalMessage: 'busy' }),
    { name: 'ModelThrottledError', status: 429 },
  ],
  [
    'ValidationError without a copy',
    new ValidationError({ ...base, message: 'Inference Component has no capacity to process this request.' }),
    { name: 'NoCapacityError', status: 503 },
  ],
  [
    'ValidationError of a missing endpoint',
    new ValidationError({ ...base, message: 'Endpoint e of account 1 not found.' }),
    { name: 'ModelMisconfiguredError', status: 500 },
  ],
  ['ValidationError of a body', new ValidationError(base), { name: 'ModelMisconfiguredError', status: 500 }],
  ['an unknown error', named('SomethingNew'), { name: 'ModelFailedError', status: 502 }],
  ['no error', 'text', { name: 'ModelFailedError', status: 502 }],
];

describe('errors of SageMaker Runtime', () => {
  it.each(errors)('%s', (_name, error, expected) => {
    expect(fromSageMakerError(error)).toMatchObject(expected);
  });

  it('say what happened, by the name of the error', () => {
    const messages = errors.map(([name, error]) => [name, fromSageMakerError(error).message]);
    expect(Object.fromEntries(messages)).toMatchSnapshot();
  });

  it('keep their cause, and an error of ours stays as it is', () => {
    const cause = named('InternalServerError');
    expect(fromSageMakerError(cause).cause).toBe(cause);
    for (const [, error] of errors) {
      const model = fromSageMakerError(error);
      if (!(error instanceof SageMakerModelError)) expect(model.cause).toBe(error);
    }
    const ours = new ModelThrottledError('Slower.');
    expect(fromSageMakerError(ours)).toBe(ours);
  });
});

describe('statuses of a model server', () => {
  it.each([
    [400, 'ModelRejectedError'],
    [401, 'ModelMisconfiguredError'],
    [403, 'ModelMisconfiguredError'],
    [404, 'ModelMisconfiguredError'],
    [408, 'ModelTimeoutError'],
    [413, 'ModelRejectedError'],
    [422, 'ModelRejectedError'],
    [429, 'ModelThrottledError'],
    [499, 'ModelRejectedError'],
    [500, 'ModelFailedError'],
    [502, 'ModelFailedError'],
    [503, 'ModelUnavailableError'],
    [504, 'ModelTimeoutError'],
    [530, 'ModelFailedError'],
  ])('%d is a %s', (status, name) => {
    expect(statusToError(status, '{"error":"x"}').name).toBe(name);
  });

  it.each([
    ['{"error":{"message":"told"}}', 'told'],
    ['{"error":"told"}', 'told'],
    ['{"message":"told"}', 'told'],
    ['{"detail":"told"}', 'told'],
    ['{"other":"told"}', '{"other":"told"}'],
    ['told', 'told'],
    ['', 'no message'],
    ['a'.repeat(300), 'a'.repeat(300)],
    ['a'.repeat(301), `${'a'.repeat(300)}…`],
  ])('the message of a body is read from each known form: %s', (body, told) => {
    expect(statusToError(400, body).serverMessage).toBe(told);
  });

  it('only a throttled or overloaded server says when to come again', () => {
    for (const status of [429, 503]) expect(statusToError(status, '', 7).retryAfterSeconds).toBe(7);
    expect(statusToError(500, '', 7).retryAfterSeconds).toBeUndefined();
    expect(statusToError(429, '').retryAfterSeconds).toBeUndefined();
  });
});
