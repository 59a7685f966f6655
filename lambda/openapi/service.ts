import { type Api, defineApi, route } from '../apis/api.ts';
import { page } from '../http/page.ts';
import { playgroundPage } from '../http/playground-page.ts';
import { referencePage } from '../http/reference-page.ts';

/** A gauge, whose hand is at the limit. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M5 23a12 12 0 1 1 22 0" fill="none" stroke="#888" stroke-width="4"/><path d="M16 20 26 13" stroke="#d9480f" stroke-width="4" stroke-linecap="round"/></svg>';

/** Routes without authentication: the pages, the health check, and the OpenAPI document of `apis` and of these routes. */
export function serviceApi(apis: readonly Api[]): Api {
  const service = defineApi({
    routes: {
      getHealth: route('GET', '/healthz', () => (context) => context.json({ status: 'ok' })),
      getHealthAsVllm: route('GET', '/health', () => (context) => context.json({ status: 'ok' })),
      getIcon: route('GET', '/favicon.ico', () => (context) => {
        return context.body(ICON, 200, { 'content-type': 'image/svg+xml', 'cache-control': 'max-age=86400' });
      }),
      getDocument: route('GET', '/openapi.json', () => {
        let document: Promise<string> | undefined;
        return async (context) => {
          document ??= documentText([...apis, service]);
          return context.body(await document, 200, {
            'content-type': 'application/json',
            'cache-control': 'no-cache',
            // Viewers and generators of other origins may read it: it contains nothing private.
            'access-control-allow-origin': '*',
          });
        };
      }),
      getReference: route('GET', '/docs', () => page(referencePage)),
      getPlayground: route('GET', '/', ({ keyHashes, documents }) =>
        page(playgroundFor({ key: keyHashes !== undefined, documents: documents !== undefined })),
      ),
    },
    describe: async () => (await import('./service-operations.ts')).description,
  });
  return service;
}

/** The playground, which asks for a key before its first request if the API needs one, and takes documents if the API keeps them. */
function playgroundFor(has: { readonly key: boolean; readonly documents: boolean }): string {
  const attributes = `${has.key ? ' data-key="required"' : ''}${has.documents ? ' data-documents="kept"' : ''}`;
  return playgroundPage.replace('<body>', `<body${attributes}>`);
}

/** The document as JSON. Its modules are loaded on the first request, not at the cold start. */
async function documentText(apis: readonly Api[]): Promise<string> {
  const { openApiDocument } = await import('./document.ts');
  return JSON.stringify(await openApiDocument(apis));
}
