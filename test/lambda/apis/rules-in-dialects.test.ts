import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { budgetForcingSchema } from '../../../lambda/apis/response-schemas.ts';
import type { ModelSettings } from '../../../lambda/settings/settings.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { calibration, call } from './measured-calls.ts';

type Fields = Readonly<Record<string, unknown>>;

/** How a dialect asks, where it reports, and how it refuses. */
interface DialectCase {
  readonly path: string;
  readonly body: Fields;
  /** The `budget_forcing` object of a response, or of the last event that has one. */
  readonly reportIn: (json: unknown) => unknown;
  readonly textIn: (json: unknown) => string;
  /** Completion tokens of its usage. */
  readonly usageIn: (json: unknown) => unknown;
  readonly error: z.ZodType<{ readonly error: { readonly message: string } }>;
}

const openAiError = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.literal('invalid_request_error'),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});
const own = z.looseObject({ budget_forcing: z.unknown() });

const dialects: Readonly<Record<string, DialectCase>> = {
  Chat: {
    path: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: 'How many?' }] },
    reportIn: (json) => own.parse(json).budget_forcing,
    textIn: (json) =>
      z
        .looseObject({ choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })) })
        .parse(json).choices[0]?.message.content ?? '',
    usageIn: (json) =>
      z.looseObject({ usage: z.looseObject({ completion_tokens: z.int() }) }).parse(json).usage.completion_tokens,
    error: openAiError,
  },
  Responses: {
    path: '/v1/responses',
    body: { input: 'How many?' },
    reportIn: (json) => {
      const { response, ...rest } = z.looseObject({ response: own.optional() }).parse(json);
      return (response ?? own.parse(rest)).budget_forcing;
    },
    textIn: (json) =>
      z
        .looseObject({
          output: z.array(z.looseObject({ type: z.string(), content: z.array(z.looseObject({ text: z.string() })) })),
        })
        .parse(json)
        .output.find(({ type }) => type === 'message')?.content[0]?.text ?? '',
    usageIn: (json) =>
      z.looseObject({ usage: z.looseObject({ output_tokens: z.int() }) }).parse(json).usage.output_tokens,
    error: openAiError,
  },
  Messages: {
    path: '/v1/messages',
    body: { messages: [{ role: 'user', content: 'How many?' }], max_tokens: 300 },
    reportIn: (json) => own.parse(json).budget_forcing,
    textIn: (json) =>
      z
        .looseObject({ content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })) })
        .parse(json)
        .content.find(({ type }) => type === 'text')?.text ?? '',
    usageIn: (json) =>
      z.looseObject({ usage: z.looseObject({ output_tokens: z.int() }) }).parse(json).usage.output_tokens,
    error: z.strictObject({
      type: z.literal('error'),
      error: z.strictObject({ type: z.literal('invalid_request_error'), message: z.string() }),
      request_id: z.string(),
    }),
  },
};

const LINE = `${'a'.repeat(31)}\n`;
const thinks = (probability?: number) => [
  call('\nso', IM_START, probability),
  call('\nhm', IM_START, probability),
  call('\nFour.', IM_END, probability),
];
const probed = (probability?: number) => [
  call(LINE, IM_START, probability),
  call('4', IM_END, probability),
  call('\nFour.', IM_END, probability),
];

