import { UsageError } from './usage-error.ts';

export interface ApiClientOptions {
  /** Ends in `/v1`, without a slash behind it. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

/** An error status of the API. The message is the API's own. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** Options of each command that calls the API. */
export const apiOptions = {
  'base-url': {
    type: 'string',
    placeholder: 'URL',
    description: 'URL of the API, which ends in /v1',
    defaultText: 'the variable BUDGETFORCE_BASE_URL, or http://localhost:8787/v1',
  },
  'api-key': {
    type: 'string',
    placeholder: 'KEY',
    description: 'API key of the deployment',
    defaultText: 'the variable BUDGETFORCE_API_KEY',
  },
} as const;

interface ApiValues {
  readonly 'base-url'?: string;
  readonly 'api-key'?: string;
}

/** @throws {UsageError} if the URL is not valid */
export function apiClientOptions(values: ApiValues): ApiClientOptions {
  const url = values['base-url'] ?? process.env['BUDGETFORCE_BASE_URL'] ?? 'http://localhost:8787/v1';
  return { baseUrl: parseBaseUrl(url), apiKey: apiKeyOf(values) };
}

/** @throws {UsageError} if the URL is not valid */
export function parseBaseUrl(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '');
  throw new UsageError(`--base-url is ${JSON.stringify(url)}. Give an http:// or https:// URL that ends in /v1.`);
}

export function apiKeyOf(values: Pick<ApiValues, 'api-key'>): string | undefined {
  return values['api-key'] ?? process.env['BUDGETFORCE_API_KEY'];
}

/**
 * Calls the API and returns the parsed JSON.
 *
 * @throws {RefusedError} if the API answers with an error status
 * @throws {Error} if the server cannot be reached or does not answer with JSON
 */
export async function callApi(
  client: ApiClientOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  return await send(client, path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/**
 * Downloads a file of the API. Throws as `callApi`.
 *
 * @returns its bytes, part by part
 */
export async function downloadFrom(client: ApiClientOptions, path: string): Promise<ReadableStream<Uint8Array>> {
  const { baseUrl, apiKey } = client;
  const response = await fetch(`${baseUrl}${path}`, {
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
  }).catch((cause: unknown) => {
    throw new Error(`${baseUrl} cannot be reached. Is it running, and does the URL end in /v1?`, { cause });
  });
  if (response.ok && response.body !== null) return response.body;
  const message = errorMessage(parseJson(await response.text()));
  throw new RefusedError(message ?? `GET ${path} answered ${response.status}.`);
}

/** Sends a form, such as an upload. Throws as `callApi`. */
export async function sendForm(client: ApiClientOptions, path: string, form: FormData): Promise<unknown> {
  return await send(client, path, { method: 'POST', headers: {}, body: form });
}

async function send(
  { baseUrl, apiKey }: ApiClientOptions,
  path: string,
  {
    method,
    headers,
    body,
  }: { readonly method: string; readonly headers: Record<string, string>; readonly body?: string | FormData },
): Promise<unknown> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { ...headers, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
    ...(body === undefined ? {} : { body }),
  }).catch((cause: unknown) => {
    throw new Error(`${baseUrl} cannot be reached. Is it running, and does the URL end in /v1?`, { cause });
  });
  const text = await response.text();
  const answer = parseJson(text);
  if (response.ok && answer === undefined) {
    throw new Error(`${baseUrl}${path} answered ${response.status} with no JSON. Does the URL end in /v1?`);
  }
  if (!response.ok) throw new RefusedError(errorMessage(answer) ?? `${method} ${path} answered ${response.status}.`);
  return answer;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorMessage(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : undefined;
}
