import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatCompletionSchema } from '../../../lambda/apis/chat/response-schemas.ts';
import { errorSchema } from '../../../lambda/apis/response-schemas.ts';
import { generate } from '../../../lambda/generation/generate.ts';
import type { Generation, ThinkingLogprob } from '../../../lambda/generation/generation.ts';
import { checkLogprobs, requestedLogprobs } from '../../../lambda/generation/thinking-logprobs.ts';
import { StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import type {
  SegmentChunk,
  SegmentModel,
  SegmentRequest,
  TokenLogprob,
} from '../../../lambda/upstream/segment-model.ts';
import { runs } from '../../property-runs.ts';
import {
  bytes,
  decode,
  END_OF_TEXT,
  FOREIGN_END,
  format,
  IM_END,
  IM_START,
  newDecoder,
  WAIT,
} from '../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';

/** An entry that says which token it belongs to, and the how-manieth sampled one it is. */
const entryOf = (id: number, at: number): TokenLogprob => ({
  token: decode([id]),
  logprob: -at - 1,
  top: Array.from({ length: 5 }, (_, index) => ({ token: String(index), logprob: -index })),
});

interface ServerShape {
  readonly chunkSizes: readonly number[];
  /** Number of tokens after which each call breaks. */
  readonly breaksAfter: ReadonlyMap<number, number>;
}

/** A server that samples the given tokens over all calls, in chunks of any size, and breaks calls. */
class ShapedModel implements SegmentModel {
  readonly requests: SegmentRequest[] = [];
  readonly #tokens: readonly number[];
  readonly #shape: ServerShape;
  #at = 0;

  constructor(tokens: readonly number[], shape: ServerShape) {
    this.#tokens = tokens;
    this.#shape = shape;
  }

  async *run(request: SegmentRequest): AsyncGenerator<SegmentChunk> {
    const call = this.requests.push(request) - 1;
    const ids: number[] = [];
    let finishReason: 'stop' | 'length' = 'length';
    while (ids.length < request.maxTokens) {
      const id = this.#tokens[this.#at + ids.length] ?? IM_END;
      ids.push(id);
      if (id >= IM_START && id !== WAIT) {
        finishReason = 'stop';
        break;
      }
    }
    const breakAfter = this.#shape.breaksAfter.get(call) ?? ids.length;
    for (let from = 0, size = 0; from < Math.min(breakAfter, ids.length); from += size) {
      size = this.#shape.chunkSizes[from % this.#shape.chunkSizes.length] ?? 1;
      const tokenIds = ids.slice(from, Math.min(from + size, breakAfter));
      const last = from + tokenIds.length === ids.length;
      const at = this.#at;
      this.#at += tokenIds.length;
      yield {
        tokenIds,
        text: '',
        logprobs: tokenIds.map((id, index) => entryOf(id, at + index)),
        ...(last ? { finishReason, ...(finishReason === 'stop' ? { stopReason: tokenIds.at(-1) ?? 0 } : {}) } : {}),
      };
      if (last) return;
    }
    throw new StreamBrokenError('gone');
  }
}

async function thinkingOf(
  tokens: readonly number[],
  shape: ServerShape,
  { waits = 2, decodes = true }: { readonly waits?: number; readonly decodes?: boolean } = {},
) {
  const model = new ShapedModel(tokens, shape);
  const generation: Generation = {
    model,
    plan: {
      promptIds: bytes('how?'),
      format,
      limits: { minTokens: 0, maxTokens: 60, waits, maxAnswerTokens: 20 },
      wait: { ids: [...bytes(' '), WAIT], text: ' Wait' },
      contextTokens: 1_000,
      ...(decodes ? { newDecoder } : {}),
    },
    sampling: {},
    thinkingLogprobs: 2,
    clock: { now: () => 0, sleep: async () => {} },
    retry: { attempts: 50, backoffMs: 0, capacityWaitMs: 0 },
    signal: new AbortController().signal,
  };
  const entries: ThinkingLogprob[] = [];
  let text = '';
  let thinkingTokens = 0;
  for await (const event of generate(generation)) {
    if (event.kind === 'logprobs' && event.part === 'thinking') entries.push(...event.tokens);
    if (event.kind === 'text' && event.part === 'thinking') text += event.text;
    if (event.kind === 'done') thinkingTokens = event.report.thinkingTokens;
  }
  return { entries, text, thinkingTokens, requests: model.requests };
}

const plain: ServerShape = { chunkSizes: [1], breaksAfter: new Map() };
const sampled = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 97, max: 122 }) },
  { weight: 1, arbitrary: fc.constantFrom(IM_START, END_OF_TEXT, FOREIGN_END) },
);
const shapes = fc.record({
  chunkSizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  breaksAfter: fc
    .array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 12 })))
    .map((entries) => new Map(entries)),
});

