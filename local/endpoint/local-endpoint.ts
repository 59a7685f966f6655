import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Engine, EngineStats } from '../engine/engine.ts';
import type { LazyEngine } from '../engine/lazy-engine.ts';
import { toChatChunks, toChatCompletion } from './chat-answer.ts';
import { isChatBody, parseChatBody } from './chat-body.ts';
import { BadRequestError, parseCompletionBody } from './completion-body.ts';
import { completionChunks, wholeCompletion } from './completion-chunks.ts';
import { type ControlPlane, controlCall } from './control-plane.ts';
import type { CopyClocks, CopySeat } from './copy-clock.ts';
import type { CopyFleet } from './copy-fleet.ts';
import {
  corrupted,
  internalStreamFailure,
  modelStreamError,
  payloadPart,
  unknownException,
  withFlippedBit,
} from './event-stream-frames.ts';
import { type Fault, Faults, parseFaultScript } from './faults.ts';
import type { LocalAutoScaling } from './local-auto-scaling.ts';
import { runtimeErrors } from './runtime-errors.ts';
import {
  CUSTOM_ATTRIBUTES,
  drained,
  type EndpointNames,
  listen,
  partsOf,
  type RuntimeCall,
  readBody,
  refusalOf,
  runtimeCallOf,
  sendJson,
  sendRuntimeError,
  stop,
} from './runtime-protocol.ts';

export interface LocalEndpointOptions extends EndpointNames {
  readonly engine: Engine;
  readonly servedModelName: string;
  /** Emulated copies and their scaling. Requires a component. @default - one copy of unlimited concurrency that always runs */
  readonly copies?: {
    readonly fleet: CopyFleet;
    readonly autoScaling: LocalAutoScaling;
    /** Their speed. @default - that of the engine */
    readonly clocks?: CopyClocks;
  };
  /** Further inference components, each with an engine of its own, which is loaded by the first call. @default - none */
  readonly components?: readonly LocalComponent[];
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default 0, any free port */
  readonly port?: number;
  /** Splits payload parts into pieces of this size, in bytes, at any position. @default one part per event */
  readonly partBytes?: number;
  /** Whether `PUT /faults` and `DELETE /faults` set the faults of future calls. @default false */
  readonly faultsRoute?: boolean;
}

/** A further inference component of the endpoint. */
export interface LocalComponent {
  readonly name: string;
  readonly servedModelName: string;
  readonly engine: LazyEngine;
}

export interface LocalEndpoint {
  /** Value for `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`. With `/v1` appended, it serves text completions. */
  readonly url: string;
  readonly faults: Faults;
  stats(): EngineStats;
  close(): Promise<void>;
}

const tokenizeSchema = z.object({ prompt: z.string(), add_special_tokens: z.boolean().optional() });
const detokenizeSchema = z.object({ tokens: z.array(z.int().min(0)) });

/**
 * Starts a server that speaks SageMaker Runtime's REST protocol to the real AWS SDK client, with vLLM's JSON as payload, and serves
 * vLLM's own routes. Like a real endpoint, it has no notion of thinking.
 */
export async function startLocalEndpoint(options: LocalEndpointOptions): Promise<LocalEndpoint> {
  const faults = new Faults();
  const context = { ...options, faults };
  const { server, url } = await listen(options, (request, response) => handle(context, request, response));
  return {
    url,
    faults,
    stats: () => options.engine.stats(),
    async close() {
      options.copies?.fleet.close();
      await stop(server);
      await Promise.all(
        [options.engine, ...(options.components ?? []).map(({ engine }) => engine)].map((engine) => engine.close()),
      );
    },
  };
}

interface Context extends LocalEndpointOptions {
  readonly faults: Faults;
}

