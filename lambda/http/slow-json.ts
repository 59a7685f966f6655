import { toJsonText } from './raw-json.ts';

/**
 * Time after which a JSON response begins with white space, which JSON allows, in milliseconds: a regional REST API closes connections
 * that are idle for 5 minutes.
 *
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
 */
const KEEP_ALIVE_MS = 240_000;

/**
 * Responds with JSON that may take long. A failure within `keepAliveMs` is thrown, so that the response has its status. Later, when the
 * status is already sent, a failure breaks the response off, so that no client takes an error for an answer.
 */
export async function slowJson(
  answer: Promise<unknown>,
  options: {
    readonly onCancel: () => void;
    readonly headers?: Readonly<Record<string, string>>;
    readonly keepAliveMs?: number;
  },
): Promise<Response> {
  const keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS;
  const first = await within(answer, keepAliveMs);
  if (first !== TIMED_OUT) {
    return new Response(toJsonText(first), { headers: { 'content-type': 'application/json', ...options.headers } });
  }
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const result = await within(answer, keepAliveMs);
      controller.enqueue(encoder.encode(result === TIMED_OUT ? '\n' : toJsonText(result)));
      if (result !== TIMED_OUT) controller.close();
    },
    cancel: options.onCancel,
  });
  // Compressed, the white space would wait in the compressor.
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-transform', ...options.headers };
  return new Response(body, { headers });
}

/** Result of `within` if the promise is still pending. */
export const TIMED_OUT = Symbol('timed out');

/** Waits for a promise for at most `timeoutMs` milliseconds, or without limit if it is 0. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof TIMED_OUT> {
  if (timeoutMs === 0) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