describe('thinking log-probabilities', () => {
  it('every thinking token has an entry, and only forced ones have none of their own', async () => {
    const tokens = [...bytes('ab'), IM_START, ...bytes('c'), IM_START, ...bytes('de'), IM_START, ...bytes('x')];
    const { entries, thinkingTokens } = await thinkingOf(tokens, plain);
    expect(thinkingTokens).toBe(9);
    expect(entries.map(({ token, logprob }) => [token, logprob])).toEqual([
      ['a', -1],
      ['b', -2],
      [' ', null],
      ['Wait', null],
      ['c', -4],
      [' ', null],
      ['Wait', null],
      ['d', -6],
      ['e', -7],
    ]);
  });

  it('the shape of the chunks changes no entry, and breaks lose and repeat none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sampled, { maxLength: 80 }), shapes, async (tokens, shape) => {
        const expected = await thinkingOf(tokens, plain);
        const given = await thinkingOf(tokens, shape);
        expect(expected.entries).toHaveLength(expected.thinkingTokens);
        expect(given.entries).toEqual(expected.entries);
        expect(given.entries.map(({ token }) => token).join('')).toBe(given.text);
        expect(given.entries.every(({ top, logprob }) => top.length === (logprob === null ? 0 : 2))).toBe(true);
      }),
      { seed: 18, numRuns: runs(300) },
    );
  });

  it('an end token that the segment did not list has no entry', async () => {
    const { entries, thinkingTokens } = await thinkingOf([...bytes('ab'), FOREIGN_END, ...bytes('x')], plain, {
      waits: 0,
    });
    expect(thinkingTokens).toBe(2);
    expect(entries).toHaveLength(2);
  });

  it('without a decoder, the first forced token has the forced text', async () => {
    const { entries } = await thinkingOf([...bytes('a'), IM_START, IM_START, IM_START], plain, { decodes: false });
    expect(entries.filter(({ logprob }) => logprob === null).map(({ token }) => token)).toEqual([
      ' Wait',
      '',
      ' Wait',
      '',
    ]);
  });
});

describe('log-probabilities that the machine needs', () => {
  const segment = { part: 'thinking', promptIds: [1], minTokens: 0, maxTokens: 9, stopTokenIds: [] } as const;
  const client = (thinkingLogprobs?: number) => ({ thinkingLogprobs }) as Generation;

  it('the request asks for the larger number of the client and the machine, and for none if neither needs any', () => {
    const needs = { ...segment, logprobs: { top: 5, field: 'thinking.gates' } };
    expect(requestedLogprobs(needs, client())).toBe(5);
    expect(requestedLogprobs(needs, client(2))).toBe(5);
    expect(requestedLogprobs(needs, client(20))).toBe(20);
    expect(requestedLogprobs(segment, client(0))).toBe(0);
    expect(requestedLogprobs(segment, client())).toBeUndefined();
  });

  it('a server that returns none is a 400 that names the field of the machine', () => {
    const needs = { ...segment, logprobs: { top: 5, field: 'thinking.gates' } };
    expect(() => checkLogprobs({ tokenIds: [1, 2], text: '' }, needs, client())).toThrow(/^thinking\.gates needs/);
    expect(() => checkLogprobs({ tokenIds: [], text: '' }, needs, client())).not.toThrow();
    expect(() => checkLogprobs({ tokenIds: [1, 2], text: '' }, segment, client())).not.toThrow();
  });
});

