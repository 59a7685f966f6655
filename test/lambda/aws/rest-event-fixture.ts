/** The event that a REST API of API Gateway sends to a Lambda proxy integration, as AWS documents it, with changes. */
export function restEvent(changes: {
  readonly httpMethod: string;
  readonly path: string;
  readonly body?: string;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
}) {
  const headers = {
    Accept: ['*/*'],
    'Content-Type': ['application/json'],
    Host: ['abcdefghij.execute-api.us-east-2.amazonaws.com'],
    'User-Agent': ['OpenAI/JS 7.57.0'],
    'X-Amzn-Trace-Id': ['Root=1-67891233-abcdef012345678912345678'],
    'X-Forwarded-For': ['192.0.2.1'],
    'X-Forwarded-Port': ['443'],
    'X-Forwarded-Proto': ['https'],
    ...changes.multiValueHeaders,
  };
  return {
    resource: '/{proxy+}',
    path: changes.path,
    httpMethod: changes.httpMethod,
    headers: Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, values.at(-1)])),
    multiValueHeaders: headers,
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: changes.path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: '111122223333',
      apiId: 'abcdefghij',
      domainName: 'abcdefghij.execute-api.us-east-2.amazonaws.com',
      httpMethod: changes.httpMethod,
      identity: { sourceIp: '192.0.2.1', userAgent: 'OpenAI/JS 7.57.0' },
      path: `/v1${changes.path}`,
      protocol: 'HTTP/1.1',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      resourcePath: '/{proxy+}',
      stage: 'v1',
    },
    body: changes.body ?? null,
    isBase64Encoded: false,
  };
}
