/**
 * After so long a silence an answer that is not streamed begins with white space, which JSON allows: a regional REST API closes a
 * connection that is idle for 5 minutes. Milliseconds.
 *
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
 */
const PATIENCE_MS = 240_000;

/**
 * A JSON response that may take long. What fails within the first `patienceMs` is thrown here, and gets its status. Later the status is
 * already sent: the response is broken off, so that no client takes an error for an answer.
 */
export async function slowJson(
  answer: Promise<unknown>,
  options: {
    readonly onCancel: () => void;
    readonly headers?: Readonly<Record<string, string>>;
    readonly patienceMs?: number;
  },
): Promise<Response> {
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const first = await within(answer, patienceMs);
  if (first !== SILENCE) return Response.json(first, { headers: { ...options.headers } });
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const result = await within(answer, patienceMs);
      controller.enqueue(encoder.encode(result === SILENCE ? '\n' : JSON.stringify(result)));
      if (result !== SILENCE) controller.close();
    },
    cancel: options.onCancel,
  });
  return new Response(body, { headers: { 'content-type': 'application/json', ...options.headers } });
}

/** What `within` gives where the promise has not come to an end. */
export const SILENCE = Symbol('silence');

/** The promise's value, or `SILENCE` after so long. 0 waits for ever. */
export async function within<T>(promise: Promise<T>, silenceMs: number): Promise<T | typeof SILENCE> {
  if (silenceMs === 0) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<typeof SILENCE>((resolve) => {
    timer = setTimeout(() => resolve(SILENCE), silenceMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
