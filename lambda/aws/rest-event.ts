import * as z from 'zod';

/**
 * Event of a REST API's Lambda proxy integration: the fields that are used. The client controls all of them.
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
  requestContext: z
    .object({
      domainName: z.string().optional(),
      identity: z.object({ sourceIp: z.string().optional() }).optional(),
    })
    .optional(),
});

/** Address from which API Gateway got the request. The client cannot set it. */
export function sourceOf(event: unknown): string | undefined {
  return restEventSchema.safeParse(event).data?.requestContext?.identity?.sourceIp;
}

/**
 * Converts an event to a `Request`. `hono/aws-lambda` does the same, but throws before it responds if a client sends a body with GET
 * or a header that `Headers` refuses; here the body is dropped and the header skipped. See docs/decisions/0003-own-lambda-adapter.md.
 *
 * @throws {z.ZodError} if the event is not a REST proxy event.
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
  // API Gateway passes on more than the ByteString that a header may hold.
  if (/^[!#$%&'*+\-.^_`|~\w]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) headers.append(name, value);
}
