import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { chatCompletionSchema } from '../../../lambda/apis/chat/response-schemas.ts';
import { errorSchema } from '../../../lambda/apis/response-schemas.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { calibration, call } from './measured-calls.ts';

/** Asks a model whose thought has this probability. */
async function ask(thinking: object, probability: number | undefined, changes: object = {}) {
  const script = [
    call('\nso', IM_START, probability),
    call('\nhm', IM_START, probability),
    call('\nFour.', IM_END, probability),
  ];
  const { app } = scriptedApp([], { models: [scriptedModel('scripted', script, changes)] });
  const response = await app.request('/v1/chat/completions', chat({ thinking }));
  const body: unknown = await response.json();
  return { status: response.status, body };
}

async function reportOf(...args: Parameters<typeof ask>) {
  const { status, body } = await ask(...args);
  expect(status, JSON.stringify(body)).toBe(200);
  return chatCompletionSchema.parse(body).budget_forcing;
}

async function refusalOf(...args: Parameters<typeof ask>) {
  const { status, body } = await ask(...args);
  expect(status).toBe(400);
  return errorSchema.parse(body).error;
}

describe('a Wait that depends on confidence, at the API', () => {
  it('is skipped or appended, and the report says why', async () => {
    const unsure = { waits: 1, wait_when: 'unsure', unsure_below: 0.3 };
    expect(await reportOf(unsure, 0.9)).toMatchObject({
      waits: 0,
      confidence: { measure: 'min_token', tokens: 3 },
      events: [{ kind: 'wait_skipped', at: 3 }],
    });
    expect(await reportOf(unsure, 0.2)).toMatchObject({ waits: 1, limits: { waits: 1 } });
  });

  it('the threshold of the calibration holds for its measure only', async () => {
    expect(await reportOf({ wait_when: 'unsure' }, 0.35, { calibration })).toMatchObject({ waits: 1 });
    const refused = await refusalOf({ wait_when: 'unsure', confidence_measure: 'tail' }, 0.35, { calibration });
    expect(refused).toMatchObject({ param: 'thinking.unsure_below' });
    expect(await refusalOf({ wait_when: 'unsure' }, 0.35)).toMatchObject({ param: 'thinking.unsure_below' });
  });

  it('a server without log-probabilities is a 400 if the request asks for the rule, and off if the config does', async () => {
    const refused = await refusalOf({ waits: 1, wait_when: 'unsure', unsure_below: 0.3 }, undefined);
    expect(refused.message).toContain('thinking.wait_when needs the log-probability');
    const gates = { waits: 1, waitWhen: 'unsure', unsureBelow: 0.3 };
    expect(await reportOf({}, undefined, { gates })).toMatchObject({ waits: 1, gates_off: 'no_logprobs' });
    expect(await reportOf({}, 0.9, { gates })).toMatchObject({ waits: 0 });
  });
});

describe('rules by default, of a key and of the config', () => {
  /** Asks with a key of these default rules. */
  async function askWithKey(
    rules: object,
    { probability, gates, thinking = {} }: { probability?: number; gates?: object; thinking?: object },
  ) {
    const script = [
      call('\nso', IM_START, probability),
      call('\nhm', IM_START, probability),
      call('\nFour.', IM_END, probability),
    ];
    const models = [scriptedModel('scripted', script, gates === undefined ? {} : { gates })];
    const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
    const { app } = scriptedApp([], { models, keys, keyHashes: async () => [hashKey('admin')] });
    const json = { 'content-type': 'application/json', authorization: 'Bearer admin' };
    const made = await app.request('/v1/admin/keys', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ name: 'team', limits: { thinking: rules } }),
    });
    const body: unknown = await made.json();
    if (made.status !== 201) return { status: made.status, error: errorSchema.parse(body).error };
    const { key } = z.object({ key: z.string() }).parse(body);
    const response = await app.request('/v1/chat/completions', chat({ thinking }, { authorization: `Bearer ${key}` }));
    return { status: response.status, report: chatCompletionSchema.parse(await response.json()).budget_forcing };
  }
  const rules = { waits: 1, wait_when: 'unsure', unsure_below: 0.5 };

  it('those of a key hold for its requests', async () => {
    expect((await askWithKey(rules, { probability: 0.3 })).report).toMatchObject({ waits: 1 });
    expect((await askWithKey(rules, { probability: 0.7 })).report).toMatchObject({
      waits: 0,
      events: [{ kind: 'wait_skipped' }],
    });
  });

  it('a request comes before its key, and the key before the config', async () => {
    const gates = { waits: 1, waitWhen: 'unsure', unsureBelow: 0.9 };
    expect((await askWithKey(rules, { probability: 0.7, gates })).report).toMatchObject({ waits: 0 });
    expect((await askWithKey({}, { probability: 0.7, gates })).report).toMatchObject({ waits: 1 });
    const thinking = { unsure_below: 0.8 };
    expect((await askWithKey(rules, { probability: 0.7, gates, thinking })).report).toMatchObject({ waits: 1 });
    expect((await askWithKey(rules, { probability: 0.3, thinking: { waits: 0 } })).report).toMatchObject({ waits: 0 });
  });

  it('are off, and reported, without log-probabilities or without a threshold', async () => {
    expect((await askWithKey(rules, {})).report).toMatchObject({ gates_off: 'no_logprobs' });
    const { report } = await askWithKey({ waits: 1, wait_when: 'unsure' }, { probability: 0.7 });
    expect(report).toMatchObject({ gates_off: 'no_threshold', waits: 1 });
    expect((await askWithKey(rules, { probability: 0.7 })).report).not.toHaveProperty('gates_off');
  });

  it.each([
    [{ wait_when: 'always', unsure_below: 0.3 }, 'wait_when is "always"'],
    [{ stop_when: 'never', sure_probes: 3 }, 'stop_when is "never"'],
    [{ unsure_below: 2 }, 'unsure_below'],
    [{ waits_when: 'unsure' }, 'waits_when'],
  ])('a key with %j is a 400 that says what contradicts', async (wrong, message) => {
    const refused = await askWithKey(wrong, {});
    expect(refused.status).toBe(400);
    expect(refused.error?.message).toContain(message);
  });
});

describe('a risk at the API', () => {
  it('chooses the cheapest measured policy, and the report names the calibration', async () => {
    expect(await reportOf({ risk: 0.05 }, 0.9, { calibration })).toMatchObject({
      waits: 0,
      risk: { requested: 0.05, upper_bound: 0.04, calibration: 'held-out-7' },
      limits: { waits: 1, max_tokens: 150, set_by: { waits: 'thinking.risk', max_tokens: 'thinking.risk' } },
    });
  });

  it('is refused with what can be reached, without a calibration, and together with what it chooses', async () => {
    expect((await refusalOf({ risk: 0.01 }, 0.9, { calibration })).message).toContain('reaches is 0.04');
    expect((await refusalOf({ risk: 0.05 }, 0.9)).message).toContain('has none');
    expect((await refusalOf({ risk: 0.05, waits: 1 }, 0.9, { calibration })).message).toContain('thinking.waits');
  });
});