describe.each(Object.entries(dialects))('rules by confidence in %s', (_, dialect) => {
  const send = async (fields: Fields, script: readonly ScriptedSegment[], changes: Partial<ModelSettings> = {}) => {
    const models = [scriptedModel('scripted', script, changes), scriptedModel('large', thinks(0.9))];
    const routes = [
      { id: 'auto', models: ['scripted', 'large'], escalate: { unsure_below: 0.3 }, pass_thought: false },
    ];
    const { app } = scriptedApp([], { models, routes });
    return await app.request(dialect.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'scripted', ...dialect.body, ...fields }),
    });
  };
  /** The report without a stream, which must be the same in a stream. */
  const reportOf = async (...args: Parameters<typeof send>) => {
    const [fields, ...rest] = args;
    const whole = await send(fields, ...rest);
    const json: unknown = await whole.json();
    expect([whole.status, json]).toMatchObject([200, {}]);
    const report = budgetForcingSchema.parse(dialect.reportIn(json));
    const text = await (await send({ ...fields, stream: true }, ...rest)).text();
    const last = [...text.matchAll(/^data: (\{.*\})$/gm)]
      .map(([, data = '']) => data)
      .findLast((data) => data.includes('"budget_forcing"'));
    expect(budgetForcingSchema.parse(dialect.reportIn(JSON.parse(last ?? 'null')))).toEqual(report);
    return { report, json };
  };

  it('a Wait only if unsure, with the confidence and the skipped Wait in the report', async () => {
    const thinking = { waits: 1, wait_when: 'unsure', unsure_below: 0.3, confidence_measure: 'tail' };
    expect((await reportOf({ thinking }, thinks(0.9))).report).toMatchObject({
      waits: 0,
      confidence: { measure: 'tail', value: expect.closeTo(0.9), tokens: 3 },
      events: [{ kind: 'wait_skipped', at: 3, value: expect.closeTo(0.9) }],
    });
    expect((await reportOf({ thinking }, thinks(0.2))).report).toMatchObject({ waits: 1 });
  });

  it('the threshold of the calibration', async () => {
    const thinking = { wait_when: 'unsure' };
    expect((await reportOf({ thinking }, thinks(0.35), { calibration })).report).toMatchObject({ waits: 1 });
  });

  it('stop when sure, with the probes in the report and not in usage', async () => {
    const thinking = { stop_when: 'sure', sure_above: 0.8, waits: 0 };
    const { report, json } = await reportOf({ thinking }, probed(0.9));
    expect(report).toMatchObject({
      end_reason: 'sure',
      thinking_tokens: 32,
      probes: { count: 1, tokens: 1 },
      calls: [{ part: 'thinking' }, { part: 'probe' }, { part: 'answer' }],
    });
    expect(dialect.usageIn(json)).toBe(report.thinking_tokens + report.answer_tokens);
  });

  it('a risk', async () => {
    const { report } = await reportOf({ thinking: { risk: 0.05 } }, thinks(0.9), { calibration });
    expect(report).toMatchObject({ waits: 0, risk: { requested: 0.05, upper_bound: 0.04, calibration: 'held-out-7' } });
  });

  it('a vote that stops, with one answer and the account of all samples', async () => {
    const samples = [call('\n5', IM_END), call('\n5', IM_END)];
    const fields = { n: 8, vote: true, vote_until: { lead: 2 }, thinking: { max_tokens: 0 } };
    const { report, json } = await reportOf(fields, samples);
    expect(report.vote).toEqual({
      requested: 8,
      started: 2,
      finished: 2,
      aborted: 0,
      other_tokens: 2,
      aborted_tokens: 0,
      decided_by: 'lead',
      counts: [{ answer: '5', votes: 2 }],
    });
    expect(dialect.textIn(json)).toContain('5');
    expect(dialect.usageIn(json)).toBe(2);
  });

  it('a vote by weights, with the probes of all samples', async () => {
    const thinking = { stop_when: 'sure', sure_above: 0.8, waits: 0 };
    // Samples take turns.
    const two = probed(0.9).flatMap((each) => [each, each]);
    const { report } = await reportOf({ n: 2, vote: true, vote_weights: 'confidence', thinking }, two);
    expect(report.vote).toMatchObject({
      probe_tokens: 2,
      counts: [{ answer: 'four', votes: 2, weight: expect.closeTo(1.8) }],
    });
  });

  it('a route, with who answered and each attempt', async () => {
    const { report } = await reportOf({ model: 'auto' }, thinks(0.2));
    expect(report).toMatchObject({
      route: { id: 'auto', answered_by: 'large' },
      attempts: [
        { model: 'scripted', reason: 'first', confidence: expect.closeTo(0.2) },
        { model: 'large', reason: 'unsure' },
      ],
    });
  });

  it('rules that are off by default are reported', async () => {
    const gates = { waits: 1, waitWhen: 'unsure', unsureBelow: 0.3 } as const;
    expect((await reportOf({}, thinks(), { gates })).report).toMatchObject({ gates_off: 'no_logprobs', waits: 1 });
  });

  it('a rule on a server without log-probabilities ends a stream with the error of the dialect', async () => {
    const thinking = { stop_when: 'sure', waits: 0 };
    const response = await send({ thinking, stream: true }, probed());
    const text = await response.text();
    expect(text).toContain('thinking.stop_when needs the log-probability');
    const names = [...text.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name);
    expect(names.at(-1)).toBe(dialect.path === '/v1/responses' ? 'response.failed' : 'error');
    expect(text).not.toContain('"budget_forcing"');
  });

  it.each<[string, Fields, string, Partial<ModelSettings>?]>([
    ['a threshold without a calibration', { thinking: { wait_when: 'unsure' } }, 'thinking.unsure_below is required'],
    [
      'a measure that is not the calibrated one',
      { thinking: { wait_when: 'unsure', confidence_measure: 'tail' } },
      'calibrated for "min_token", not for "tail"',
      { calibration },
    ],
    ['a threshold above 1', { thinking: { unsure_below: 1.5 } }, 'unsure_below'],
    ['an unknown measure', { thinking: { confidence_measure: 'luck' } }, 'confidence_measure'],
    ['a threshold of a rule that is off', { thinking: { wait_when: 'always', unsure_below: 0.3 } }, 'Omit one of them'],
    ['probes of a rule that is off', { thinking: { stop_when: 'never', sure_probes: 3 } }, 'Omit one of them'],
    ['one probe that agrees with itself', { thinking: { stop_when: 'sure', sure_probes: 1 } }, 'sure_probes'],
    ['a risk without a calibration', { thinking: { risk: 0.05 } }, 'has none'],
    ['a risk that cannot be reached', { thinking: { risk: 0.01 } }, 'reaches is 0.04', { calibration }],
    ['a risk beside what it chooses', { thinking: { risk: 0.05, waits: 1 } }, 'thinking.waits', { calibration }],
    ['a condition without a vote', { n: 1, vote_until: { lead: 2 } }, 'vote_until is for a vote'],
    ['a lead that is never reached', { n: 2, vote: true, vote_until: { lead: 3 } }, 'is greater than n (2)'],
    ['two conditions', { n: 4, vote: true, vote_until: { lead: 2, agree: 2 } }, 'vote_until'],
    ['a vote of one', { vote: true }, 'vote requires several samples'],
    [
      'a rule on a server without log-probabilities',
      { thinking: { waits: 1, wait_when: 'unsure', unsure_below: 0.3 } },
      'thinking.wait_when needs the log-probability',
    ],
    [
      'probes on a server without log-probabilities',
      { thinking: { stop_when: 'sure', waits: 0 } },
      'thinking.stop_when needs the log-probability',
    ],
  ])('%s is a 400 in the shape of the dialect', async (what, fields, message, changes) => {
    const script = what.startsWith('probes on') ? probed() : thinks();
    const refused = await send(fields, script, changes);
    expect(refused.status).toBe(400);
    const { error } = dialect.error.parse(await refused.json());
    expect(error.message).toContain(message);
  });
});