async function handle(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://local').pathname;
  const call = runtimeCallOf(request);
  const body = await readBody(request);
  const gone = new AbortController();
  response.on('close', () => gone.abort(new DOMException('The client disconnected.', 'AbortError')));

  const target = request.headers['x-amz-target'];
  const plane = controlPlaneOf(context);
  if (typeof target === 'string' && plane !== undefined) {
    const answer = controlCall(plane, target, body);
    return sendJson(response, answer.status, answer.body);
  }
  if (context.faultsRoute === true && path === '/faults' && /^(PUT|DELETE)$/.test(request.method ?? ''))
    return setFaults(context.faults, request, body, response);
  if (call === undefined) {
    const route = path === '/invocations' ? routeOf(String(request.headers[CUSTOM_ATTRIBUTES] ?? ''), body) : path;
    await handleVllm(context, route, body, response, gone.signal, context.faults);
    return;
  }
  const component = context.components?.find(({ name }) => name === call.inferenceComponentName);
  if (component !== undefined) return await runComponent(context, component, call, body, response, gone.signal);
  const refused = refusalOf(context, call);
  if (refused !== undefined) return sendRuntimeError(response, refused);
  const release = await context.copies?.fleet.take(gone.signal).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
  if (gone.signal.aborted) return release?.();
  if (context.copies !== undefined && release === undefined) {
    return sendRuntimeError(response, runtimeErrors.noCapacity());
  }
  const seat = context.copies?.clocks?.join(context.copies.fleet.running);
  try {
    if (call.streams) await streamInvocation(context, call, body, response, gone.signal, seat);
    else await invoke(context, call, body, response, gone.signal);
  } finally {
    seat?.leave();
    release?.();
  }
}

/** Runs a call of a further component. Emulated copies are those of the first one only. */
async function runComponent(
  context: Context,
  { name, servedModelName, engine: lazy }: LocalComponent,
  call: RuntimeCall,
  body: string,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const names = { endpointName: context.endpointName, inferenceComponentName: name };
  const refused = refusalOf(names, call);
  if (refused !== undefined) return sendRuntimeError(response, refused);
  const engine = await lazy.load().catch((error: unknown) => String(error));
  if (typeof engine === 'string') return sendRuntimeError(response, runtimeErrors.model(500, engine));
  if (signal.aborted) return;
  const own = { ...context, ...names, engine, servedModelName };
  if (call.streams) await streamInvocation(own, call, body, response, signal);
  else await invoke(own, call, body, response, signal);
}

/** `PUT /faults` takes a script of faults (a faults file), `DELETE /faults` ends all faults. */
function setFaults(faults: Faults, request: IncomingMessage, body: string, response: ServerResponse): void {
  try {
    if (request.method === 'PUT') faults.play(parseFaultScript(body));
    else faults.clear();
    response.writeHead(204).end();
  } catch (error) {
    sendJson(response, 400, { error: { message: error instanceof Error ? error.message : String(error) } });
  }
}

function controlPlaneOf({ copies, endpointName, inferenceComponentName }: Context): ControlPlane | undefined {
  if (copies === undefined || inferenceComponentName === undefined) return undefined;
  return { endpointName, componentName: inferenceComponentName, ...copies };
}

/** `InvokeEndpoint`: returns the container's response. A `route` in the custom attributes selects another container route. */
async function invoke(
  context: Context,
  call: RuntimeCall,
  body: string,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const fault = context.faults.take();
  if (fault.error !== undefined) return sendRuntimeError(response, fault.error);
  const answer = await vllmJson(context, routeOf(call.customAttributes, body), body, signal);
  if (answer.status >= 400)
    return sendRuntimeError(response, runtimeErrors.model(answer.status, JSON.stringify(answer.body)));
  response.setHeader('x-Amzn-Invoked-Production-Variant', 'AllTraffic');
  sendJson(response, 200, answer.body);
}

/** The route that the custom attributes select, as AWS's vLLM images do on `/invocations`; else the body's fields tell. */
function routeOf(customAttributes: string | undefined, body: string): string {
  const selected = /(?:^|,)\s*route=(\/[^,\s]*)/.exec(customAttributes ?? '')?.[1];
  return selected ?? (isChatBody(body) ? CHAT : '/v1/completions');
}

const CHAT = '/v1/chat/completions';

