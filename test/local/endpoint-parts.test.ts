import { EventStreamCodec } from '@smithy/core/event-streams';
import { describe, expect, it } from 'vitest';
import { toChatChunks, toChatCompletion } from '../../local/endpoint/chat-answer.ts';
import {
  corrupted,
  internalStreamFailure,
  modelStreamError,
  payloadPart,
  unknownException,
  withFlippedBit,
} from '../../local/endpoint/event-stream-frames.ts';
import { Faults, parseFaultScript } from '../../local/endpoint/faults.ts';
import { incrementalText } from '../../local/endpoint/incremental-text.ts';
import { JsonEnd } from '../../local/endpoint/json-end.ts';
import { faultKinds, randomFaults, seededRandom } from '../../local/endpoint/random-fault.ts';
import { runtimeErrors } from '../../local/endpoint/runtime-errors.ts';
import { partsOf, refusalOf } from '../../local/endpoint/runtime-protocol.ts';

describe('the end of a JSON value', () => {
  it.each([
    ['{}', 2],
    ['{"a": [1, {"b": "}"}]} and more', 22],
    ['[[1], []] ', 9],
    ['"a \\" b" c', 8],
    ['"a \\\\" c', 6],
    ['"[" x', 3],
    ['{"a\\\\": "\\"}"}', 14],
    // More digits could follow.
    ['12', undefined],
    ['true', undefined],
    ['{"a": 1', undefined],
    ['"open', undefined],
    ['[1}', 3],
  ])('of %s is after %s characters, however it is split', (text, end) => {
    const whole = new JsonEnd();
    expect(whole.push(text)).toBe(end !== undefined);
    const split = new JsonEnd();
    const at = [...text].findIndex((char) => split.push(char));
    expect(at === -1 ? undefined : at + 1).toBe(end);
  });
});

describe('text that is made from ids one by one', () => {
  const newText = () => incrementalText((ids) => Buffer.from(ids).toString('utf8'));

  it('holds back the bytes of a character until it is complete', () => {
    const text = newText();
    expect([...Buffer.from('aé🤔b')].map((byte) => text.push(byte))).toEqual(['a', '', 'é', '', '', '', '🤔', 'b']);
    expect(text.end()).toBe('');
  });

  it('gives up on a character after four bytes', () => {
    const text = newText();
    expect([0x80, 0x80, 0x80].map((byte) => text.push(byte))).toEqual(['', '', '']);
    expect(text.push(0x80)).toBe('\uFFFD\uFFFD\uFFFD\uFFFD');
    expect(text.push(0x61)).toBe('a');
  });

  it('drops an incomplete character at the end, and begins anew', () => {
    const text = newText();
    text.push(0xc3);
    expect(text.end()).toBe('');
    expect(text.push(0x61)).toBe('a');
    expect(text.end()).toBe('');
    const held = incrementalText((ids) => `x${'\uFFFD'.repeat(ids.length)}`);
    held.push(1);
    held.push(2);
    expect(held.end()).toBe('x');
  });
});

