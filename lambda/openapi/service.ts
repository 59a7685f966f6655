import { type Api, defineApi, route } from '../apis/api.ts';
import { page } from '../http/page.ts';
import { playgroundPage } from '../http/playground-page.ts';
import { referencePage } from '../http/reference-page.ts';

/** What is served without a key: the pages, the health check, and the OpenAPI document of `apis` and of these routes. */
export function serviceApi(apis: readonly Api[]): Api {
  const service = defineApi({
    routes: {
      getHealth: route('GET', '/healthz', () => (context) => context.json({ status: 'ok' })),
      getDocument: route('GET', '/openapi.json', () => {
        let document: Promise<string> | undefined;
        return async (context) => {
          document ??= documentText([...apis, service]);
          return context.body(await document, 200, {
            'content-type': 'application/json',
            'cache-control': 'no-cache',
            // Viewers and generators on other pages may read it: it tells nothing of anyone.
            'access-control-allow-origin': '*',
          });
        };
      }),
      getReference: route('GET', '/docs', () => page(referencePage)),
      getPlayground: route('GET', '/', () => page(playgroundPage)),
    },
    describe: async () => (await import('./service-operations.ts')).description,
  });
  return service;
}

/** The document as JSON. Loaded when it is first requested: no cold start pays for it. */
async function documentText(apis: readonly Api[]): Promise<string> {
  const { openApiDocument } = await import('./document.ts');
  return JSON.stringify(await openApiDocument(apis));
}
