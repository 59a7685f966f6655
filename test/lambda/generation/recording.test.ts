import { describe, expect, it } from 'vitest';
import type { AppDependencies } from '../../../lambda/context.ts';
import { ApiError } from '../../../lambda/errors/api-error.ts';
import type { ForcingReport } from '../../../lambda/forcing/report.ts';
import { admitFurther, admitRequest, maxTokensOf, runsOf } from '../../../lambda/generation/admit-request.ts';
import type { GenerationEvent } from '../../../lambda/generation/generation.ts';
import { Lookup, lookupOf, withPassages } from '../../../lambda/generation/lookup.ts';
import { prepareRequest } from '../../../lambda/generation/prepare-request.ts';
import { recordEvents } from '../../../lambda/generation/record-events.ts';
import type { RecordedGeneration } from '../../../lambda/generation/recorded-generation.ts';
import { releaseAtEnd } from '../../../lambda/generation/release-admission.ts';
import type { GenerationRequest } from '../../../lambda/generation/request.ts';
import type { SampleAccount } from '../../../lambda/generation/usage.ts';
import { UnencodableTextError } from '../../../lambda/tokenizer/unencodable-text-error.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { aCaller, aContext, aRequest } from './requests.ts';

const limits = { minTokens: 0, maxTokens: 200, waits: 0, maxAnswerTokens: 100 };
const reportOf = (changes: Partial<ForcingReport> = {}): ForcingReport => ({
  thinkingTokens: 5,
  answerTokens: 2,
  delimiterTokens: 3,
  completionTokens: 7,
  promptTokens: 10,
  sampledTokens: 8,
  forcedTokens: 4,
  discardedTokens: 1,
  retrievedTokens: 0,
  probeTokens: 0,
  probes: 0,
  confidence: undefined,
  gateConfidence: undefined,
  gatesOff: undefined,
  abortedTokens: 0,
  endReason: 'model',
  waits: 1,
  segments: 2,
  minimumMissed: undefined,
  finishReason: 'stop',
  answerCutBy: undefined,
  stopText: undefined,
  limits,
  events: [],
  ...changes,
});
const text = (part: 'thinking' | 'answer', value: string, forced = false): GenerationEvent => ({
  kind: 'text',
  part,
  text: value,
  forced,
});
const done = (changes: Partial<ForcingReport> = {}, more: object = {}) =>
  ({ kind: 'done', report: reportOf(changes), ...more }) as GenerationEvent;

/** Reads the events of samples through the recorder. */
async function record(
  events: readonly (readonly [number, GenerationEvent] | Error)[],
  {
    samples = 1,
    aborted = false,
    readAll = true,
    failure,
    winner,
  }: { samples?: number; aborted?: boolean; readAll?: boolean; failure?: Error; winner?: number } = {},
) {
  const recorded: RecordedGeneration[] = [];
  const log: unknown[] = [];
  const seenBefore: number[] = [];
  async function* given() {
    for (const event of events) {
      if (event instanceof Error) throw event;
      yield { index: event[0], value: event[1] };
    }
  }
  const abort = new AbortController();
  if (aborted) abort.abort();
  const { turns, tools, model } = aRequest();
  const vote = winner === undefined ? undefined : ({ state: { winner } } as never);
  const reading = recordEvents(given(), {
    request: { model, turns, tools, samples },
    limits,
    policy: 'fixed',
    recorder: async (one) => {
      if (failure !== undefined) throw failure;
      recorded.push(one);
    },
    vote,
    signal: abort.signal,
    requestId: 'r1',
    log: (level, message, fields) => log.push({ level, message, ...fields }),
  });
  let error: unknown;
  try {
    for await (const _ of reading) {
      seenBefore.push(recorded.length);
      if (!readAll) break;
    }
  } catch (thrown) {
    error = thrown;
  }
  return { recorded, log, error, seenBefore };
}

