import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import type { AppDependencies } from '../../../lambda/context.ts';
import type { ConfidenceMeasure } from '../../../lambda/forcing/confidence.ts';
import { maxProbeTokens } from '../../../lambda/forcing/probe-rule.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { calibrationSchema } from '../../../lambda/settings/calibration.ts';
import type { RouteSettings } from '../../../lambda/settings/routes.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { ModelRejectedError, NoCapacityError } from '../../../lambda/upstream/errors.ts';
import { decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { ScriptedRetriever } from '../retrieval/scripted-retriever.ts';
import { chat, eventsOf, ScriptedModel, type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';

const UNIX_TIME = 1_700_000_000;
const path = '/v1/chat/completions';

/** A thought whose least probable token has this log-probability. `undefined`: the server gives none. */
const thinks = (says: string, lowest?: number): ScriptedSegment => ({
  says,
  ends: IM_START,
  ...(lowest === undefined
    ? {}
    : { logprobs: [...`${says}.`].map((token, at) => ({ token, logprob: at === 0 ? lowest : -0.01, top: [] })) }),
});
const answers = (text: string): ScriptedSegment => ({ says: `\n${text}`, ends: IM_END });
const SURE = -0.05;
const UNSURE = -3;

const auto: RouteSettings = {
  id: 'auto',
  models: ['small', 'large'],
  escalate: { unsure_below: 0.3 },
  pass_thought: false,
};

function routedApp(
  scripts: Readonly<Record<string, readonly ScriptedSegment[]>>,
  {
    route = auto,
    calibrations = {},
    ...changes
  }: Partial<AppDependencies> & {
    readonly route?: RouteSettings;
    readonly calibrations?: Readonly<
      Record<string, { readonly measure: ConfidenceMeasure; readonly unsureBelow: number }>
    >;
  } = {},
) {
  const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
  const price = { prompt: 1, completion: 1_000_000 };
  const models = Object.entries(scripts).map(([id, script]) =>
    scriptedModel(id, script, {
      dollarsPerMillionTokens: { ...price, prompt: 0 },
      ...(calibrations[id] && { calibration: calibrationSchema.parse({ id: 'held-out', ...calibrations[id] }) }),
    }),
  );
  const made = scriptedApp([], { models, ledger, routes: [route], ...changes });
  const requestsOf = (id: string) => {
    const segments = models.find(({ settings }) => settings.id === id)?.segments;
    if (!(segments instanceof ScriptedModel)) throw new Error('No such model.');
    return segments.requests;
  };
  const records = async (count: number) =>
    await vi.waitFor(async () => {
      const found: UsageRecord[] = [];
      for await (const record of ledger.records([dayOf(UNIX_TIME)]))
        if (record.status === 'settled') found.push(record);
      if (found.length < count) throw new Error('The request is not settled.');
      return found;
    });
  return { ...made, models, requestsOf, records };
}

const reply = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string(), reasoning_content: z.string() }) })),
  usage: z.looseObject({ completion_tokens: z.int() }),
  budget_forcing: z.looseObject({ attempts: z.array(z.looseObject({})), route: z.looseObject({}) }),
});
const ask = async (app: ReturnType<typeof routedApp>['app'], body: Readonly<Record<string, unknown>> = {}) => {
  const response = await app.request(path, chat({ model: 'auto', ...body }));
  const json: unknown = await response.json();
  if (response.status !== 200) throw new Error(JSON.stringify(json));
  return reply.parse(json);
};

