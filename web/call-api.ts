import { errorOf } from './read-run.ts';

/**
 * Calls the API with the headers of the page, and returns its answer.
 *
 * @param body a form, or what is sent as JSON. If omitted, nothing
 * @throws {Error} with the API's own message, and `param` if a field caused it
 */
export async function callApi<Answer>(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: FormData | object,
): Promise<Answer> {
  const isForm = body instanceof FormData;
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new Error(`The API cannot be reached: ${error instanceof Error ? error.message : String(error)}.`);
  });
  if (response.ok) return await response.json();
  const { message, param } = errorOf(await response.text(), response.status);
  throw Object.assign(new Error(message), { param });
}
