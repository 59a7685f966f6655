import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { dayOf, Ledger } from '../../../lambda/keys/ledger.ts';
import { type Fallback, ServedModel } from '../../../lambda/models/served-model.ts';
import type { ModelSettings } from '../../../lambda/settings/settings.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { CircuitBreaker } from '../../../lambda/upstream/circuit-breaker.ts';
import {
  ModelFailedError,
  ModelMisconfiguredError,
  ModelRejectedError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
  TokensMismatchError,
} from '../../../lambda/upstream/errors.ts';
import { GuardedModel } from '../../../lambda/upstream/guarded-model.ts';
import { runs } from '../../property-runs.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { chat, eventsOf, scriptedApp } from '../scripted-world.ts';
import { type CallFault, letters, pairs, TextChain, tokenizerOf, type Vocabulary } from './two-vocabularies.ts';

const settings: ModelSettings = {
  id: 'own',
  format: 's1',
  contextTokens: 4_096,
  upstream: { kind: 'openai-compatible', baseUrl: 'http://localhost:1/v1', servedModelName: 'own' },
  tokenizer: { kind: 'endpoint' },
  defaultMaxThinkingTokens: 1_000,
  maxThinkingTokens: 2_000,
  defaultMaxAnswerTokens: 1_000,
  efforts: {},
  systemPrompt: 'Be brief.',
};

interface Upstream {
  readonly name: string;
  readonly vocabulary: Vocabulary;
  readonly chain: TextChain;
  readonly cannot?: Fallback['cannot'];
  readonly contextTokens?: number;
  readonly format?: ModelSettings['format'];
  readonly breaker?: CircuitBreaker;
}

const tokenizers = new Map([letters, pairs].map((vocabulary) => [vocabulary, tokenizerOf(vocabulary)]));

function served(
  { name, vocabulary, chain, contextTokens = 4_096, format = 's1' }: Upstream,
  breaker: CircuitBreaker,
): ServedModel {
  const tokenizer = tokenizers.get(vocabulary) ?? tokenizerOf(vocabulary);
  return new ServedModel({ ...settings, format, contextTokens, id: name }, new GuardedModel(chain, breaker), tokenizer);
}

function appOf(
  own: Upstream,
  fallbacks: readonly Upstream[],
  changes: Parameters<typeof scriptedApp>[1] = {},
  hedgeAfterMs?: number,
) {
  const newBreaker = () => new CircuitBreaker(() => 0);
  const breaker = own.breaker ?? newBreaker();
  const model = served(own, breaker);
  model.failover = {
    breaker,
    hedgeAfterMs,
    fallbacks: fallbacks.map((fallback) => {
      const breaker = fallback.breaker ?? newBreaker();
      return { name: fallback.name, model: served(fallback, breaker), breaker, cannot: fallback.cannot ?? [] };
    }),
  };
  return scriptedApp([], { models: [model], ...changes });
}

const callSchema = z.object({ tokens: z.int(), failure: z.string().nullable(), upstream: z.string().optional() });
const reportSchema = z.object({
  thinking_tokens: z.int(),
  answer_tokens: z.int(),
  delimiter_tokens: z.int(),
  sampled_tokens: z.int(),
  forced_tokens: z.int(),
  discarded_tokens: z.int(),
  end_reason: z.string(),
  minimum_missed: z.string().nullable(),
  segments: z.int(),
  calls: z.array(callSchema),
  failover: z
    .object({
      upstream: z.string(),
      moves: z.array(z.object({ from: z.string(), to: z.string(), because: z.string(), continued_from: z.string() })),
      passed_over: z.array(z.object({ upstream: z.string(), because: z.string() })),
    })
    .optional(),
});
const completionSchema = z.object({
  model: z.string(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string(),
        message: z.object({ reasoning_content: z.string().nullish(), content: z.string() }),
      }),
    )
    .min(1),
  usage: z.object({ completion_tokens: z.int() }),
  budget_forcing: reportSchema,
});