/** `InvokeEndpointWithResponseStream`: vLLM's server-sent events in payload parts. */
async function streamInvocation(
  context: Context,
  call: RuntimeCall,
  body: string,
  response: ServerResponse,
  signal: AbortSignal,
  seat?: CopySeat,
): Promise<void> {
  const fault = context.faults.take();
  if (fault.startDelayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.startDelayMs));
  if (fault.error !== undefined) return sendRuntimeError(response, fault.error);
  if (fault.html === true) return sendHtml(response);
  const frames = serverSentEvents(context, routeOf(call.customAttributes, body), body, signal, fault, seat);
  let first: IteratorResult<string>;
  try {
    first = await frames.next();
  } catch (error) {
    if (!(error instanceof BadRequestError)) throw error;
    return sendRuntimeError(response, runtimeErrors.model(400, JSON.stringify(error.body)));
  }
  response.writeHead(200, {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amzn-sagemaker-content-type': 'text/event-stream; charset=utf-8',
    'x-amzn-invoked-production-variant': 'AllTraffic',
  });
  await sendFrames(first, frames, fault, async (frame, chunk) => {
    if (frame === BREAK) return await breakStream(response, fault, signal);
    if (frame === END) return void response.end();
    for (const part of partsOf(Buffer.from(frame, 'utf8'), fault.partBytes ?? context.partBytes)) {
      const { flipBit } = fault;
      const whole = payloadPart(part);
      const bytes = flipBit?.chunk === chunk ? withFlippedBit(whole, flipBit.bit) : whole;
      await write(response, bytes, fault, signal);
    }
  });
}

async function write(response: ServerResponse, bytes: Uint8Array, fault: Fault, signal: AbortSignal): Promise<void> {
  for (const piece of partsOf(bytes, fault.writeBytes)) {
    if (!response.write(piece)) await drained(response, signal);
    // Without a turn of the event loop, the socket would send all pieces as one.
    if (fault.writeBytes !== undefined) await new Promise(setImmediate);
  }
}

function sendHtml(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<html><body><h1>Under maintenance</h1></body></html>');
}

const BREAK = Symbol('break');
const END = Symbol('end');

/** Sends the frames, then the end or the fault's break. Always returns the generator, so that the engine's place is released. */
async function sendFrames(
  first: IteratorResult<string>,
  frames: AsyncGenerator<string>,
  fault: Fault,
  send: (frame: string | typeof BREAK | typeof END, chunk: number) => Promise<void>,
): Promise<void> {
  try {
    let chunk = 0;
    for (let step = first; step.done !== true; step = await frames.next(), chunk++) {
      if (fault.breakAfterChunks === chunk) return await send(BREAK, chunk);
      if (fault.loseChunk !== chunk) await send(step.value, chunk);
      if (fault.repeatChunk === chunk) await send(step.value, chunk);
    }
    await send(END, chunk);
  } finally {
    await frames.return(undefined);
  }
}

async function* serverSentEvents(
  context: Context,
  route: string,
  body: string,
  signal: AbortSignal,
  fault: Fault,
  seat?: CopySeat,
): AsyncGenerator<string> {
  const { engine, servedModelName } = context;
  const paced = { ...fault, seat };
  const chunks =
    route === CHAT
      ? toChatChunks(completionChunks(engine, parseChat(engine, body), servedModelName, signal, paced))
      : completionChunks(engine, parseCompletionBody(body), servedModelName, signal, paced);
  try {
    for await (const chunk of chunks) yield `data: ${JSON.stringify(chunk)}\n\n`;
    yield 'data: [DONE]\n\n';
  } catch (error) {
    // The client disconnected: nothing more to send.
    if (!signal.aborted) throw error;
  }
}

async function breakStream(response: ServerResponse, fault: Fault, signal: AbortSignal): Promise<void> {
  const message = 'The model container broke the stream.';
  switch (fault.breakBy ?? 'socket') {
    case 'socket':
      response.destroy();
      break;
    case 'silent':
      response.end();
      break;
    case 'stall':
      await gone(signal);
      break;
    case 'cut':
      await cutInFrame(response, payloadPart(Buffer.from('data: {"choices":[]}\n\n')));
      break;
    case 'halfJson':
      response.end(payloadPart(Buffer.from(HALF_JSON)));
      break;
    case 'unknownException':
      response.end(unknownException(message));
      break;
    case 'corrupt':
      response.end(corrupted(payloadPart(Buffer.from('data: {}\n\n'))));
      break;
    case 'InternalStreamFailure':
      response.end(internalStreamFailure(message));
      break;
    case 'StreamBroken':
      response.end(modelStreamError('StreamBroken', message));
      break;
    case 'ModelInvocationTimeExceeded':
      response.end(modelStreamError('ModelInvocationTimeExceeded', message));
      break;
  }
}