describe('thinking.logprobs in Chat Completions', () => {
  const entries = (text: string) => [...text, 'end'].map((_, index) => entryOf(text.charCodeAt(index), index));
  const script = (): readonly ScriptedSegment[] => [
    { says: 'ab', ends: IM_START, logprobs: entries('ab') },
    { says: 'c', ends: IM_START, logprobs: entries('c') },
    { says: 'd', ends: IM_END, logprobs: entries('d') },
  ];
  const thinking = { waits: 1, logprobs: true, top_logprobs: 1 };
  const item = (token: string, logprob: number) => ({
    token,
    logprob,
    bytes: bytes(token),
    top_logprobs: [{ token: '0', logprob: -0, bytes: [48] }],
  });
  const expected = [
    item('a', -1),
    item('b', -2),
    { token: 'Wait', logprob: null, bytes: bytes('Wait'), top_logprobs: [], forced: true },
    item('c', -1),
  ];
  const path = '/v1/chat/completions';

  it('the response has one entry for each thinking token, and none of the answer', async () => {
    const { app, model } = scriptedApp(script());
    const body = await (await app.request(path, chat({ thinking }))).json();
    expect(JSON.parse(JSON.stringify(body))).toMatchObject({
      choices: [
        { logprobs: { content: null, refusal: null, reasoning_content: JSON.parse(JSON.stringify(expected)) } },
      ],
      budget_forcing: { thinking_tokens: expected.length },
    });
    expect(model.requests.map(({ topLogprobs }) => topLogprobs)).toEqual([1, 1, undefined]);
  });

  it('a thought without tokens has an empty list', async () => {
    const { app } = scriptedApp([{ says: '1', ends: IM_END }]);
    const body = await (await app.request(path, chat({ thinking: { ...thinking, max_tokens: 0, waits: 0 } }))).json();
    expect(body).toMatchObject({ choices: [{ logprobs: { reasoning_content: [] } }] });
  });

  it('the stream has the same entries, and those of the answer if they are requested', async () => {
    const { app } = scriptedApp(script());
    const events = await eventsOf(await app.request(path, chat({ thinking, logprobs: true, stream: true })));
    const collected: Record<'content' | 'reasoning_content', unknown[]> = { content: [], reasoning_content: [] };
    for (const event of events as { choices?: { logprobs?: Partial<typeof collected> | null }[] }[]) {
      const logprobs = event.choices?.[0]?.logprobs;
      collected.content.push(...(logprobs?.content ?? []));
      collected.reasoning_content.push(...(logprobs?.reasoning_content ?? []));
    }
    expect(collected.reasoning_content).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(collected.content).toEqual([{ ...item('d', -1), top_logprobs: [] }]);
  });

  it('a model server that returns none is a 400 that names the field, streamed or not', async () => {
    for (const stream of [true, false]) {
      const { app } = scriptedApp([{ says: 'ab', ends: IM_START }]);
      const response = await app.request(path, chat({ thinking, stream }));
      expect(response.status).toBe(400);
      const { error } = errorSchema.parse(await response.json());
      expect(error).toMatchObject({ param: 'thinking.logprobs', code: 'unsupported_parameter' });
      expect(error.message).toContain('returned 0 for 1 tokens');
    }
  });

  it.each([
    [path, { thinking: { top_logprobs: 2 } }, 'thinking.top_logprobs'],
    [path, { thinking: { ...thinking, display: 'omitted' } }, 'thinking.logprobs'],
    [path, { thinking, reasoning: { exclude: true } }, 'thinking.logprobs'],
    [path, { thinking: { logprobs: true, top_logprobs: 21 } }, 'thinking.top_logprobs'],
    ['/v1/responses', { messages: undefined, input: 'Hi', thinking }, 'thinking.logprobs'],
    ['/v1/messages', { max_tokens: 50, thinking }, 'thinking.logprobs'],
    ['/v1/completions', { messages: undefined, prompt: 'Hi', thinking }, 'thinking.logprobs'],
  ])('%s refuses %j', async (route, body, field) => {
    const { app } = scriptedApp(script());
    const response = await app.request(route, chat(body));
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain(field);
  });

  it('the winner of a vote has its log-probabilities', async () => {
    const model = scriptedModel('scripted', [...script(), ...script()]);
    const { app } = scriptedApp([], { models: [model] });
    const response = await app.request(path, chat({ thinking: { ...thinking, waits: 0 }, n: 2, vote: true }));
    const body = chatCompletionSchema.parse(await response.json());
    expect(body.choices[0]?.logprobs?.reasoning_content).toHaveLength(body.budget_forcing?.thinking_tokens ?? 0);
  });
});