async function ask({ app }: ReturnType<typeof scriptedApp>, body: Readonly<Record<string, unknown>> = {}) {
  const response = await app.request('/v1/chat/completions', chat({ model: 'own', ...body }));
  const json: unknown = await response.json();
  expect(response.status, JSON.stringify(json)).toBe(200);
  const { choices, budget_forcing: report, usage, model } = completionSchema.parse(json);
  const message = choices[0]?.message;
  return { thinking: message?.reasoning_content ?? '', answer: message?.content, report, usage, model };
}

const upstream = (
  name: string,
  vocabulary: Vocabulary = letters,
  faults: readonly (CallFault | undefined)[] = [],
  always?: CallFault,
): Upstream => ({ name, vocabulary, chain: new TextChain(vocabulary, faults, always) });
const breaksAfter = (tokens: number, error: Error = new StreamBrokenError('gone')): CallFault => ({
  after: tokens,
  error,
});
const down = breaksAfter(0, new ModelUnavailableError('down'));

describe('failover before the first token', () => {
  it.each([
    ['throttled', new ModelThrottledError('slow')],
    ['without capacity', new NoCapacityError('zero')],
    ['not ready', new ModelUnavailableError('starting')],
    ['failing with 5xx', new ModelFailedError('500')],
    ['timed out', new ModelTimeoutError('late')],
    ['without permission', new ModelMisconfiguredError('denied')],
  ])('an upstream that is %s is called once, then the first fallback answers with the same text', async (_, error) => {
    const undisturbed = await ask(appOf(upstream('own'), [upstream('spare')]));
    const own = upstream('own', letters, [], breaksAfter(0, error));
    const { thinking, answer, report, model } = await ask(appOf(own, [upstream('spare')]));
    expect({ thinking, answer }).toEqual({ thinking: undisturbed.thinking, answer: undisturbed.answer });
    expect(own.chain.requests).toHaveLength(1);
    expect(report.calls.map((call) => call.upstream)).toEqual(['own', 'spare', 'spare']);
    expect(report.failover).toEqual({
      upstream: 'spare',
      moves: [{ from: 'own', to: 'spare', because: 'code' in error ? error.code : '', continued_from: 'ids' }],
      passed_over: [],
    });
    expect(model).toBe('own');
  });

  it('a request that its own server rejects goes nowhere else', async () => {
    const spare = upstream('spare');
    const { app } = appOf(upstream('own', letters, [], breaksAfter(0, new ModelRejectedError('no'))), [spare]);
    expect((await app.request('/v1/chat/completions', chat({ model: 'own' }))).status).toBe(400);
    expect(spare.chain.requests).toEqual([]);
  });

  it('a fallback that rejects the request is passed, and the next one answers', async () => {
    const picky = upstream('picky', letters, [], breaksAfter(0, new ModelRejectedError('no')));
    const { report } = await ask(appOf(upstream('own', letters, [], down), [picky, upstream('spare')]));
    expect(report.calls.map(({ upstream, failure }) => [upstream, failure])).toEqual([
      ['own', 'model_unavailable'],
      ['picky', 'model_rejected_request'],
      ['spare', null],
      ['spare', null],
    ]);
  });

  it('three rounds over all upstreams without a token are final, with a backoff between rounds only', async () => {
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const [own, spare] = [upstream('own', letters, [], down), upstream('spare', letters, [], down)];
    const { app } = appOf(own, [spare], { clock });
    const response = await app.request('/v1/chat/completions', chat({ model: 'own' }));
    expect(response.status).toBe(503);
    expect([own.chain.requests.length, spare.chain.requests.length]).toEqual([3, 3]);
    expect(slept).toEqual([250, 500]);
  });

  it('the log names both upstreams and the failure', async () => {
    const world = appOf(upstream('own', letters, [], down), [upstream('spare')]);
    await ask(world);
    expect(world.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'failover',
        from: 'own',
        to: 'spare',
        because: 'model_unavailable',
      }),
    );
  });
});