describe('A route', () => {
  it('sends the answer of its first model if that is sure, and never calls the next one', async () => {
    const { app, requestsOf, records } = routedApp({ small: [thinks('abc', SURE), answers('4')], large: [] });
    const answer = await ask(app);
    expect(answer.choices[0]?.message).toMatchObject({ content: '4', reasoning_content: 'abc' });
    expect(answer.budget_forcing).toMatchObject({
      route: { id: 'auto', answered_by: 'small' },
      attempts: [
        { model: 'small', reason: 'first', confidence: Math.exp(SURE), usage: { completion_tokens: 5 }, dollars: 5 },
      ],
    });
    expect(requestsOf('large')).toEqual([]);
    expect(await records(1)).toMatchObject([{ model: 'small', thinking: 3, aborted: 0 }]);
  });

  it('asks the next model the question if the first is unsure, and never generates the answer of the first', async () => {
    const { app, requestsOf, records } = routedApp({
      small: [thinks('abc', UNSURE), answers('4')],
      large: [thinks('defg'), answers('5')],
    });
    const answer = await ask(app);
    expect(answer.choices[0]?.message).toMatchObject({ content: '5', reasoning_content: 'abc\n\ndefg' });
    expect(answer.budget_forcing).toMatchObject({
      thinking_tokens: 4,
      route: { id: 'auto', answered_by: 'large' },
      attempts: [
        { model: 'small', reason: 'first', usage: { completion_tokens: 3 }, dollars: 3 },
        { model: 'large', reason: 'unsure', usage: { completion_tokens: 6 }, dollars: 6 },
      ],
    });
    expect(answer.usage.completion_tokens).toBe(6);
    expect(requestsOf('small')).toHaveLength(1);
    expect(requestsOf('large')[0]?.promptIds).toEqual(requestsOf('small')[0]?.promptIds);
    expect(await records(2)).toMatchObject([
      { model: 'small', thinking: 0, answer: 0, aborted: 3 },
      { model: 'large', thinking: 4, answer: 2, aborted: 0 },
    ]);
  });

  it('passes the thought on if it is configured to', async () => {
    const { app, requestsOf } = routedApp(
      { small: [thinks('abc', UNSURE)], large: [thinks('d'), answers('5')] },
      { route: { ...auto, pass_thought: true } },
    );
    await ask(app);
    const text = Buffer.from(requestsOf('large')[0]?.promptIds ?? []).toString();
    expect(text).toContain('abc');
  });

  it('streams the thoughts at once, and the answer only after the gate', async () => {
    const { app } = routedApp({ small: [thinks('abc', UNSURE), answers('4')], large: [thinks('de'), answers('5')] });
    const events = await eventsOf(await app.request(path, chat({ model: 'auto', stream: true })));
    const deltas = z
      .array(z.looseObject({ choices: z.array(z.looseObject({ delta: z.looseObject({}) })) }))
      .parse(events.filter((event) => typeof event === 'object'))
      .flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const text = (field: string) => deltas.map((delta) => delta[field] ?? '').join('');
    expect(text('reasoning_content')).toBe('abc\n\nde');
    expect(text('content')).toBe('5');
    expect(events.at(-2)).toMatchObject({ model: 'auto', budget_forcing: { route: { answered_by: 'large' } } });
  });

  it.each([
    ['has no copy', { says: '', fails: new NoCapacityError('zero') }, 'model_no_capacity'],
    ['rejects the request', { says: 'de', fails: new ModelRejectedError('no') }, 'model_rejected_request'],
  ])('sends the answer of the first model if the next one %s, and says so', async (_, broken, failure) => {
    const { app, records } = routedApp({
      small: [thinks('abc', UNSURE), answers('4')],
      large: [broken],
    });
    const answer = await ask(app);
    expect(answer.choices[0]?.message.content).toBe('4');
    expect(answer.budget_forcing).toMatchObject({
      route: { answered_by: 'small', kept_because: 'failed' },
      attempts: [
        { model: 'small' },
        { model: 'large', reason: 'unsure', failure, usage: { completion_tokens: broken.says.length } },
      ],
    });
    expect(await records(2)).toMatchObject([
      { model: 'small', thinking: 3, answer: 2 },
      { model: 'large', aborted: broken.says.length },
    ]);
  });

  it('goes on to a third model, also if the second fails', async () => {
    const route = { ...auto, models: ['small', 'large', 'huge'] };
    const unsure = [thinks('abc', UNSURE), answers('4')];
    const huge = [thinks('x'), answers('6')];
    const cascade = routedApp({ small: unsure, large: [thinks('de', UNSURE)], huge }, { route });
    const answer = await ask(cascade.app);
    expect(answer.choices[0]?.message.content).toBe('6');
    expect(answer.budget_forcing.attempts).toMatchObject([
      { reason: 'first' },
      { reason: 'unsure' },
      { reason: 'unsure' },
    ]);
    const broken = routedApp(
      { small: unsure, large: [{ says: '', fails: new ModelRejectedError('no') }], huge },
      { route },
    );
    expect((await ask(broken.app)).budget_forcing.attempts).toMatchObject([
      { model: 'small' },
      { model: 'large', failure: 'model_rejected_request' },
      { model: 'huge', reason: 'failed' },
    ]);
  });

  it('holds an exact maximum of thinking over all models', async () => {
    const small = [thinks('a'.repeat(10), UNSURE), answers('4')];
    const within = routedApp({ small, large: [{ says: 'b'.repeat(50) }, answers('5')] });
    await ask(within.app, { thinking: { max_tokens: 30 } });
    expect(within.requestsOf('large')[0]?.maxTokens).toBe(20);
    const usedUp = routedApp({ small, large: [] });
    const answer = await ask(usedUp.app, { thinking: { max_tokens: 10 } });
    expect(answer.budget_forcing.route).toMatchObject({ answered_by: 'small', kept_because: 'budget' });
    expect(usedUp.requestsOf('large')).toEqual([]);
  });

  it('counts as sure, and says so, if the server gives no log-probabilities', async () => {
    const { app } = routedApp({ small: [thinks('abc'), answers('4')], large: [] });
    expect((await ask(app)).budget_forcing.route).toMatchObject({ answered_by: 'small', kept_because: 'unmeasured' });
  });

  it('escalates each of n samples by itself', async () => {
    const small = [thinks('ab', UNSURE), thinks('cd', SURE), answers('4')];
    const { app, requestsOf } = routedApp({ small, large: [thinks('e'), answers('5')] });
    const response = await app.request(path, chat({ model: 'auto', n: 2 }));
    const { choices } = reply.pick({ choices: true }).parse(await response.json());
    expect(choices.map(({ message }) => message.content).toSorted()).toEqual(['4', '5']);
    expect(requestsOf('large')).toHaveLength(2);
  });

  it('its samples can vote', async () => {
    const small = [thinks('ab', SURE), thinks('cd', SURE), answers('4'), answers('4')];
    const { app } = routedApp({ small, large: [] });
    const { choices, budget_forcing } = await ask(app, { n: 4, vote: true, vote_until: { agree: 2 } });
    expect(choices[0]?.message.content).toBe('4');
    expect(budget_forcing).toMatchObject({
      vote: { decided_by: 'agree', started: 2 },
      route: { answered_by: 'small' },
    });
  });

  describe('by disagreement', () => {
    const route = { ...auto, escalate: { disagree: 2 } };

    it('sends an answer on which the samples agree, without log-probabilities', async () => {
      const small = [thinks('ab'), thinks('cd'), answers('4'), answers('4.0')];
      const { app, requestsOf, records } = routedApp({ small, large: [] }, { route });
      const answer = await ask(app);
      expect(answer.choices[0]?.message).toMatchObject({ content: '4', reasoning_content: 'ab' });
      expect(answer.budget_forcing.attempts).toMatchObject([{ model: 'small', usage: { completion_tokens: 10 } }]);
      expect(requestsOf('small').every(({ topLogprobs }) => topLogprobs === undefined)).toBe(true);
      expect(await records(1)).toMatchObject([{ thinking: 4, answer: 6 }]);
    });

    it('asks the next model if they do not', async () => {
      const small = [thinks('ab'), thinks('cd'), answers('4'), answers('7')];
      const { app } = routedApp({ small, large: [thinks('e'), answers('5')] }, { route });
      const answer = await ask(app);
      expect(answer.choices[0]?.message.content).toBe('5');
      expect(answer.budget_forcing.attempts).toMatchObject([{ reason: 'first' }, { reason: 'disagree' }]);
    });
  });

  it.each([
    ['/v1/responses', { input: 'How many?' }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'How many?' }], max_tokens: 200 }],
  ])('answers in the dialect of %s, streamed or not', async (at, body) => {
    for (const stream of [false, true]) {
      const { app } = routedApp({ small: [thinks('abc', UNSURE), answers('4')], large: [thinks('de'), answers('5')] });
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
      const response = await app.request(at, { ...init, body: JSON.stringify({ model: 'auto', stream, ...body }) });
      const text = await response.text();
      expect(text).toContain('"route":{"id":"auto","answered_by":"large"}');
    }
  });

  describe('without a threshold of its own', () => {
    const route = { ...auto, escalate: {} };
    const scripts = () => ({
      small: [thinks('abc', Math.log(0.5)), answers('4')],
      large: [thinks('de'), answers('5')],
    });

    it.each([
      ['min_token', 0.4, 'small'],
      ['min_token', 0.6, 'large'],
      // The mean of the three tokens is surer than the lowest one.
      ['tail', 0.6, 'small'],
      ['tail', 0.9, 'large'],
    ] as const)(
      'takes the measure and the threshold of the calibration: %s below %s',
      async (measure, unsureBelow, by) => {
        const { app } = routedApp(scripts(), { route, calibrations: { small: { measure, unsureBelow } } });
        expect((await ask(app)).budget_forcing.route).toEqual({ id: 'auto', answered_by: by });
      },
    );

    it('takes that of each model before the last', async () => {
      const calibrations = {
        small: { measure: 'min_token', unsureBelow: 0.6 },
        large: { measure: 'tail', unsureBelow: 1 },
      } as const;
      const large = [thinks('de', SURE), answers('5')];
      const huge = [thinks('x'), answers('6')];
      const { app } = routedApp(
        { ...scripts(), large, huge },
        { route: { ...route, models: ['small', 'large', 'huge'] }, calibrations },
      );
      expect((await ask(app)).budget_forcing.route).toEqual({ id: 'auto', answered_by: 'huge' });
    });
  });

  it('is not changed by the measure that a request chooses for its own rules', async () => {
    const { app } = routedApp({
      small: [thinks('abc', UNSURE), answers('4')],
      large: [thinks('de', SURE), answers('5')],
    });
    // Over a window the same thought is surer than 0.3.
    const thinking = { wait_when: 'unsure', unsure_below: 0.01, confidence_measure: 'lowest_window' };
    const answer = await ask(app, { thinking });
    expect(answer.budget_forcing).toMatchObject({
      route: { answered_by: 'large' },
      attempts: [{ confidence: Math.exp(UNSURE) }, {}],
    });
  });

  it('looks at the thought since the last Wait', async () => {
    const second = [...'de.'].map((token) => ({ token, logprob: SURE, top: [] }));
    const small = [thinks('abc', UNSURE), { says: 'de', ends: IM_START, logprobs: second }, answers('4')];
    const { app } = routedApp({ small, large: [] });
    const answer = await ask(app, { thinking: { waits: 1 } });
    expect(answer.budget_forcing).toMatchObject({ waits: 1, route: { answered_by: 'small' } });
  });

  it('counts probes of a model apart: in no budget of the models after it, but in the price', async () => {
    const line = `${'a'.repeat(31)}\n`;
    const logprobs = [...line].map((token) => ({ token, logprob: UNSURE, top: [] }));
    const ends = [...'12.'].map((token) => ({ token, logprob: -0.1, top: [] }));
    const small: ScriptedSegment[] = [
      { says: line, ends: IM_START, logprobs },
      { says: '12', ends: IM_END, logprobs: ends },
      { says: '', ends: IM_START, logprobs: ends },
    ];
    const made = routedApp({ small, large: [thinks('de', SURE), answers('5')] });
    const thinking = { stop_when: 'sure', sure_above: 1, waits: 0, max_tokens: 60 };
    const answer = await ask(made.app, { thinking });
    expect(answer.budget_forcing.attempts).toMatchObject([
      { model: 'small', usage: { completion_tokens: 32 }, probe_tokens: 2, dollars: 34 },
      { model: 'large', reason: 'unsure' },
    ]);
    expect(made.requestsOf('large')[0]?.maxTokens).toBe(60 - 32);
  });

  it('reserves the probes of every model', async () => {
    const table = new MemoryTable();
    const [keys, ledger] = [new KeyStore(table, () => UNIX_TIME), new Ledger(table, () => UNIX_TIME)];
    const reserved: number[] = [];
    const admit = ledger.admit.bind(ledger);
    vi.spyOn(ledger, 'admit').mockImplementation(async (caller, reservation) => {
      reserved.push(reservation.tokens);
      return await admit(caller, reservation);
    });
    for (const thinking of [{}, { stop_when: 'sure' }]) {
      const scripts = { small: [thinks('abc', UNSURE)], large: [thinks('de'), answers('5')] };
      await ask(routedApp(scripts, { keys, ledger }).app, { thinking: { max_tokens: 100, ...thinking } });
    }
    const [without = 0, probed = 0] = reserved;
    expect(probed - without).toBe(2 * maxProbeTokens(0, 100));
  });

  it('is refused for raw prompts', async () => {
    const { app } = routedApp({ small: [], large: [] });
    const body = JSON.stringify({ model: 'auto', prompt: 'a' });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const response = await app.request('/v1/completions', init);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param: 'model', message: expect.stringContaining('"small", "large"') },
    });
  });

  it('is listed with its models, and an alias may stand for it', async () => {
    const { app } = routedApp({ small: [], large: [] }, { aliases: { 'gpt-5': 'auto' } });
    expect(await (await app.request('/v1/models')).json()).toMatchObject({
      data: [
        { id: 'small' },
        { id: 'large' },
        { id: 'auto', route: { models: ['small', 'large'], escalate: { unsure_below: 0.3 } }, price: null },
        { id: 'gpt-5', alias_of: 'auto' },
      ],
    });
  });

  it('needs a key that allows all its models, and is counted once against the limits of the key', async () => {
    const table = new MemoryTable();
    const keys = new KeyStore(table, () => UNIX_TIME);
    const ledger = new Ledger(table, () => UNIX_TIME);
    const scripts = { small: [thinks('abc', UNSURE)], large: [thinks('de'), answers('5')] };
    const { app } = routedApp(scripts, { keys, ledger, keyHashes: async () => [hashKey('admin')] });
    const headers = async (models: string[]) => {
      const { key } = await keys.create('a', { limits: { models, concurrent_requests: 1, requests_per_minute: 1 } });
      return { authorization: `Bearer ${key}` };
    };
    const refused = await app.request(path, chat({ model: 'auto' }, await headers(['small'])));
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: { code: 'model_not_allowed', message: expect.stringContaining('does not allow the model "large"') },
    });
    const both = await headers(['small', 'large']);
    const answer = await app.request(path, chat({ model: 'auto' }, both));
    expect(await answer.json()).toMatchObject({ budget_forcing: { route: { answered_by: 'large' } } });
  });

  it('a client that leaves is billed for every model that ran', async () => {
    const { app, records } = routedApp({
      small: [thinks('abc', UNSURE), answers('4')],
      large: [{ says: 'de', hangs: true }],
    });
    const reader = (await app.request(path, chat({ model: 'auto', stream: true }))).body?.getReader();
    for (let frames = 0; frames < 7; frames++) await reader?.read();
    await reader?.cancel();
    expect(await records(2)).toMatchObject([
      { model: 'small', aborted: 3 },
      { model: 'large', aborted: 2 },
    ]);
  });
});

