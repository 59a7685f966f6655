import * as z from 'zod';

/**
 * The event of an API Gateway REST API's Lambda proxy integration, as far as we read it. All of it comes from the client.
 *
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
const restEventSchema = z.object({
  httpMethod: z.string(),
  path: z.string(),
  multiValueHeaders: z.record(z.string(), z.array(z.string())).nullish(),
  multiValueQueryStringParameters: z.record(z.string(), z.array(z.string())).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().optional(),
  requestContext: z.object({ domainName: z.string().optional() }).optional(),
});

/**
 * The event as a `Request`. `hono/aws-lambda` has the same, but throws (before anything was answered) where a client sends a body with
 * GET or a header that `Headers` refuses; here the first is left out and the second skipped. See docs/decisions/0003-own-lambda-adapter.md.
 *
 * @throws {z.ZodError} where it is no REST proxy event at all.
 */
export function toRequest(event: unknown, signal?: AbortSignal): Request {
  const rest = restEventSchema.parse(event);
  const url = new URL(`https://${rest.requestContext?.domainName ?? 'localhost'}`);
  url.pathname = rest.path;
  for (const [name, values] of Object.entries(rest.multiValueQueryStringParameters ?? {})) {
    for (const value of values) url.searchParams.append(name, value);
  }
  const headers = new Headers();
  for (const [name, values] of Object.entries(rest.multiValueHeaders ?? {})) {
    for (const value of values) appendIfValid(headers, name, value);
  }
  const takesBody = rest.httpMethod !== 'GET' && rest.httpMethod !== 'HEAD';
  const body = Buffer.from(rest.body ?? '', rest.isBase64Encoded === true ? 'base64' : 'utf8');
  return new Request(url, {
    method: rest.httpMethod,
    headers,
    ...(takesBody ? { body } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
}

function appendIfValid(headers: Headers, name: string, value: string): void {
  // A ByteString is all that a header may hold; what API Gateway lets through beyond it has no meaning for us.
  if (/^[!#$%&'*+\-.^_`|~\w]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) headers.append(name, value);
}