describe('failover in mid-thought', () => {
  it('a broken stream is continued where it broke; if that call fails, the fallback goes on from the ids so far', async () => {
    const undisturbed = await ask(appOf(upstream('own'), [upstream('spare')]));
    const own = upstream('own', letters, [breaksAfter(5)], down);
    const spare = upstream('spare');
    const { thinking, answer, report } = await ask(appOf(own, [spare]));
    expect(undisturbed.thinking.length).toBeGreaterThan(5);
    expect({ thinking, answer }).toEqual({ thinking: undisturbed.thinking, answer: undisturbed.answer });
    expect(report.calls.slice(0, 3)).toEqual([
      { tokens: 5, failure: 'model_stream_broken', upstream: 'own' },
      { tokens: 0, failure: 'model_unavailable', upstream: 'own' },
      expect.objectContaining({ failure: null, upstream: 'spare' }),
    ]);
    expect(spare.chain.requests[0]?.promptIds).toEqual(own.chain.requests[1]?.promptIds);
  });

  it('a fallback with another vocabulary goes on from the text: no character is lost, doubled or changed', async () => {
    const undisturbed = await ask(appOf(upstream('own'), [upstream('other', pairs)]));
    for (const at of [1, 2, 3, 4, 5]) {
      const own = upstream('own', letters, [breaksAfter(at)], down);
      const { thinking, answer, report } = await ask(appOf(own, [upstream('other', pairs)]));
      expect({ thinking, answer }).toEqual({ thinking: undisturbed.thinking, answer: undisturbed.answer });
      expect(report.failover?.moves).toEqual([
        { from: 'own', to: 'other', because: 'model_unavailable', continued_from: 'text' },
      ]);
    }
  });

  it('each text of a list of Waits is encoded again for another vocabulary', async () => {
    const body = { thinking: { waits: 3, wait_text: ['Wait', 'Hm', 'But'] } };
    const undisturbed = await ask(appOf(upstream('own'), [upstream('other', pairs)]), body);
    const own = upstream('own', letters, [breaksAfter(2)], down);
    const moved = await ask(appOf(own, [upstream('other', pairs)]), body);
    expect(moved.report.failover?.moves).toHaveLength(1);
    expect(undisturbed.thinking).toMatch(/Wait.*Hm.*But/s);
    expect(moved.thinking).toBe(undisturbed.thinking);
  });

  it('a stop text that begins on one upstream and ends on another of another vocabulary stops the answer', async () => {
    const { thinking, answer = '' } = await ask(appOf(upstream('own'), [upstream('other', pairs)]));
    const stop = answer.slice(2, 6);
    const own = upstream('own', letters, [undefined, breaksAfter(4)], down);
    const stopped = await ask(appOf(own, [upstream('other', pairs)]), { stop });
    expect(stopped.report.calls.map((call) => call.upstream)).toEqual(['own', 'own', 'own', 'other']);
    expect(stopped.thinking).toBe(thinking);
    expect(stopped.answer).toBe(answer.slice(0, answer.indexOf(stop)));
  });

  it('an answer that begins after a forced end of the thinking goes on from its own beginning', async () => {
    const body = { thinking: { max_tokens: 3 } };
    const undisturbed = await ask(appOf(upstream('own'), [upstream('other', pairs)]), body);
    const own = upstream('own', letters, [undefined, breaksAfter(3)], down);
    const moved = await ask(appOf(own, [upstream('other', pairs)]), body);
    expect(moved.report.calls.at(-1)?.upstream).toBe('other');
    expect(moved.answer?.slice(0, 16)).toBe(undisturbed.answer?.slice(0, 16));
    expect(moved.answer).toMatch(/^Final Answer:.{3}/s);
  });
});

