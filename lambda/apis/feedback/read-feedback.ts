import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { type Feedback, feedbackMetrics, feedbackSchema } from '../../feedback/feedback.ts';
import { parseBody } from '../../http/parse-body.ts';

/** Maximum size of the body, in bytes. */
const MAX_BYTES = 16_384;

/** A value of each metric, for error messages. */
const examples = {
  thumbs: 'true',
  correct: 'false',
  score: '0.75',
  preferred: '{ "over": "chatcmpl-…" }',
  correction: '{ "answer": "…" }',
} as const satisfies Record<Feedback['metric'], string>;

/**
 * Reads the body of `POST /v1/feedback`.
 *
 * @throws {ApiError} 400 that names the field and says what to write instead; 413 if it is too large
 */
export async function readFeedback(request: Request): Promise<Feedback> {
  let metric: Feedback['metric'] | undefined;
  const prepare = (input: { readonly metric?: unknown }, text: string) => {
    checkSize(Buffer.byteLength(text));
    metric = toMetric(input.metric);
    return input;
  };
  const feedback = await parseBody(request, feedbackSchema, prepare).catch((error: unknown) => {
    throw withExample(error, metric);
  });
  if (feedback.metric === 'preferred' && feedback.value.over === feedback.id) {
    throw invalidRequest('value.over', 'value.over is the id of the same response. Give the id of the other response.');
  }
  return feedback;
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_BYTES) return;
  throw new ApiError(
    413,
    `The feedback has ${bytes} bytes. The maximum is ${MAX_BYTES}: shorten comment, tags or value.answer.`,
    { code: 'request_too_large' },
  );
}

function toMetric(name: unknown): Feedback['metric'] {
  const metric = feedbackMetrics.find((known) => known === name);
  if (metric !== undefined) return metric;
  const received =
    typeof name === 'string' ? JSON.stringify(name.slice(0, 40)) : name === undefined ? 'nothing' : typeof name;
  throw invalidRequest('metric', `metric must be one of ${feedbackMetrics.join(', ')}; received ${received}.`);
}

/** Adds to the error of a value what the metric takes. */
function withExample(error: unknown, metric: Feedback['metric'] | undefined): unknown {
  if (metric === undefined || !(error instanceof ApiError) || error.param?.split('.')[0] !== 'value') return error;
  return invalidRequest(error.param, `${error.message} A ${metric} has for instance "value": ${examples[metric]}.`);
}