describe('a route with passages', () => {
  it.each(['before', 'unsure'])(
    'both models read the passages (%s), from one search, and the report has those of the answer',
    async (when) => {
      const retriever = new ScriptedRetriever(['A florn is 17.']);
      const second = when === 'unsure' ? [thinks('a', UNSURE), thinks('b', UNSURE)] : [thinks('ab', UNSURE)];
      const { app, requestsOf, records } = routedApp(
        {
          small: second,
          large:
            when === 'unsure'
              ? [thinks('c', UNSURE), thinks('d', SURE), answers('17')]
              : [thinks('cd', SURE), answers('17')],
        },
        { retriever },
      );
      const body = {
        model: 'auto',
        retrieval: { stores: ['vs_1'], when, max_tokens: 400 },
        thinking: { unsure_below: 0.5 },
      };
      const response = await app.request(path, chat({ ...body, thinking: { ...body.thinking, waits: 0 } }));
      const parsed = reply.parse(await response.json());
      expect(parsed.choices[0]?.message.content).toBe('17');
      expect(parsed.budget_forcing).toMatchObject({ retrieval: { when, passages: [{ id: 'p_1' }] } });
      for (const id of ['small', 'large']) {
        const last = requestsOf(id).at(-1)?.promptIds ?? [];
        expect(decode(last).split('| A florn is 17.')).toHaveLength(2);
      }
      expect(retriever.queries).toHaveLength(1);
      const [small, large] = await records(2);
      expect(small?.retrieved).toBeGreaterThan(100);
      expect(large?.retrieved).toBe(small?.retrieved);
      expect([small?.searches, large?.searches]).toEqual([1, 0]);
    },
  );
});