describe('an answer with a gap', () => {
  it('is not continued anywhere, also if the gap came at a fallback', async () => {
    const gap = breaksAfter(3, new TokensMismatchError(3, 5));
    const [lossy, spare] = [upstream('lossy', letters, [undefined, gap]), upstream('spare')];
    const { app } = appOf(upstream('own', letters, [], down), [lossy, spare]);
    const response = await app.request('/v1/chat/completions', chat({ model: 'own' }));
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'model_tokens_mismatch' } });
    expect(spare.chain.requests).toEqual([]);
  });
});

describe('what a fallback cannot give', () => {
  const look = { type: 'function', function: { name: 'look' } };
  const called = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } };
  const withResult = [
    { role: 'user', content: 'How many?' },
    { role: 'assistant', content: null, tool_calls: [called] },
    { role: 'tool', tool_call_id: 'call_1', content: 'Three.' },
  ];
  const cases = [
    ['min_tokens', { cannot: ['min_tokens'] }, letters, { thinking: { min_tokens: 20, max_tokens: 100 } }],
    ['logprobs', { cannot: ['logprobs'] }, letters, { logprobs: true }],
    ['structured_outputs', { cannot: ['structured_outputs'] }, letters, { response_format: { type: 'json_object' } }],
    ['logprobs', {}, pairs, { logprobs: true }],
    ['tools', { format: 'qwen3.5' }, pairs, { tools: [look] }],
    ['tools', { format: 'r1' }, pairs, { messages: withResult }],
    ['window', { contextTokens: 130 }, pairs, { thinking: { max_tokens: 300 } }],
  ] as const;

  it.each(cases)(
    'a request that needs %s of a fallback without it uses the next one, and the report says so',
    async (because, lack, vocabulary, body) => {
      const lacking = { ...upstream('lacking', vocabulary), ...lack };
      const { report } = await ask(appOf(upstream('own', letters, [], down), [lacking, upstream('spare')]), body);
      expect(report.failover).toMatchObject({ upstream: 'spare', passed_over: [{ upstream: 'lacking', because }] });
      expect(lacking.chain.requests).toEqual([]);
    },
  );

  it.each([
    ['min_tokens', letters, { thinking: { min_tokens: 20 } }],
    ['logprobs', letters, { thinking: { logprobs: true } }],
    ['logprobs', letters, { thinking: { waits: 1, wait_when: 'unsure', unsure_below: 0.3 } }],
    ['logprobs', letters, { thinking: { stop_when: 'sure', sure_above: 0.9 } }],
    [undefined, pairs, { thinking: { logprobs: true } }],
  ] as const)('if no other upstream can give it, the failure stands: without %s', async (cannot, vocabulary, body) => {
    const lacking: Upstream = { ...upstream('lacking', vocabulary), cannot: cannot === undefined ? [] : [cannot] };
    const { app } = appOf(upstream('own', letters, [], down), [lacking]);
    expect((await app.request('/v1/chat/completions', chat({ model: 'own', ...body }))).status).toBe(503);
    expect(lacking.chain.requests).toEqual([]);
  });
});

describe('a measure that a request does without', () => {
  it('is not asked of a fallback that cannot give log-probabilities', async () => {
    const own = upstream('own', letters, [], down);
    const lacking: Upstream = { ...upstream('lacking'), cannot: ['logprobs'] };
    await ask(appOf(own, [lacking]), { n: 2, vote: true, vote_weights: 'confidence' });
    expect(own.chain.requests[0]?.topLogprobs).toBe(0);
    expect(lacking.chain.requests.length).toBeGreaterThan(1);
    for (const request of lacking.chain.requests) expect(request).not.toHaveProperty('topLogprobs');
  });
});

describe('an open circuit', () => {
  it('sends requests to the fallback at once, and to the own upstream if every circuit is open', async () => {
    let time = 0;
    const openBreaker = () => {
      const breaker = new CircuitBreaker(() => time);
      for (let count = 0; count < 5; count++) breaker.begin().failed();
      return breaker;
    };
    const own = { ...upstream('own'), breaker: openBreaker() };
    const { report } = await ask(appOf(own, [upstream('spare')]));
    expect(own.chain.requests).toEqual([]);
    expect(report.failover?.moves[0]).toMatchObject({ from: 'own', to: 'spare', because: 'circuit_open' });
    const spare = { ...upstream('spare'), breaker: openBreaker() };
    const both = await ask(appOf({ ...upstream('own'), breaker: openBreaker() }, [spare]));
    expect(both.report.calls.map((call) => call.upstream)).toEqual(['own', 'own']);
    // After its time, one request is the probe.
    time = 20_000;
    await ask(appOf(own, [upstream('spare')]));
    expect(own.chain.requests.length).toBeGreaterThan(0);
  });
});

