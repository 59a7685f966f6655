import type { Api, Route } from '../apis/api.ts';
import {
  type ApiDescription,
  type NamedSchemas,
  type OpenApiObject,
  type Operation,
  parameter,
  tags,
} from '../apis/operation.ts';
import { sharedSchemas } from '../apis/response-schemas.ts';
import { jsonSchemas } from './json-schemas.ts';

/** Builds the OpenAPI 3.1 document of these APIs. Takes about 30 ms, so build it when it is first requested. */
export async function openApiDocument(apis: readonly Api[]) {
  const described = await Promise.all(
    apis.map(async ({ routes, describe }) => ({ routes, description: await describe() })),
  );
  const served = new Set(apis.flatMap(({ routes }) => Object.keys(routes)));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Budgetforce',
      version: '0.1.0',
      summary: 'Thinking as a budget.',
      description:
        'Chat Completions, Responses and Anthropic’s Messages for your own reasoning models, with thinking budgets: an exact maximum, an exact minimum, and how often to think again. Every response reports what was forced in `budget_forcing`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '.', description: 'Relative to this document.' }],
    security: [{ bearer: [] }, { apiKey: [] }, {}],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths: pathsOf(described, served),
    components: {
      schemas: schemasOf(described.map(({ description }) => description)),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Required if the deployment has API keys.' },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description: 'The same key, as Anthropic’s clients send it.',
        },
      },
    },
  };
}

interface DescribedApi {
  readonly routes: Readonly<Record<string, Route>>;
  readonly description: ApiDescription;
}

type DocumentedOperation = Omit<Operation, 'query'> & { readonly operationId: string };

function pathsOf(
  apis: readonly DescribedApi[],
  served: ReadonlySet<string>,
): Record<string, Record<string, DocumentedOperation>> {
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  for (const { routes, description } of apis) {
    for (const [operationId, { method, path }] of Object.entries(routes)) {
      const operation = description.operations[operationId];
      if (operation === undefined) throw new Error(`The operation ${operationId} has no description.`);
      const template = path.replaceAll(/:(\w+)(\{[^/]*\})?/g, '{$1}');
      paths[template] = { ...paths[template], [method.toLowerCase()]: documented(operationId, operation, served) };
    }
  }
  return paths;
}

function documented(
  operationId: string,
  { query, ...described }: Operation,
  served: ReadonlySet<string>,
): DocumentedOperation {
  const operation = { ...described, responses: mapValues(described.responses, (response) => linked(response, served)) };
  if (query === undefined) return { operationId, ...operation };
  return { operationId, ...operation, parameters: [...(operation.parameters ?? []), ...queryParameters(query)] };
}

/** A response without its links to operations that are not served. */
function linked(response: OpenApiObject, served: ReadonlySet<string>): OpenApiObject {
  const { links, ...rest } = response;
  if (typeof links !== 'object' || links === null) return response;
  const kept = Object.entries(links).filter(([operationId]) => served.has(operationId));
  return kept.length === 0 ? rest : { ...rest, links: Object.fromEntries(kept) };
}

function mapValues<T>(values: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function queryParameters(query: NonNullable<Operation['query']>): readonly OpenApiObject[] {
  const fields = jsonSchemas({ query }, 'input')['query']?.properties ?? {};
  return Object.entries(fields).map(([name, schema]) => parameter('query', name, schema));
}

function schemasOf(descriptions: readonly ApiDescription[]) {
  const all: readonly Partial<ApiDescription>[] = [sharedSchemas, ...descriptions];
  const requests = (unknownNulls: boolean) =>
    jsonSchemas(
      merged(all.filter((one) => (one.unknownNulls ?? false) === unknownNulls).map((one) => one.requestSchemas)),
      'input',
      { unknownNulls },
    );
  return {
    ...requests(false),
    ...requests(true),
    ...jsonSchemas(merged(all.map(({ responseSchemas }) => responseSchemas)), 'output'),
  };
}

/** All schemas by name. Two APIs may share a schema, but not use one name for two schemas. */
function merged(parts: readonly (NamedSchemas | undefined)[]): NamedSchemas {
  const schemas: Record<string, NamedSchemas[string]> = {};
  for (const [name, schema] of parts.flatMap((part) => Object.entries(part ?? {}))) {
    if (schemas[name] !== undefined && schemas[name] !== schema) {
      throw new Error(`Two schemas have the name ${name}. Rename one of them.`);
    }
    schemas[name] = schema;
  }
  return schemas;
}