describe('what is recorded of a request', () => {
  it('are the texts of each sample, what was forced, and the account, before the last event is passed on', async () => {
    const { recorded, seenBefore } = await record(
      [
        [1, text('thinking', 'b')],
        [0, text('thinking', 'so')],
        [0, { kind: 'logprobs', part: 'answer', tokens: [] }],
        [0, text('thinking', 'Wait', true)],
        [0, text('thinking', '', true)],
        [0, text('answer', 'Final: ', true)],
        [0, text('answer', '4')],
        [
          1,
          done({
            endReason: undefined,
            finishReason: undefined,
            confidence: { measure: 'tail', value: 0.5, tokens: 3 },
          }),
        ],
        [0, done()],
      ],
      { samples: 2 },
    );
    expect(seenBefore).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(recorded).toHaveLength(1);
    expect(recorded[0]).toMatchObject({ outcome: 'done', policy: 'fixed', limits, winner: undefined });
    expect(recorded[0]?.samples).toEqual([
      {
        index: 0,
        model: 'scripted',
        thinking: 'soWait',
        answer: 'Final: 4',
        forced: { thinking: [{ at: 2, length: 4 }], answer: [{ at: 0, length: 7 }] },
        account: { thinking_tokens: 5, answer_tokens: 2, waits: 1, end_reason: 'model', finish_reason: 'stop' },
      },
      {
        index: 1,
        model: 'scripted',
        thinking: 'b',
        answer: '',
        forced: { thinking: [], answer: [] },
        account: {
          thinking_tokens: 5,
          answer_tokens: 2,
          waits: 1,
          end_reason: null,
          finish_reason: null,
          confidence: 0.5,
        },
      },
    ]);
  });

  it('is the model of a route that answered, and the attempts', async () => {
    const attempts = [{ model: 'small' }, { model: 'large' }];
    const { recorded } = await record([[0, done({}, { route: { answered: { model: 'large' }, attempts } })]]);
    expect(recorded[0]?.samples[0]).toMatchObject({ model: 'large', attempts });
  });

  it('is nothing if no text came', async () => {
    expect((await record([])).recorded).toEqual([]);
    expect((await record([new Error('failed')])).recorded).toEqual([]);
    expect((await record([[0, { kind: 'logprobs', part: 'answer', tokens: [] }]])).recorded).toEqual([]);
  });

  it.each<[string, Error | undefined, object, string]>([
    ['failed if the events fail', new Error('broke'), {}, 'failed'],
    ['aborted if the client left', new Error('broke'), { aborted: true }, 'aborted'],
    ['aborted if a step was aborted', new DOMException('left', 'AbortError'), {}, 'aborted'],
    ['failed if another exception of the platform came', new DOMException('slow', 'TimeoutError'), {}, 'failed'],
    ['aborted if the events are no longer read', undefined, { readAll: false }, 'aborted'],
  ])('is %s', async (_, failure, options, outcome) => {
    const events = [[0, text('answer', '4')] as const, ...(failure === undefined ? [] : [failure])];
    const { recorded, error } = await record(events, { samples: 2, ...options });
    expect(recorded).toMatchObject([{ outcome, samples: [{ answer: '4' }] }]);
    expect(recorded[0]?.samples[0]).not.toHaveProperty('account');
    expect(error).toBe(failure);
  });

  it('has the winner of a vote, once all samples are over', async () => {
    const events = [
      [0, text('answer', '4')],
      [0, done()],
      [1, done()],
    ] as const;
    const { recorded, seenBefore } = await record(events, { samples: 2, winner: 1 });
    // A vote may still be decided after the last sample.
    expect(seenBefore).toEqual([0, 0, 0]);
    expect(recorded).toMatchObject([{ outcome: 'done', winner: 1 }]);
    const failed = await record([...events, new Error('broke')], { samples: 3, winner: 1 });
    expect(failed.recorded).toMatchObject([{ outcome: 'failed', winner: undefined }]);
  });

  it('does not reach the client if it fails', async () => {
    const { error, log } = await record([[0, done()]], { failure: new Error('The bucket is away.') });
    expect(error).toBeUndefined();
    expect(log).toEqual([
      expect.objectContaining({ level: 'error', message: 'generation not stored', request_id: 'r1' }),
    ]);
  });
});