describe('budgets under failover at random places', () => {
  const faults = fc.array(
    fc.option(
      fc.record({
        after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 })),
        error: fc.constantFrom(
          new StreamBrokenError('gone'),
          new ModelUnavailableError('down'),
          new ModelThrottledError('slow'),
          new ModelTimeoutError('late'),
          new NoCapacityError('zero'),
        ),
      }),
      { nil: undefined },
    ),
    { maxLength: 8 },
  );
  const scenario = fc.record({
    own: faults,
    second: faults,
    third: faults,
    secondIsOther: fc.boolean(),
    limits: fc.record({
      min: fc.integer({ min: 0, max: 60 }),
      extra: fc.integer({ min: 0, max: 60 }),
      waits: fc.integer({ min: 0, max: 2 }),
    }),
    answer: fc.integer({ min: 1, max: 60 }),
    question: fc.integer({ min: 0, max: 1_000 }),
  });

  it('minimum, maximum and answer are exact, the account adds up, and one vocabulary writes the undisturbed text', async () => {
    let moves = 0;
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        scenario,
        async ({ limits: { min, extra, waits }, answer, question, secondIsOther, ...faulty }) => {
          const max = min + extra;
          const body = {
            messages: [{ role: 'user', content: `Question ${question}` }],
            thinking: { min_tokens: min, max_tokens: max, waits: max > 10 ? waits : 0 },
            max_completion_tokens: max + answer,
          };
          const own = upstream('own', letters, faulty.own);
          const second = upstream('second', secondIsOther ? pairs : letters, faulty.second);
          const third = upstream('third', letters, faulty.third);
          const world = appOf(own, [second, third]);
          const response = await world.app.request('/v1/chat/completions', chat({ model: 'own', ...body }));
          if (response.status !== 200) return;
          const { budget_forcing: report, usage, choices } = completionSchema.parse(await response.json());
          expect(report.thinking_tokens).toBeLessThanOrEqual(max);
          if (report.minimum_missed === null) expect(report.thinking_tokens).toBeGreaterThanOrEqual(Math.min(min, max));
          expect(report.minimum_missed).toBeNull();
          expect(usage.completion_tokens).toBe(report.thinking_tokens + report.answer_tokens);
          expect(usage.completion_tokens).toBeLessThanOrEqual(max + answer);
          expect(report.sampled_tokens - report.discarded_tokens + report.forced_tokens).toBe(
            report.thinking_tokens + report.answer_tokens + report.delimiter_tokens,
          );
          const sampled = own.chain.sampled.length + second.chain.sampled.length + third.chain.sampled.length;
          expect(report.sampled_tokens).toBe(sampled);
          expect(report.calls.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(sampled);
          moves += report.failover?.moves.length ?? 0;
          if (secondIsOther) return;
          const undisturbed = await ask(appOf(upstream('own'), []), body);
          compared++;
          expect(choices[0]?.message.content).toBe(undisturbed.answer);
          expect(choices[0]?.message.reasoning_content ?? '').toBe(undisturbed.thinking);
        },
      ),
      { numRuns: runs(400), seed: 20261126 },
    );
    expect(moves).toBeGreaterThan(runs(400) / 5);
    expect(compared).toBeGreaterThan(runs(400) / 10);
  }, 120_000);
});