describe('the errors of SageMaker Runtime', () => {
  it.each([
    [runtimeErrors.validation('wrong'), 400, 'ValidationError', { Message: 'wrong' }],
    [
      runtimeErrors.noCapacity(),
      400,
      'ValidationError',
      { Message: expect.stringMatching(/^Inference Component has no capacity to process this request\./) },
    ],
    [
      runtimeErrors.model(404, 'no route'),
      424,
      'ModelError',
      {
        Message: 'Received client error (404) from primary with message "no route".',
        OriginalStatusCode: 404,
        OriginalMessage: 'no route',
        LogStreamArn: expect.stringMatching(/^arn:aws:logs:/),
      },
    ],
    [
      runtimeErrors.modelNotReady(),
      429,
      'ModelNotReadyException',
      { Message: 'Model is not ready to serve inference requests.' },
    ],
    [runtimeErrors.serviceUnavailable(), 503, 'ServiceUnavailable', { Message: 'Service is unavailable. Try again.' }],
    [runtimeErrors.internalFailure(), 500, 'InternalFailure', { Message: 'An internal failure occurred.' }],
    [runtimeErrors.internalDependency(), 530, 'InternalDependencyException', { Message: 'A dependency failed.' }],
    [runtimeErrors.throttling(), 400, 'ThrottlingException', { message: 'Rate exceeded' }],
    [
      runtimeErrors.accessDenied(),
      403,
      'AccessDeniedException',
      { Message: 'User is not authorized to perform: sagemaker:InvokeEndpointWithResponseStream' },
    ],
  ])('have status, type and body of AWS: %j', (error, status, type, body) => {
    expect(error).toEqual({ status, type, body });
  });

  it('refuse another endpoint, another component, and a call without the component that is needed', () => {
    const names = { endpointName: 'e', inferenceComponentName: 'c' };
    const call = { endpointName: 'e', inferenceComponentName: 'c', customAttributes: undefined, streams: false };
    expect(refusalOf(names, call)).toBeUndefined();
    expect(refusalOf({ endpointName: 'e' }, { ...call, inferenceComponentName: 'any' })).toBeUndefined();
    expect(refusalOf(names, { ...call, endpointName: 'x' })).toEqual(
      runtimeErrors.validation('Endpoint x of account 111122223333 not found.'),
    );
    expect(refusalOf(names, { ...call, inferenceComponentName: 'x' })).toEqual(
      runtimeErrors.validation('Inference Component x of account 111122223333 not found.'),
    );
    expect(refusalOf(names, { ...call, inferenceComponentName: undefined })?.body).toEqual({
      Message:
        'Inference Component Name header is required for endpoints to which you plan to deploy inference components.',
    });
  });
});

describe('the frames of an event stream', () => {
  const codec = new EventStreamCodec(
    (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
    (text) => Buffer.from(text, 'utf8'),
  );
  const decoded = (bytes: Uint8Array) => {
    const { headers, body } = codec.decode(bytes);
    const values = Object.entries(headers).map(([name, { value }]) => [name, value]);
    return { headers: Object.fromEntries(values), body: Buffer.from(body).toString('utf8') };
  };
  const exception = (type: string, body: object) => ({
    headers: { ':message-type': 'exception', ':exception-type': type, ':content-type': 'application/json' },
    body: JSON.stringify(body),
  });

  it.each([
    [
      payloadPart(Buffer.from('né')),
      {
        headers: {
          ':message-type': 'event',
          ':event-type': 'PayloadPart',
          ':content-type': 'application/octet-stream',
        },
        body: 'né',
      },
    ],
    [modelStreamError('StreamBroken', 'm'), exception('ModelStreamError', { Message: 'm', ErrorCode: 'StreamBroken' })],
    [internalStreamFailure('m'), exception('InternalStreamFailure', { Message: 'm' })],
    [unknownException('m'), exception('ModelShardLostException', { Message: 'm' })],
  ])('have the headers and the body that AWS sends: %#', (frame, expected) => {
    expect(decoded(frame)).toEqual(expected);
  });

  it('do not decode with a wrong bit, wherever it is', () => {
    const frame = payloadPart(Buffer.from('abc'));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = withFlippedBit(frame, bit);
      expect(flipped.reduce((count, byte, at) => count + (byte === frame[at] ? 0 : 1), 0)).toBe(1);
      expect((flipped[Math.floor(bit / 8)] ?? 0) ^ (frame[Math.floor(bit / 8)] ?? 0)).toBe(2 ** (bit % 8));
    }
    // A place beyond the frame wraps.
    expect(withFlippedBit(frame, frame.length * 8 + 3)).toEqual(withFlippedBit(frame, 3));
    expect(() => codec.decode(corrupted(frame))).toThrow(/checksum/i);
    expect(Buffer.from(corrupted(frame)).subarray(-5, -4).toString()).toBe('b');
  });

  it('are split into parts at any place', () => {
    const parts = (size: number | undefined) =>
      [...partsOf(Buffer.from('abcde'), size)].map((part) => Buffer.from(part).toString());
    expect(parts(2)).toEqual(['ab', 'cd', 'e']);
    expect(parts(5)).toEqual(['abcde']);
    expect(parts(9)).toEqual(['abcde']);
    expect(parts(undefined)).toEqual(['abcde']);
  });
});