describe('the end of a request', () => {
  const segment = (changes: object) =>
    ({
      part: 'answer',
      promptTokens: 10,
      tokens: 3,
      completionTokens: 3,
      ...changes,
    }) as SampleAccount['segments'][number];

  async function release(
    accounts: readonly SampleAccount[],
    options: { route?: object; failing?: boolean; searches?: number } = {},
  ) {
    const log: Record<string, unknown>[] = [];
    const calls: unknown[] = [];
    const fail = async () => {
      if (options.failing === true) throw new Error('The table is away.');
    };
    async function* events() {
      calls.push('events');
      yield 1;
    }
    const admission = {
      admitted: {
        begin: () => calls.push('begin'),
        end: async (cached?: number) => {
          calls.push(['end', cached]);
          await fail();
        },
      },
    };
    const reservation = {
      remaining: {},
      request: { request_id: 'r1', key: 'key_1', model: 'scripted' },
      settle: async (...args: readonly unknown[]) => {
        calls.push(['settle', ...args]);
        await fail();
      },
    };
    const admitted = { admission, reservation, promptTokens: 10, limits, shrunk: [] } as never;
    const request = { ...aRequest(), ...options.route } as GenerationRequest;
    const { searches } = options;
    const counted = searches === undefined ? undefined : () => searches;
    const read = [];
    for await (const event of releaseAtEnd(
      events(),
      admitted,
      accounts,
      request,
      (level, message, fields) => log.push({ level, message, ...fields }),
      counted,
    ))
      read.push(event);
    return { calls, log, read };
  }
  const used = { prompt: 10, cached: 0, thinking: 5, answer: 2, forced: 4, probe: 0, aborted: 0 };

  it('releases the load with the cached tokens, and settles what was used', async () => {
    const segments = [segment({ promptTokensEvaluated: 4 })];
    const { calls, log, read } = await release([{ report: reportOf({ probeTokens: 6, abortedTokens: 7 }), segments }]);
    expect(read).toEqual([1]);
    expect(calls).toEqual([
      'begin',
      'events',
      ['end', 6],
      ['settle', { ...used, cached: 6, probe: 6, aborted: 7 }, []],
    ]);
    expect(log).toEqual([]);
  });

  it('adds up the samples, and the passages that they read', async () => {
    const account = { when: 'before', tokens: 30 } as SampleAccount['retrieval'];
    const { calls } = await release(
      [
        { report: reportOf({ retrievedTokens: 20 }), segments: [], retrieval: account },
        { report: reportOf(), segments: [], retrieval: account },
      ],
      { searches: 1 },
    );
    expect(calls[3]).toEqual([
      'settle',
      { ...used, prompt: 30, thinking: 10, answer: 4, forced: 8, retrieved: 50, searches: 1 },
      [],
    ]);
    const searched = await release([{ report: reportOf(), segments: [] }], { searches: 1 });
    expect(searched.calls[3]).toEqual(['settle', { ...used, retrieved: 0, searches: 1 }, []]);
  });

  it('settles each model of a route under its own name', async () => {
    const large = aRequest();
    const route = { route: { settings: {}, further: [large, aRequest()] } };
    const { calls } = await release(
      [
        { report: reportOf(), segments: [] },
        { report: reportOf({ promptTokens: 40, thinkingTokens: 9 }), segments: [], attempt: 1 },
      ],
      { route },
    );
    expect(calls[3]).toEqual(['settle', used, [{ model: 'scripted', ...used, prompt: 40, thinking: 9 }]]);
  });

  it('counts what fallbacks did: the prompt once for each sample, and no call without a token', async () => {
    const at = (name: string, tokens: number, promptTokens: number) =>
      segment({ upstream: { name, passedOver: [] }, tokens, promptTokens, completionTokens: tokens });
    const { calls } = await release([
      { report: reportOf(), segments: [at('scripted', 5, 10), at('b', 2, 12), at('b', 3, 14), at('c', 0, 9)] },
      { report: reportOf(), segments: [at('b', 4, 11), segment({})] },
    ]);
    expect(calls[3]).toMatchObject(['settle', { elsewhere: [{ upstream: 'b', prompt: 23, completion: 9 }] }, []]);
  });

  it('logs a failure of either with the tokens, and hides neither the answer nor the other one', async () => {
    const route = { route: { settings: {}, further: [aRequest()] } };
    const accounts = [
      { report: reportOf(), segments: [] },
      { report: reportOf(), segments: [], attempt: 1 },
    ];
    const { read, log, calls } = await release(accounts, { failing: true, route });
    expect(read).toEqual([1]);
    expect(calls).toHaveLength(4);
    expect(log).toMatchObject([
      { level: 'error', message: 'load lease not released' },
      {
        level: 'error',
        message: 'usage not settled',
        request_id: 'r1',
        key: 'key_1',
        ...used,
        further: [{ model: 'scripted', thinking: 5 }],
      },
    ]);
    const alone = await release([{ report: reportOf(), segments: [] }], { failing: true });
    expect(alone.log[1]).not.toHaveProperty('further');
  });
});

