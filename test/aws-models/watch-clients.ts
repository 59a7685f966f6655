import { Readable } from 'node:stream';
import { Client } from '@smithy/core/client';
import { afterEach, expect } from 'vitest';
import { ServiceModel } from './model.ts';

/**
 * Compares every request of an SDK client, and every answer that it gets, with AWS's model of the service. A test in which one differs
 * fails at its end. Requests are compared as the client serializes them; answers as JSON where the service speaks JSON, and else as the
 * client read them.
 */

const found: string[] = [];
/** Differences that a test makes on purpose: texts that they contain. */
let expected: readonly string[] = [];

/** Differences that are known. */
const known = [
  // dynalite, which plays DynamoDB, describes a new table differently. The product does not read that.
  'CreateTable answer.TableDescription.TableId is ',
  'CreateTable answer.TableDescription.TableThroughputModeSummary is no member',
  'CreateTable answer.TableDescription.ProvisionedThroughput.NumberOfDecreasesToday has 0',
  // ministack, which can play it, too.
  'CreateTable answer.TableDescription.WarmThroughput.',
  'DescribeTable answer.Table.WarmThroughput.',
  // "If there are no unprocessed keys remaining, the response contains an empty UnprocessedKeys map", and likewise for items:
  // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
  'BatchGetItem answer.UnprocessedKeys has 0 entries',
  'BatchWriteItem answer.UnprocessedItems has 0 entries',
  // The model lists these for InvokeEndpoint alone. That a streaming call never gets them is said nowhere, so the function expects them of both.
  'InvokeEndpointWithResponseStream answers with no ModelNotReadyException',
  'InvokeEndpointWithResponseStream answers with no InternalDependencyException',
];

/** In this test, differences that contain one of the texts are on purpose. */
export function expectUnmodelled(...texts: readonly string[]): void {
  expected = texts;
}

afterEach(() => {
  const wrong = found.splice(0).filter((one) => ![...known, ...expected].some((text) => one.includes(text)));
  expected = [];
  expect(wrong, 'what is not as AWS’s service models say').toEqual([]);
});

interface WatchedClient {
  readonly config: { readonly serviceId?: string };
  readonly middlewareStack: {
    add(middleware: unknown, options: { step: string; priority: string; name: string; override: boolean }): void;
  };
}

interface Arguments {
  readonly input: unknown;
}

interface RawResult {
  readonly response: { statusCode: number; headers: Record<string, string>; body: unknown };
}

type Next = (args: Arguments) => Promise<RawResult>;

const watched = new WeakSet<object>();
const send = Client.prototype.send;

Client.prototype.send = function (this: WatchedClient, ...args: unknown[]) {
  const service = this.config.serviceId;
  if (service !== undefined && !watched.has(this)) {
    watched.add(this);
    this.middlewareStack.add(
      (next: Next, context: { readonly commandName?: string }) => watch(service, next, context),
      {
        step: 'deserialize',
        priority: 'low',
        name: 'compareWithModel',
        override: true,
      },
    );
  }
  return Reflect.apply(send, this, args);
} as typeof send;

function watch(service: string, next: Next, { commandName = '' }: { readonly commandName?: string }): Next {
  const operation = commandName.replace(/Command$/, '');
  return async (args) => {
    note(() => ServiceModel.of(service).wrongInRequest(operation, args.input));
    const result = await next(args);
    await noteAnswer(service, operation, result);
    return result;
  };
}

async function noteAnswer(service: string, operation: string, { response }: RawResult): Promise<void> {
  const failed = response.statusCode >= 300;
  let model: ServiceModel;
  try {
    model = ServiceModel.of(service);
    if (!isJson(response) || !(failed || model.bodyHasMembers(operation))) return;
  } catch (error) {
    found.push(String(error));
    return;
  }
  if (!(response.body instanceof Readable)) return;
  const chunks: Buffer[] = [];
  // A body that breaks must break for the client, too.
  let broken: unknown;
  try {
    for await (const chunk of response.body) chunks.push(Buffer.from(chunk));
  } catch (error) {
    broken = error;
  }
  const bytes = Buffer.concat(chunks);
  response.body = broken === undefined ? Readable.from([bytes], { objectMode: false }) : brokenBody(bytes, broken);
  if (broken !== undefined) return;
  const json = parse(bytes);
  if (json === undefined) return;
  if (!failed) {
    note(() => model.wrongInAnswer(operation, json, true));
    return;
  }
  const code = response.headers['x-amzn-errortype'] ?? json['__type'] ?? json['code'] ?? json['Code'];
  if (typeof code !== 'string') return;
  note(() => model.wrongError(operation, code.replace(/^.*#/, '').replace(/:.*$/, '')) ?? []);
}

/** Services that speak several protocols answer in the one of the request. Emulators may leave the type out. */
function isJson({ headers }: RawResult['response']): boolean {
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return type === undefined || /json/.test(type);
}

function brokenBody(bytes: Buffer, error: unknown): Readable {
  return Readable.from(
    (async function* () {
      yield bytes;
      throw error;
    })(),
  );
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(bytes.toString() || '{}');
    return typeof json === 'object' && json !== null ? { ...json } : undefined;
  } catch {
    // What is no JSON is on purpose: the SDK cannot read it, and the test says what follows.
    return undefined;
  }
}

function note(compare: () => string | readonly string[]): void {
  try {
    const wrong = compare();
    found.push(...(typeof wrong === 'string' ? [wrong] : wrong));
  } catch (error) {
    found.push(String(error));
  }
}