describe('the faults of calls', () => {
  it('are taken one by one, then the one of every call, until they are cleared or replaced', () => {
    const faults = new Faults();
    expect(faults.take()).toEqual({});
    faults.next({ loseChunk: 1 }, { loseChunk: 2 });
    faults.next({ loseChunk: 3 });
    faults.always({ html: true });
    expect([1, 2, 3, 4, 5].map(() => faults.take())).toEqual([
      { loseChunk: 1 },
      { loseChunk: 2 },
      { loseChunk: 3 },
      { html: true },
      { html: true },
    ]);
    faults.next({ loseChunk: 4 });
    faults.play(parseFaultScript('{"next": [{"repeatChunk": 1}], "always": {"startDelayMs": 5}}'));
    expect([1, 2].map(() => faults.take())).toEqual([{ repeatChunk: 1 }, { startDelayMs: 5 }]);
    faults.next({ loseChunk: 5 });
    faults.clear();
    expect(faults.take()).toEqual({});
  });

  it('are none in an empty script', () => {
    expect(parseFaultScript('{}')).toEqual({ next: [], always: {} });
  });

  it.each([
    ['noCapacity', 'ValidationError'],
    ['modelNotReady', 'ModelNotReadyException'],
    ['serviceUnavailable', 'ServiceUnavailable'],
    ['internalFailure', 'InternalFailure'],
    ['internalDependency', 'InternalDependencyException'],
    ['throttling', 'ThrottlingException'],
    ['accessDenied', 'AccessDeniedException'],
  ])('name the error %s', (name, type) => {
    expect(parseFaultScript(`{"always": {"error": "${name}"}}`).always.error).toMatchObject({ type });
  });

  it.each([
    'socket',
    'cut',
    'silent',
    'stall',
    'StreamBroken',
    'ModelInvocationTimeExceeded',
    'InternalStreamFailure',
    'unknownException',
    'corrupt',
    'halfJson',
  ])('break a stream by %s', (breakBy) => {
    expect(parseFaultScript(JSON.stringify({ always: { breakAfterChunks: 0, breakBy } })).always).toEqual({
      breakAfterChunks: 0,
      breakBy,
    });
  });

  it.each([
    [{ breakAfterChunks: -1 }, 'breakAfterChunks'],
    [{ breakBy: 'magic' }, 'breakBy'],
    [{ startDelayMs: 0.5 }, 'startDelayMs'],
    [{ flipBit: { chunk: 1 } }, 'flipBit'],
    [{ flipBit: { chunk: 1, bit: 1, byte: 1 } }, 'byte'],
    [{ partBytes: 0 }, 'partBytes'],
    [{ writeBytes: 0 }, 'writeBytes'],
    [{ tokensPerChunk: 0 }, 'tokensPerChunk'],
    [{ error: 'unknown' }, 'error'],
    [{ html: 'yes' }, 'html'],
    [{ unknown: 1 }, 'unknown'],
  ])('%j are refused with the name of the wrong field', (fault, name) => {
    const run = () => parseFaultScript(JSON.stringify({ next: [fault] }));
    expect(run).toThrow(/^The faults are not valid: /);
    expect(run).toThrow(name);
    expect(() => parseFaultScript(JSON.stringify({ later: [] }))).toThrow('later');
  });

  it('that are not JSON are refused with an example', () => {
    expect(() => parseFaultScript('{')).toThrow(
      'The faults are not valid JSON. Write {"next": [{"breakAfterChunks": 5}]}.',
    );
  });
});