describe('a hedged first token', () => {
  it('the faster call answers; the other one is aborted and named', async () => {
    const own = upstream('own');
    const hung: Upstream = {
      ...own,
      chain: Object.assign(own.chain, {
        async *run(_: unknown, { signal }: { readonly signal: AbortSignal }) {
          yield* [];
          await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    };
    const undisturbed = await ask(appOf(upstream('own'), []));
    const { thinking, report } = await ask(appOf(hung, [upstream('spare')], {}, 5));
    expect(report.calls[0]).toEqual({ tokens: 0, failure: 'hedge_lost', upstream: 'own' });
    expect(report.failover?.moves).toEqual([{ from: 'own', to: 'spare', because: 'hedge', continued_from: 'ids' }]);
    expect(report.segments).toBe(report.calls.length);
    expect(thinking).toBe(undisturbed.thinking);
  });

  it('is off by default, and never used for several samples', async () => {
    const spare = upstream('spare');
    await ask(appOf(upstream('own'), [spare]));
    const { app } = appOf(upstream('own'), [spare], {}, 1);
    expect((await app.request('/v1/chat/completions', chat({ model: 'own', n: 2 }))).status).toBe(200);
    expect(spare.chain.requests).toEqual([]);
  });
});

describe('the ledger of a request that failed over', () => {
  it('has the tokens of each fallback, and all of them together', async () => {
    const ledger = new Ledger(new MemoryTable(), () => 1_700_000_000);
    const own = upstream('own', letters, [breaksAfter(5)], down);
    const { usage, report } = await ask(appOf(own, [upstream('spare')], { ledger }));
    for await (const record of ledger.records([dayOf(1_700_000_000)])) {
      expect(record.thinking + record.answer).toBe(usage.completion_tokens);
      const firstThere = report.calls.findIndex((call) => call.upstream === 'spare');
      expect(firstThere).toBe(2);
      expect(record.elsewhere).toEqual([
        { upstream: 'spare', prompt: record.prompt + 5, completion: usage.completion_tokens - 5 },
      ]);
    }
  });
});

describe('a stream that fails over', () => {
  it('sends one text without a gap', async () => {
    const own = upstream('own', letters, [breaksAfter(5)], down);
    const { app } = appOf(own, [upstream('spare')]);
    const response = await app.request('/v1/chat/completions', chat({ model: 'own', stream: true }));
    const events = await eventsOf(response);
    const text = events
      .flatMap((event) => (typeof event === 'object' && event !== null ? [JSON.stringify(event)] : []))
      .map((json) => /"reasoning_content":"([^"]*)"/.exec(json)?.[1] ?? '')
      .join('');
    const whole = await ask(appOf(upstream('own'), [upstream('spare')]));
    expect(text).toBe(whole.thinking);
  });
});

describe('failover of a request with passages', () => {
  it('a fallback of another vocabulary reads the same passages in its own ids, from one search', async () => {
    const body = { seed: 1, retrieval: { stores: ['vs_1'], max_tokens: 1_000 }, thinking: { max_tokens: 60 } };
    const alone = appOf({ name: 'own', vocabulary: letters, chain: new TextChain(letters) }, [], {
      retriever: new ScriptedRetriever(['A florn is 17.']),
    });
    const expected = await ask(alone, body);
    const retriever = new ScriptedRetriever(['A florn is 17.']);
    const broken = new TextChain(letters, [], { after: 3, error: new ModelUnavailableError('gone') });
    const spare = new TextChain(pairs);
    const own = { name: 'own', vocabulary: letters, chain: broken };
    const made = appOf(own, [{ name: 'spare', vocabulary: pairs, chain: spare }], { retriever });
    const moved = await ask(made, body);
    expect(moved.report.failover?.moves).toMatchObject([{ to: 'spare', continued_from: 'text' }]);
    expect(moved.thinking).toBe(expected.thinking);
    const prompt = spare.requests[0]?.promptIds.map(pairs.textOf).join('');
    expect(prompt).toContain('[1] 1.md > Coins\n| A florn is 17.\n</documents>\n\nHow many?');
    expect(retriever.queries).toHaveLength(1);
  });
});