describe('the admission of a request', () => {
  async function admit(
    changes: Partial<GenerationRequest> = {},
    {
      granted,
      gateError,
      ledgerError,
      withdrawError,
      further,
      limits: keyLimits = {},
      settings = {},
      alone = false,
    }: {
      granted?: number;
      gateError?: Error;
      ledgerError?: Error;
      withdrawError?: Error;
      further?: number;
      limits?: object;
      settings?: object;
      alone?: boolean;
    } = {},
  ) {
    const asked: Record<string, unknown>[] = [];
    const reserved: Record<string, unknown>[] = [];
    const log: Record<string, unknown>[] = [];
    let withdrawn = 0;
    const gate = {
      admit: async (request: Record<string, unknown>) => {
        asked.push(request);
        if (gateError !== undefined) throw gateError;
        const withdraw = async () => {
          withdrawn++;
          if (withdrawError !== undefined) throw withdrawError;
        };
        return { admitted: { withdraw }, report: { granted: granted ?? 1_000 } };
      },
    };
    const dependencies = {
      loads: new Map([['scripted', { gate }]]),
      ledger: {
        admit: async (_caller: unknown, reservation: Record<string, unknown>) => {
          reserved.push(reservation);
          if (ledgerError !== undefined) throw ledgerError;
          return { remaining: {} };
        },
      },
      log: (level: string, message: string, fields: object) => log.push({ level, message, ...fields }),
    } as unknown as AppDependencies;
    const request = aRequest(changes, settings);
    const context = aContext(keyLimits);
    const prepared = await prepareRequest(request, context);
    const admitting = alone
      ? admitFurther(request, prepared, 3, dependencies, context)
      : admitRequest(request, prepared, 10_000, dependencies, context, further);
    const outcome = await admitting.then(
      (admitted) => ({ admitted, error: undefined }),
      (error: unknown) => ({ admitted: undefined, error }),
    );
    return { ...outcome, asked, reserved, log, withdrawn: () => withdrawn, prepared, request };
  }

  it('asks the gate with its prompt, limits and options', async () => {
    const elastic = { allowed: true, floorTokens: 7 };
    const { asked, prepared, admitted } = await admit(
      { samples: 2, thinking: { ...aRequest().thinking, elastic }, prefix: { thinking: 'abc' } },
      { limits: { elastic: false } },
    );
    expect(asked).toEqual([
      {
        requestId: 'r1',
        key: 'key_1',
        promptTokens: prepared.promptIds.length + (prepared.prefix?.ids.length ?? 0),
        minTokens: 0,
        maxTokens: 200,
        answerTokens: 100,
        samples: 2,
        elastic: true,
        keyElastic: false,
        floorTokens: 7,
        // A fifth of 10 s is left for the answer.
        maxWaitSeconds: 8,
      },
    ]);
    expect(admitted).toMatchObject({ limits: { maxTokens: 200 }, shrunk: [] });
  });

  it('waits for a first copy as long as leaves time for its answer', async () => {
    const zeroCopies = { secondsPerToken: 0.01 };
    expect((await admit({}, { settings: { zeroCopies } })).asked[0]?.['maxWaitSeconds']).toBe(9);
    const { asked } = await admit({}, { alone: true });
    expect(asked[0]).toMatchObject({ maxWaitSeconds: 0, samples: 3 });
  });

  it('has at most what the load grants', async () => {
    const { admitted } = await admit({}, { granted: 50 });
    expect(admitted).toMatchObject({
      limits: { maxTokens: 50 },
      shrunk: [{ limit: 'max_tokens', from: 200, to: 50, because: 'load' }],
    });
    expect((await admit({}, { granted: 200 })).admitted?.shrunk).toEqual([]);
    expect((await admit({}, { granted: 50, alone: true })).admitted).toMatchObject({
      limits: { maxTokens: 50 },
      reservation: undefined,
    });
  });

  it('reserves its prompt once, and thinking, answer and probes of each sample', async () => {
    const tokensOf = async (changes: Partial<GenerationRequest>, options = {}) => {
      const { reserved, admitted } = await admit(changes, options);
      return Number(reserved[0]?.['tokens']) - (admitted?.promptTokens ?? 0);
    };
    const { reserved } = await admit();
    expect(reserved).toMatchObject([{ requestId: 'r1', model: 'scripted', leaseSeconds: 40 }]);
    expect(await tokensOf({})).toBe(300);
    expect(await tokensOf({ samples: 3 })).toBe(900);
    expect(await tokensOf({}, { further: 1_000 })).toBe(1_300);
    expect(await tokensOf({ requested: { maxCompletionTokens: 120 } })).toBe(120);
    // Probes at 32, 64, 96, 128, 160 and 200 tokens; the last one would be at the maximum.
    expect(await tokensOf({ probes: true })).toBe(300 + 5 * 24);
    expect(await tokensOf({}, { granted: 50 })).toBe(150);
  });

  it('is not above the window', async () => {
    const settings = { contextTokens: 400 };
    const { reserved, admitted, prepared } = await admit(
      { requested: { maxTokens: 100 } },
      { settings: { ...settings, defaultMaxAnswerTokens: 4_000 } },
    );
    expect(Number(reserved[0]?.['tokens']) - (admitted?.promptTokens ?? 0)).toBe(400 - prepared.promptIds.length);
  });

  it('is withdrawn at the gate if the key refuses it', async () => {
    const ledgerError = new ApiError(429, 'no');
    const refused = await admit({}, { ledgerError, withdrawError: new Error('The table is away.') });
    expect(refused.error).toBe(ledgerError);
    expect(refused.withdrawn()).toBe(1);
    expect(refused.log).toMatchObject([{ level: 'error', message: 'load lease not released' }]);
  });

  it('runs without a lease if the state of the load is unavailable, but not if the gate refuses it', async () => {
    const away = await admit({}, { gateError: new Error('The table is away.') });
    expect(away.admitted).toMatchObject({ admission: undefined, limits: { maxTokens: 200 } });
    expect(away.log).toMatchObject([{ level: 'error', message: 'load state unavailable' }]);
    const refusal = new ApiError(503, 'full');
    const refused = await admit({}, { gateError: refusal });
    expect(refused.error).toBe(refusal);
    expect(refused.reserved).toEqual([]);
  });

  it('counts several runs of a sample if its answers must agree', async () => {
    expect(runsOf({ samples: 2 }, undefined)).toBe(2);
    const settings = { id: 'auto', models: ['a', 'b'], pass_thought: false };
    expect(runsOf({ samples: 2 }, { ...settings, escalate: { disagree: 3 } })).toBe(6);
    expect(runsOf({ samples: 2 }, { ...settings, escalate: { unsure_below: 0.5 } })).toBe(2);
    const { prepared, request, admitted } = await admit();
    expect(maxTokensOf(request, prepared, 2)).toBe((admitted?.promptTokens ?? 0) + 600);
  });
});