describe('random faults', () => {
  it('are the same numbers for a seed on every machine', () => {
    const random = seededRandom(42);
    // mulberry32 with seed 42: 2581720956, 1925393290, 3661312704, 2876485805.
    expect([1, 2, 3, 4].map(() => random(2 ** 32))).toEqual([
      2_581_720_956, 1_925_393_290, 3_661_312_704, 2_876_485_805,
    ]);
    expect(seededRandom(42)(1_000)).toBe(956);
  });

  const highest: Record<string, readonly object[]> = {
    none: [{}],
    cut: [{ breakAfterChunks: 23, breakBy: 'cut' }],
    reset: [{ breakAfterChunks: 23, breakBy: 'socket' }],
    earlyEnd: [{ breakAfterChunks: 23, breakBy: 'silent' }],
    // The first chunk may take long, so a stall comes after it.
    stall: [{ breakAfterChunks: 24, breakBy: 'stall' }],
    flippedBit: [{ flipBit: { chunk: 23, bit: 4_095 } }],
    lostChunk: [{ loseChunk: 23 }],
    repeatedChunk: [{ repeatChunk: 23 }],
    refragmented: [{ partBytes: 200, writeBytes: 400 }],
    streamBroken: [{ breakAfterChunks: 23, breakBy: 'StreamBroken' }],
    eightMinutes: [{ breakAfterChunks: 23, breakBy: 'ModelInvocationTimeExceeded' }],
    internalStreamFailure: [{ breakAfterChunks: 23, breakBy: 'InternalStreamFailure' }],
    unknownException: [{ breakAfterChunks: 23, breakBy: 'unknownException' }],
    halfJson: [{ breakAfterChunks: 23, breakBy: 'halfJson' }],
    html: [{ html: true }],
    throttled: [{ error: runtimeErrors.throttling() }],
    notReady: [{ error: runtimeErrors.modelNotReady() }],
    copyDies: [{ breakAfterChunks: 23, breakBy: 'socket' }, { error: runtimeErrors.serviceUnavailable() }],
    unevenTokens: [{ tokensPerChunk: 5, breakAfterChunks: 7 }],
  };

  it.each(faultKinds)('of kind %s are at a place within most calls', (kind) => {
    expect(randomFaults(kind, (below) => below - 1)).toEqual(highest[kind]);
  });

  it('have every kind', () => {
    expect([...faultKinds].toSorted()).toEqual(Object.keys(highest).toSorted());
  });
});

describe('a text completion as a chat completion', () => {
  const logprobs = {
    tokens: ['é', 'b'],
    token_logprobs: [-0.5, null],
    top_logprobs: [{ é: -0.5, x: -1 }, null],
  };
  const content = [
    {
      token: 'é',
      logprob: -0.5,
      bytes: [195, 169],
      top_logprobs: [
        { token: 'é', logprob: -0.5, bytes: [195, 169] },
        { token: 'x', logprob: -1, bytes: [120] },
      ],
    },
    { token: 'b', logprob: 0, bytes: [98], top_logprobs: [] },
  ];
  const chunk = (text: string, more: object = {}) => ({
    id: 'cmpl-1',
    object: 'text_completion',
    choices: [{ index: 0, text, logprobs: null, finish_reason: null }],
    ...more,
  });

  it('has the text as content of the assistant, with its log-probabilities', () => {
    const completion = chunk('éb', {
      choices: [{ index: 0, text: 'éb', logprobs, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1 },
    });
    expect(toChatCompletion(completion)).toEqual({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'éb', tool_calls: [] },
          logprobs: { content },
        },
      ],
      usage: { prompt_tokens: 1 },
    });
    expect(toChatCompletion(chunk('a')).choices[0]?.logprobs).toBeNull();
  });

  it('begins a stream with the role, and has the usage where the completion has it', async () => {
    async function* chunks() {
      yield chunk('a');
      yield chunk('b', { choices: [{ index: 0, text: 'b', logprobs, finish_reason: 'stop' }] });
      yield { id: 'cmpl-1', object: 'text_completion', choices: [], usage: { prompt_tokens: 1 } };
    }
    const shared = { id: 'chatcmpl-1', object: 'chat.completion.chunk' };
    const found = [];
    for await (const one of toChatChunks(chunks())) found.push(one);
    expect(found).toEqual([
      {
        ...shared,
        choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
      },
      { ...shared, choices: [{ index: 0, delta: { content: 'a' }, logprobs: null, finish_reason: null }] },
      { ...shared, choices: [{ index: 0, delta: { content: 'b' }, logprobs: { content }, finish_reason: 'stop' }] },
      { ...shared, choices: [], usage: { prompt_tokens: 1 } },
    ]);
  });
});
