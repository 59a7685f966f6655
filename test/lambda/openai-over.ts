import OpenAI from 'openai';

/** The `openai` client with a key, over an app in this process. */
export function openaiOver(
  app: { readonly request: (url: string, init?: RequestInit) => Response | Promise<Response> },
  apiKey: string,
): OpenAI {
  return new OpenAI({
    apiKey,
    baseURL: 'http://localhost/v1',
    maxRetries: 0,
    fetch: async (url, init) => await app.request(String(url), init),
  });
}
