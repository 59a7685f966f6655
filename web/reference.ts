import type { ApiDocument, Operation } from './api-document.ts';
import { byId, element } from './element.ts';
import { prose, showSchema } from './show-schema.ts';

/** URL of the API, next to the page. Ends in a slash. */
const base = `${location.origin}${location.pathname.replace(/docs\/?$/, '')}`;

function showOperation(method: string, path: string, operation: Operation, document: ApiDocument): HTMLElement {
  const { schemas } = document.components;
  const card = element(
    'section',
    { className: 'card operation', id: operation.operationId },
    element('h3', {}, badge(method), ' ', element('code', {}, path)),
    element('p', { className: 'summary' }, operation.summary),
    ...(operation.description === undefined ? [] : [prose(operation.description)]),
  );
  if (operation.parameters !== undefined && operation.parameters.length > 0) {
    const fields = Object.fromEntries(
      operation.parameters.map(({ name, schema, description }) => [
        name,
        description === undefined ? schema : { ...schema, description },
      ]),
    );
    card.append(element('h4', {}, 'Parameters'), showSchema({ properties: fields }, schemas));
  }
  const body = operation.requestBody?.content['application/json'];
  if (body !== undefined) {
    card.append(
      element('h4', {}, 'Body'),
      showSchema(body.schema, schemas),
      element('h4', {}, 'Example'),
      element('pre', { tabIndex: 0 }, element('code', {}, curlOf(method, path, body.example))),
    );
  }
  card.append(element('h4', {}, 'Responses'));
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    const kinds = Object.entries(content ?? {});
    card.append(
      element('p', { className: 'response-line' }, element('b', {}, status), ` ${description}`),
      ...(status.startsWith('2')
        ? kinds.map(([type, { schema }]) => {
            const details = element('details', {}, element('summary', {}, type));
            details.addEventListener('toggle', () => details.append(showSchema(schema, schemas)), { once: true });
            return details;
          })
        : []),
    );
  }
  return card;
}

const badge = (method: string) => element('span', { className: `method ${method}` }, method.toUpperCase());

function curlOf(method: string, path: string, example: unknown): string {
  return [
    `curl ${method === 'post' ? '' : `-X ${method.toUpperCase()} `}${base}${path.slice(1)}`,
    '  -H "Content-Type: application/json"',
    '  -H "Authorization: Bearer $BUDGETFORCE_API_KEY"',
    `  -d '${JSON.stringify(example, null, 2).replaceAll("'", "'\\''")}'`,
  ].join(' \\\n');
}

async function start(): Promise<void> {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-path]'))
    link.href = `${base}${link.dataset['path']}`;
  const response = await fetch(`${base}openapi.json`).catch(() => undefined);
  if (response?.ok !== true) {
    const reason = response === undefined ? 'the API cannot be reached' : `the API answered ${response.status}`;
    byId('about', HTMLElement).textContent = `The description of the API cannot be loaded: ${reason}. Reload the page.`;
    return;
  }
  const api: ApiDocument = await response.json();
  byId('about', HTMLElement).textContent = api.info.description.replaceAll('`', '');
  const contents = byId('contents', HTMLElement);
  const operations = byId('operations', HTMLElement);
  for (const tag of api.tags) {
    const heading = tag.name.charAt(0).toUpperCase() + tag.name.slice(1);
    contents.append(element('b', {}, heading));
    operations.append(element('h2', {}, heading), element('p', { className: 'hint' }, tag.description));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(tag.name)) continue;
        contents.append(
          element('a', { href: `#${operation.operationId}` }, badge(method), ' ', path.replace(/^\/v1/, '')),
        );
        operations.append(showOperation(method, path, operation, api));
      }
    }
  }
  // The browser looked for the fragment of the URL before this element existed.
  if (location.hash !== '') document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

void start();