const HALF_JSON = 'data: {"choices":[{"text":"\n\n';

async function gone(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Sends half of the bytes, then resets the connection. */
async function cutInFrame(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => response.write(bytes.subarray(0, bytes.length / 2), () => resolve()));
  response.destroy();
}

/** vLLM's own HTTP routes, and SageMaker's for containers: `/ping` and `/invocations`. */
async function handleVllm(
  context: Context,
  path: string,
  body: string,
  response: ServerResponse,
  signal: AbortSignal,
  faults: Faults,
): Promise<void> {
  if ((path === '/v1/completions' || path === CHAT) && /"stream"\s*:\s*true/.test(body)) {
    const fault = faults.take();
    if (fault.error !== undefined) return sendJson(response, fault.error.status, fault.error.body);
    if (fault.html === true) return sendHtml(response);
    const frames = serverSentEvents(context, path, body, signal, fault);
    let first: IteratorResult<string>;
    try {
      first = await frames.next();
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      return sendJson(response, 400, error.body);
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    return await sendFrames(first, frames, fault, async (frame) => {
      if (frame === BREAK) return await breakPlainStream(response, fault, signal);
      if (frame === END) return void response.end();
      await write(response, Buffer.from(frame, 'utf8'), fault, signal);
    });
  }
  const answer = await vllmJson(context, path, body, signal);
  sendJson(response, answer.status, answer.body);
}

function parseChat(engine: Engine, body: string) {
  return parseChatBody(body, (prompt) => engine.contextTokens - engine.tokenize(prompt, true).length);
}

/** Breaks a stream that has no event-stream frames: SageMaker's exceptions become a reset connection. */
async function breakPlainStream(response: ServerResponse, { breakBy }: Fault, signal: AbortSignal): Promise<void> {
  if (breakBy === 'silent') response.end();
  else if (breakBy === 'stall') await gone(signal);
  else if (breakBy === 'halfJson') response.end(HALF_JSON);
  else if (breakBy === 'cut') await cutInFrame(response, Buffer.from(HALF_JSON));
  else response.destroy();
}

async function vllmJson(
  context: Context,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { engine, servedModelName } = context;
  try {
    switch (path) {
      case '/v1/completions':
        return { status: 200, body: await wholeCompletion(engine, parseCompletionBody(body), servedModelName, signal) };
      case CHAT:
        return {
          status: 200,
          body: toChatCompletion(await wholeCompletion(engine, parseChat(engine, body), servedModelName, signal)),
        };
      case '/tokenize': {
        // Like vLLM, parses control strings anywhere in the text.
        const tokens = engine.tokenize(tokenizeSchema.parse(JSON.parse(body)).prompt, true);
        return {
          status: 200,
          body: { count: tokens.length, max_model_len: engine.contextTokens, tokens, token_strs: null },
        };
      }
      case '/detokenize':
        return { status: 200, body: { prompt: engine.detokenize(detokenizeSchema.parse(JSON.parse(body)).tokens) } };
      case '/v1/models':
        return {
          status: 200,
          body: {
            object: 'list',
            data: [{ id: servedModelName, object: 'model', owned_by: 'local', max_model_len: engine.contextTokens }],
          },
        };
      case '/health':
      case '/ping':
        return { status: 200, body: {} };
      default:
        return {
          status: 404,
          body: { error: { message: `The route ${path} does not exist.`, type: 'NotFoundError', code: 404 } },
        };
    }
  } catch (error) {
    if (error instanceof BadRequestError) return { status: 400, body: error.body };
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      return { status: 400, body: new BadRequestError(error.message).body };
    }
    throw error;
  }
}