describe('the search of a request', () => {
  const options = { stores: ['vs_1'], maxTokens: 400, maxResults: 3, scoreThreshold: 0.2, when: 'before' } as const;
  const { turns, model } = aRequest();
  const { signal } = new AbortController();
  function searchOf(texts: readonly string[], changes: object = {}, given = turns) {
    const retriever = new ScriptedRetriever(texts);
    let now = 100;
    const lookup = new Lookup({
      retriever,
      options: { ...options, ...changes },
      caller: aCaller(),
      turns: given,
      now: () => {
        now += 10.4;
        return now;
      },
    });
    return { lookup, retriever };
  }

  it('is of the last message of the user, and is made once', async () => {
    const asked = [
      { role: 'user', content: [{ text: 'first' }] },
      { role: 'assistant', content: [{ text: 'no' }] },
      { role: 'user', content: [{ text: '  how ' }, { control: '<|im_end|>' }, { text: 'many?  ' }] },
    ] as const;
    const { lookup, retriever } = searchOf(['A florn is 17.'], { filter: { type: 'eq', key: 'a', value: 1 } }, asked);
    expect([lookup.searches, lookup.searchMs, lookup.when]).toEqual([0, 0, 'before']);
    await lookup.blockFor(model, { signal });
    await lookup.blockFor(model, { signal });
    expect(retriever.queries).toEqual([
      {
        key: 'key_1',
        stores: ['vs_1'],
        text: 'how many?',
        maxResults: 3,
        scoreThreshold: 0.2,
        filter: { type: 'eq', key: 'a', value: 1 },
      },
    ]);
    expect([lookup.searches, lookup.searchMs]).toEqual([1, 10]);
    expect(searchOf([], { query: 'own' }).lookup.query).toBe('own');
    const long = [{ role: 'user', content: [{ text: `${'x'.repeat(4_095)}🤔` }] }] as const;
    expect(searchOf([], {}, long).lookup.query).toBe(`${'x'.repeat(4_095)}\uFFFD`);
  });

  it('has whole passages while they fit, and says how many do not', async () => {
    const texts = ['one', 'two', 'x'.repeat(900), 'three'];
    const all = await searchOf(texts, { maxResults: 2 }).lookup.blockFor(model, { signal });
    expect(all.account).toMatchObject({ when: 'before', query: 'How many?', leftOut: 0 });
    expect(all.account.passages.map(({ text }) => text)).toEqual(['one', 'two']);
    expect(all.account.tokens).toBe(all.parts.reduce((sum, { ids }) => sum + ids.length, 0));
    const some = await searchOf(texts).lookup.blockFor(model, { signal });
    expect(some.account).toMatchObject({ leftOut: 1 });
    const exact = await searchOf(['one', 'two'], { maxTokens: all.account.tokens }).lookup.blockFor(model, { signal });
    expect(exact.account.leftOut).toBe(0);
    const less = await searchOf(['one', 'two'], { maxTokens: all.account.tokens - 1 }).lookup.blockFor(model, {
      signal,
    });
    expect(less.account.passages.map(({ text }) => text)).toEqual(['one']);
    const none = await searchOf(['one'], { maxTokens: 20 }).lookup.blockFor(model, { signal });
    expect(none).toMatchObject({ parts: [], account: { tokens: 0, passages: [], leftOut: 1 } });
    expect(await searchOf([]).lookup.thoughtFor(model, { signal })).toMatchObject({ text: undefined });
  });

  it('leaves a passage out that the tokenizer cannot encode', async () => {
    const { model: own } = aRequest();
    const { encode } = own.tokenizer;
    own.tokenizer.encode = async (value, limitsOfText) => {
      if (value.includes('odd')) throw new UnencodableTextError('odd');
      return await encode(value, limitsOfText);
    };
    const { account } = await searchOf(['one', 'odd', 'two']).lookup.blockFor(own, { signal });
    expect(account.passages.map(({ text }) => text)).toEqual(['one', 'two']);
    expect(account.leftOut).toBe(1);
  });

  it('needs a text, and a store of the key', async () => {
    const { lookup } = searchOf(['one'], {}, [{ role: 'user', content: [{ text: '  ' }] }]);
    const nothing = {
      param: 'retrieval.query',
      message: 'There is nothing to look up: the last message of the user has no text. Give retrieval.query.',
    };
    await expect(lookup.check()).rejects.toMatchObject(nothing);
    await expect(lookup.blockFor(model, { signal })).rejects.toMatchObject(nothing);
    await expect(searchOf(['one'], { stores: ['other'] }).lookup.check()).rejects.toMatchObject({ status: 404 });
    const { lookup: found, retriever } = searchOf(['one']);
    let checks = 0;
    retriever.checkStores = async () => {
      checks++;
    };
    await found.check();
    await found.check();
    expect(checks).toBe(1);
    const bare = new Lookup({ retriever: { search: async () => [] }, options, caller: aCaller(), turns, now: () => 0 });
    await expect(bare.check()).resolves.toBeUndefined();
  });

  it('exists only if the request asks for it and a store is deployed', () => {
    const clock = { now: () => 0, sleep: async () => {} };
    const retriever = new ScriptedRetriever([]);
    const request = aRequest({ retrieval: options });
    expect(lookupOf(request, { clock, retriever } as never, aCaller())).toBeInstanceOf(Lookup);
    expect(lookupOf(aRequest(), { clock, retriever } as never, aCaller())).toBeUndefined();
    expect(lookupOf(request, { clock } as never, aCaller())).toBeUndefined();
  });

  it('puts its block before the last message of the user, or in one of its own', async () => {
    const block = await searchOf(['one']).lookup.blockFor(model, { signal });
    const [first] = turns;
    const answer = { role: 'assistant', content: [{ text: '4' }] } as const;
    const placed = withPassages([...turns, answer], block);
    expect(placed).toEqual([{ ...first, content: [...block.parts, { text: 'How many?' }] }, answer]);
    expect(withPassages([answer], block)).toEqual([answer, { role: 'user', content: block.parts }]);
    expect(withPassages(turns, { ...block, parts: [] })).toBe(turns);
  });
});
