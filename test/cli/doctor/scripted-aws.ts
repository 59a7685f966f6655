import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer of AWS: a status, and a body as JSON or as XML. */
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly xml?: string;
}

/** Input of an operation, as far as it can be read: a JSON body, the parameters of a query, or method and path. */
interface Operation {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export type Answers = Readonly<Record<string, Answer | ((input: Readonly<Record<string, unknown>>) => Answer)>>;

/** Plays AWS for its SDK clients over HTTP. An operation without an answer is denied, as by a policy. */
export async function scriptedAws(answers: () => Answers) {
  const asked: Operation[] = [];
  const server = createServer(async (request, response) => {
    const operation = await operationOf(request);
    asked.push(operation);
    const found = answers()[operation.name];
    const answer = typeof found === 'function' ? found(operation.input) : (found ?? denied(operation));
    const type = answer.json === undefined ? 'text/xml' : 'application/x-amz-json-1.1';
    response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
    response.end(
      request.method === 'HEAD' ? undefined : answer.json === undefined ? answer.xml : JSON.stringify(answer.json),
    );
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => server.close(),
  };
}

async function operationOf(request: IncomingMessage): Promise<Operation> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return { name: target.split('.').at(-1) ?? '', input: JSON.parse(body) };
  const query = new URLSearchParams(body);
  const action = query.get('Action');
  if (action !== null) return { name: action, input: Object.fromEntries(query) };
  const url = new URL(request.url ?? '/', 'http://localhost');
  return { name: `${request.method} ${url.pathname}`, input: Object.fromEntries(url.searchParams) };
}

function denied({ name }: Operation): Answer {
  const message = `User: arn:aws:iam::111122223333:user/me is not authorized to perform ${name}`;
  // JSON services take the error from the body; the others from XML.
  if (/^[A-Z]+ \/account/.test(name) || /^(?:Get|List|BatchGet|Describe(?:Endpoint|InferenceComponent))/.test(name)) {
    return {
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      json: { __type: 'AccessDeniedException', message },
    };
  }
  return {
    status: 403,
    xml: `<ErrorResponse><Error><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
}