describe('fields that a dialect has no place for', () => {
  const ask = async ({ path, body }: DialectCase, fields: Fields) => {
    const response = await scriptedApp(thinks(0.9)).app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'scripted', ...body, ...fields }),
    });
    return { status: response.status, json: z.looseObject({}).parse(await response.json()) };
  };

  it.each(['Responses', 'Messages'])(
    '%s refuses several answers and log-probabilities of the thinking by name',
    async (name) => {
      const dialect = dialects[name];
      if (dialect === undefined) throw new Error('No such dialect.');
      for (const [fields, message] of [
        [{ n: 2 }, 'n (2) asks for several answers, but a response of this API has one. Give vote: true'],
        [{ thinking: { logprobs: true } }, 'thinking.logprobs is not supported here'],
      ] as const) {
        const { status, json } = await ask(dialect, fields);
        expect(status).toBe(400);
        expect(dialect.error.parse(json).error.message).toContain(message);
      }
    },
  );

  it('log-probabilities of the thinking without thinking are an empty list in Chat', async () => {
    const { Chat } = dialects;
    if (Chat === undefined) throw new Error('No such dialect.');
    const thinking = { max_tokens: 0, logprobs: true };
    expect((await ask(Chat, { thinking })).json).toMatchObject({ choices: [{ logprobs: { reasoning_content: [] } }] });
  });
});
