import { describe, expect, it } from 'vitest';
import type { AppDependencies } from '../../../lambda/context.ts';
import type { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import { Failover } from '../../../lambda/generation/failover.ts';
import { failoverPlan } from '../../../lambda/generation/failover-plan.ts';
import type { FailoverTarget } from '../../../lambda/generation/failover-target.ts';
import type { Generation } from '../../../lambda/generation/generation.ts';
import { prepareRequest } from '../../../lambda/generation/prepare-request.ts';
import type { RecordedGeneration } from '../../../lambda/generation/recorded-generation.ts';
import type { GenerationRequest } from '../../../lambda/generation/request.ts';
import type { SegmentAccount } from '../../../lambda/generation/segment-account.ts';
import { settlePolicy } from '../../../lambda/generation/settle-policy.ts';
import { Shutdown } from '../../../lambda/generation/shutdown.ts';
import { startGeneration } from '../../../lambda/generation/start-generation.ts';
import { CircuitBreaker } from '../../../lambda/upstream/circuit-breaker.ts';
import {
  ModelFailedError,
  ModelMisconfiguredError,
  ModelRejectedError,
  ModelUnavailableError,
  NoCapacityError,
  TokensMismatchError,
} from '../../../lambda/upstream/errors.ts';
import { HedgedModel } from '../../../lambda/upstream/hedged-model.ts';
import type { SegmentModel } from '../../../lambda/upstream/segment-model.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { aCaller, aContext, aRequest } from './requests.ts';

const never: SegmentModel = {
  async *run() {
    await new Promise(() => {});
    yield { tokenIds: [], text: '' };
  },
};
const target = (name: string, changes: Partial<FailoverTarget> = {}): FailoverTarget => ({
  name,
  segments: never,
  isAvailable: () => true,
  vocabulary: 0,
  unfit: undefined,
  move: async () => 'window',
  ...changes,
});
const account: SegmentAccount = {
  part: 'thinking',
  promptTokens: 5,
  promptTokensEvaluated: 5,
  tokens: 0,
  completionTokens: 0,
  failure: undefined,
};

/** The choice of upstreams of one sample. `at` is the name of the upstream of the next call. */
function choosing(
  targets: readonly [FailoverTarget, ...FailoverTarget[]],
  {
    hedgeAfterMs,
    report = { segments: 1, sampledTokens: 0 },
    wake,
  }: { hedgeAfterMs?: number; report?: object; wake?: () => Promise<void> } = {},
) {
  const moves: unknown[] = [];
  const moved: unknown[] = [];
  const generation = {
    failover: { targets, hedgeAfterMs, onMove: (move: unknown) => moves.push(move) },
    onNoCapacity: wake,
  } as unknown as Generation;
  const machine = {
    report: () => report,
    written: () => ({ part: 'thinking', thinking: 'so', answer: '' }),
    roomNeeded: () => 50,
    moveTo: (plan: unknown) => moved.push(plan),
  } as unknown as BudgetForcing;
  const failover = Failover.of(generation, machine);
  if (failover === undefined) throw new Error('There are fallbacks.');
  const at = () => targets.find(({ segments }) => segments === failover.generation.model)?.name;
  return { failover, moves, moved, at };
}
const named = (name: string, changes: Partial<FailoverTarget> = {}) =>
  target(name, { segments: { ...never }, ...changes });

describe('a hedge', () => {
  const hedged = (second: Partial<FailoverTarget>, options: Parameters<typeof choosing>[1] = { hedgeAfterMs: 5 }) => {
    const { failover } = choosing([named('own'), named('b', second)], options);
    failover.beginCall();
    return failover.generation.model instanceof HedgedModel;
  };

  it.each<[string, boolean, Partial<FailoverTarget>, Parameters<typeof choosing>[1]?]>([
    ['runs on the first fallback', true, {}],
    ['runs only if the settings ask for it', false, {}, {}],
    ['runs in one vocabulary', false, { vocabulary: 1 }],
    ['runs where the request fits', false, { unfit: 'logprobs' }],
    ['runs where the circuit is closed', false, { isAvailable: () => false }],
    ['runs for the first call only', false, {}, { hedgeAfterMs: 5, report: { segments: 2, sampledTokens: 0 } }],
    ['runs before the first token only', false, {}, { hedgeAfterMs: 5, report: { segments: 1, sampledTokens: 1 } }],
  ])('%s: %s', (_, expected, second, options) => {
    expect(hedged(second, options)).toBe(expected);
  });

  it('needs a fallback', () => {
    const { failover } = choosing([named('own')], { hedgeAfterMs: 5 });
    failover.beginCall();
    expect(failover.generation.model).not.toBeInstanceOf(HedgedModel);
  });
});

describe('the upstream after a failure', () => {
  const down = new ModelUnavailableError('down');

  it('is the next one that is free, and the log has the move', async () => {
    const { failover, moves, at } = choosing([named('own'), named('b', { isAvailable: () => false }), named('c')]);
    expect(await failover.afterFailure(down, false)).toBeUndefined();
    expect(at()).toBe('c');
    expect(moves).toEqual([{ from: 'own', to: 'c', because: 'model_unavailable' }]);
    expect(failover.endCall(account)).toEqual([
      {
        ...account,
        upstream: {
          name: 'c',
          move: { from: 'own', because: 'model_unavailable', continuedFrom: 'ids' },
          passedOver: [],
        },
      },
    ]);
    expect(failover.endCall(account)[0]?.upstream?.move).toBeUndefined();
  });

  it('is none if all have failed: the failure that may pass is that of the round', async () => {
    const { failover, at } = choosing([named('own'), named('b')]);
    expect(await failover.afterFailure(down, false)).toBeUndefined();
    expect(at()).toBe('b');
    const rejected = new ModelRejectedError('no');
    expect(await failover.afterFailure(rejected, false)).toBe(down);
    // A new round begins at the model's own upstream. The fallback that rejected the request stays out.
    await failover.beginRound();
    expect(at()).toBe('own');
    expect(await failover.afterFailure(down, false)).toBe(down);
    expect(at()).toBe('own');
  });

  it('is none if its own server rejects the request, but another one if only the deployment is wrong', async () => {
    const { failover, at } = choosing([named('own'), named('b')]);
    const rejected = new ModelRejectedError('no');
    expect(await failover.afterFailure(rejected, false)).toBe(rejected);
    expect(at()).toBe('own');
    expect(await failover.afterFailure(new ModelMisconfiguredError('name'), false)).toBeUndefined();
    expect(at()).toBe('b');
    await failover.beginRound();
    expect(at()).toBe('b');
  });

  it('is none for an answer with a gap', async () => {
    const { failover } = choosing([named('own'), named('b')]);
    const gap = new TokensMismatchError(1, 2);
    expect(await failover.afterFailure(gap, true)).toBe(gap);
  });

  it('is the same one after progress, unless its circuit is open', async () => {
    let open = false;
    const { failover, at } = choosing([named('own', { isAvailable: () => !open }), named('b')]);
    expect(await failover.afterFailure(down, true)).toBeUndefined();
    expect(at()).toBe('own');
    open = true;
    expect(await failover.afterFailure(down, true)).toBeUndefined();
    expect(at()).toBe('b');
    const alone = choosing([named('own', { isAvailable: () => false })]);
    expect(await alone.failover.afterFailure(down, true)).toBeUndefined();
    expect(await alone.failover.afterFailure(new ModelMisconfiguredError('name'), true)).toMatchObject({
      retryable: false,
    });
  });

  it('wakes its own endpoint at zero copies, although a fallback goes on', async () => {
    let wakes = 0;
    const { failover, at } = choosing([named('own'), named('b')], {
      wake: async () => {
        wakes++;
        throw new Error('No copy will start.');
      },
    });
    expect(await failover.afterFailure(new NoCapacityError('zero'), false)).toBeUndefined();
    expect([wakes, at()]).toEqual([1, 'b']);
    expect(await failover.afterFailure(new NoCapacityError('zero'), false)).toBeInstanceOf(NoCapacityError);
    expect(wakes).toBe(1);
  });

  it('is passed over for good if it cannot take the request', async () => {
    const { failover, at } = choosing([
      named('own'),
      named('b', { unfit: 'tools' }),
      named('c', { vocabulary: 1, move: async () => 'window' }),
      named('d'),
    ]);
    expect(await failover.afterFailure(down, false)).toBeUndefined();
    expect(at()).toBe('d');
    expect(failover.endCall(account)[0]?.upstream?.passedOver).toEqual([
      { name: 'b', because: 'tools' },
      { name: 'c', because: 'window' },
    ]);
  });

  it('of another vocabulary goes on from the text, and back again from it', async () => {
    const plan = { ids: [1] };
    const other = named('b', { vocabulary: 1, move: async (written, room) => ({ ...plan, written, room }) as never });
    const { failover, moved, at } = choosing([named('own', { move: async () => plan as never }), other]);
    await failover.afterFailure(new ModelFailedError('500'), false);
    expect(at()).toBe('b');
    expect(moved).toEqual([{ ids: [1], written: { part: 'thinking', thinking: 'so', answer: '' }, room: 50 }]);
    expect(failover.endCall(account)[0]?.upstream?.move).toEqual({
      from: 'own',
      because: 'model_failed',
      continuedFrom: 'text',
    });
    await failover.afterFailure(down, false);
    await failover.beginRound();
    expect(at()).toBe('own');
    expect(moved).toHaveLength(2);
  });

  it('of a round is the model’s own one if every circuit is open', async () => {
    const { failover, at } = choosing([
      named('own', { isAvailable: () => false }),
      named('b', { isAvailable: () => false }),
    ]);
    await failover.beginRound();
    expect(at()).toBe('own');
    const other = choosing([named('own', { isAvailable: () => false }), named('b')]);
    await other.failover.beginRound();
    expect([other.at(), other.moves]).toEqual(['b', [{ from: 'own', to: 'b', because: 'circuit_open' }]]);
  });
});

describe('the fallbacks of a request', () => {
  const breaker = () => new CircuitBreaker(() => 0);

  async function planOf(
    changes: Partial<GenerationRequest> = {},
    cannot: readonly string[] = [],
    settings = {},
    own = {},
  ) {
    const log: unknown[] = [];
    const request = aRequest(changes, own);
    const fallback = { name: 'b', model: scriptedModel('b', [], settings), breaker: breaker(), cannot } as never;
    request.model.failover = { breaker: breaker(), fallbacks: [fallback], hedgeAfterMs: 9 };
    const policy = settlePolicy(request, aCaller());
    const prepared = await prepareRequest(policy.request, aContext());
    const plan = failoverPlan(policy, prepared, aContext(), (level, message, fields) =>
      log.push({ level, message, ...fields }),
    );
    return { plan, log, request, policy, prepared };
  }

  it('are none without one', async () => {
    const { request, policy, prepared } = await planOf();
    request.model.failover = { breaker: breaker(), fallbacks: [] };
    expect(failoverPlan(policy, prepared, aContext(), () => {})).toBeUndefined();
    delete request.model.failover;
    expect(failoverPlan(policy, prepared, aContext(), () => {})).toBeUndefined();
  });

  it('are logged when they take over: a hedge is no warning', async () => {
    const { plan, log } = await planOf();
    expect(plan?.targets.map(({ name }) => name)).toEqual(['scripted', 'b']);
    expect(plan?.hedgeAfterMs).toBe(9);
    plan?.onMove?.({ from: 'scripted', to: 'b', because: 'hedge' });
    plan?.onMove?.({ from: 'scripted', to: 'b', because: 'model_failed' });
    const fields = { message: 'failover', request_id: 'r1', model: 'scripted', from: 'scripted', to: 'b' };
    expect(log).toEqual([
      { level: 'info', ...fields, because: 'hedge' },
      { level: 'warn', ...fields, because: 'model_failed' },
    ]);
    expect((await planOf({ samples: 2 })).plan?.hedgeAfterMs).toBeUndefined();
  });

  const { thinking } = aRequest();
  it.each<[string, string | undefined, Partial<GenerationRequest>, readonly string[]]>([
    ['a plain request', undefined, {}, ['min_tokens', 'logprobs', 'structured_outputs']],
    ['a minimum', 'min_tokens', { requested: { minTokens: 5 } }, ['min_tokens']],
    ['a minimum, if it can', undefined, { requested: { minTokens: 5 } }, ['logprobs']],
    ['log-probabilities of the answer', 'logprobs', { topLogprobs: 0 }, ['logprobs']],
    ['log-probabilities of the thinking', 'logprobs', { thinking: { ...thinking, topLogprobs: 0 } }, ['logprobs']],
    ['a rule by confidence', 'logprobs', { thinking: { ...thinking, gates: { unsureBelow: 0.5 } } }, ['logprobs']],
    ['a form', 'structured_outputs', { structure: { kind: 'json_object' } }, ['structured_outputs']],
    ['log-probabilities, if it can', undefined, { topLogprobs: 0 }, []],
  ])('take %s only if they can: %s', async (_, unfit, changes, cannot) => {
    expect((await planOf(changes, cannot)).plan?.targets[1]?.unfit).toBe(unfit);
  });

  it('whose server may refuse log-probabilities are not asked for them', async () => {
    const { plan, request } = await planOf({}, ['logprobs']);
    expect(plan?.targets[1]?.segments).not.toBe(request.model.failover?.fallbacks[0]?.model.segments);
    const free = await planOf();
    expect(free.plan?.targets[1]?.segments).toBe(free.request.model.failover?.fallbacks[0]?.model.segments);
  });
});

const dependenciesOf = (changes: Partial<AppDependencies> = {}): AppDependencies => ({
  models: [],
  clock: { now: () => performance.now(), sleep: async () => {} },
  unixTime: () => 1_700_000_000,
  newId: () => 'id',
  log: () => {},
  rawPrompts: true,
  requestTimeoutMs: 60_000,
  capacityWaitMs: 0,
  keepAliveMs: 10_000,
  ...changes,
});

describe('a generation that is recorded', () => {
  const script: readonly ScriptedSegment[] = [
    { says: '\nso', ends: IM_START },
    { says: '\n4', ends: IM_END },
  ];

  async function run(changes: Partial<AppDependencies> = {}, leave = false) {
    const recorded: RecordedGeneration[] = [];
    const started = await startGeneration(aRequest({}, {}, script), dependenciesOf(changes), {
      ...aContext(),
      recorder: async (one) => {
        recorded.push(one);
      },
    });
    for await (const { value } of started.events) if (leave && value.kind === 'text') break;
    return { recorded, started };
  }

  it('says so in a header, and has its limits, policy and texts', async () => {
    for (const shutdown of [undefined, new Shutdown()]) {
      const { recorded, started } = await run(shutdown === undefined ? {} : { shutdown });
      expect(started.headers).toEqual({ 'x-budgetforce-store': 'true' });
      expect(recorded).toMatchObject([
        {
          outcome: 'done',
          policy: 'fixed',
          limits: { maxTokens: 200 },
          samples: [{ thinking: 'so', answer: '4', account: { end_reason: 'model' } }],
        },
      ]);
    }
    const plain = await startGeneration(aRequest({}, {}, script), dependenciesOf(), aContext());
    expect(plain.headers).toEqual({});
  });

  it('has what came if its client leaves', async () => {
    expect((await run({}, true)).recorded).toMatchObject([{ outcome: 'aborted' }]);
  });
});

describe('a started generation', () => {
  const script: readonly ScriptedSegment[] = [
    { says: '\nso', ends: IM_START },
    { says: '\n4', ends: IM_END },
  ];
  const start = (changes: Partial<GenerationRequest>, settings: object) =>
    startGeneration(aRequest(changes, settings, script), dependenciesOf(), aContext());

  it('says which policy its risk chose', async () => {
    const row = {
      waits: 0,
      waitWhen: 'always',
      maxTokens: 50,
      questions: 9,
      wrong: 0,
      wrongUpper95: 0.1,
      meanTokens: 9,
    };
    const calibration = { id: 'cal', measure: 'tail', unsureBelow: 0.4, rows: [row] };
    const { thinking } = aRequest();
    const { risk, setBy } = await start({ thinking: { ...thinking, risk: 0.2 } }, { calibration });
    expect(risk).toEqual({ requested: 0.2, upper_bound: 0.1, calibration: 'cal' });
    expect(setBy).toMatchObject({ waits: 'thinking.risk', max_tokens: 'thinking.risk' });
    expect(await start({}, { calibration })).not.toHaveProperty('risk');
  });

  it('says if a rule of its defaults is off for want of a threshold', async () => {
    const started = await start({}, { gates: { waitWhen: 'unsure' } });
    const reports = [];
    for await (const { value } of started.events) if (value.kind === 'done') reports.push(value.report.gatesOff);
    expect(reports).toEqual(['no_threshold']);
  });
});

describe('the calls of a request', () => {
  const requests = async (body: Readonly<Record<string, unknown>>) => {
    const { app, model } = scriptedApp([
      { says: '\nso', ends: IM_START },
      { says: '\n4', ends: IM_END },
    ]);
    await (await app.request('/v1/chat/completions', chat(body))).text();
    return model.requests;
  };

  it('have stop texts in the answer only, and nothing that was not asked for', async () => {
    const [thought, answer] = await requests({});
    for (const call of [thought, answer]) {
      expect(call).not.toHaveProperty('stopTexts');
      expect(call).not.toHaveProperty('skipControls');
      expect(call).not.toHaveProperty('structure');
      expect(call).not.toHaveProperty('topLogprobs');
    }
    const [stopless, stopped] = await requests({ stop: ['END'] });
    expect(stopless).not.toHaveProperty('stopTexts');
    expect(stopped).toMatchObject({ stopTexts: ['END'] });
  });

  it('of a raw prompt leave control tokens out of the text unless they are shown', async () => {
    for (const [shown, expected] of [
      [undefined, true],
      [true, true],
      [false, undefined],
    ]) {
      const { app, model } = scriptedApp([{ says: 'x', ends: IM_END }]);
      const body = { model: 'scripted', prompt: 'a', max_tokens: 5, skip_special_tokens: shown };
      const headers = { 'content-type': 'application/json' };
      await app.request('/v1/completions', { method: 'POST', headers, body: JSON.stringify(body) });
      expect(model.requests[0]?.skipControls).toBe(expected);
    }
  });

  it('leave room for no more than the completion may have', async () => {
    const [thought, answer] = await requests({ max_completion_tokens: 20, thinking: { max_tokens: 15 } });
    expect([thought?.maxTokens, answer?.maxTokens]).toEqual([15, 17]);
  });
});
