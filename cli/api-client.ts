import { UsageError } from './usage-error.ts';

export interface ApiClientOptions {
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

/** An answer that says no, in the words of the API. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export const apiOptions = {
  'base-url': { type: 'string' },
  'api-key': { type: 'string' },
} as const;

export const API_HELP = `  --base-url URL        the API (default http://localhost:8787/v1, or the variable BUDGETFORCE_BASE_URL)
  --api-key KEY         the deployment's key (or the variable BUDGETFORCE_API_KEY)`;

/** @throws {UsageError} where the URL is none. */
export function apiClientOptions(values: Readonly<Record<string, unknown>>): ApiClientOptions {
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
  const url = text('base-url') ?? process.env['BUDGETFORCE_BASE_URL'] ?? 'http://localhost:8787/v1';
  if (!URL.canParse(url)) throw new UsageError(`--base-url is ${JSON.stringify(url)}. Give a URL that ends in /v1.`);
  return { baseUrl: url.replace(/\/+$/, ''), apiKey: text('api-key') ?? process.env['BUDGETFORCE_API_KEY'] };
}

/** @throws {RefusedError} with the API's own words; an error that says so where nobody answers. */
export async function callApi(
  { baseUrl, apiKey }: ApiClientOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`${baseUrl} cannot be reached. Is it running, and does the URL end in /v1?`, { cause });
  });
  const text = await response.text();
  const answer = jsonOf(text);
  if (response.ok && answer === undefined) {
    throw new Error(`${baseUrl}${path} answered ${response.status} with no JSON. Does the URL end in /v1?`);
  }
  if (!response.ok) throw new RefusedError(messageOf(answer) ?? `${method} ${path} answered ${response.status}.`);
  return answer;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : undefined;
}
