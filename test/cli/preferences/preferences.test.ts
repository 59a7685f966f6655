import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupByPrompt } from '../../../cli/preferences/candidates.ts';
import type { GivenFeedback, Stored } from '../../../cli/preferences/collect.ts';
import { type ExportOptions, exportRows } from '../../../cli/preferences/export-rows.ts';
import { pairKinds, pairsOf } from '../../../cli/preferences/pairs.ts';
import { completionText, promptText } from '../../../cli/preferences/render.ts';
import { controlStringFinder, controlStringsOf } from '../../../cli/train/data/control-strings.ts';
import { formats } from '../../../lambda/formats/index.ts';
import { servedIds, tokenizerOf } from '../../train/served-rows.ts';

interface SampleInput {
  readonly answer: string;
  readonly thinking?: string;
  readonly tokens?: number;
  readonly waits?: number;
}

/** A stored conversation about one question. */
function stored(id: string, samples: readonly SampleInput[], changes: Partial<Stored> = {}): Stored {
  return {
    id,
    key: 'key_1',
    created: 1,
    messages: [{ role: 'user', content: '3 + 4?' }],
    model: 'small',
    budget: { min_tokens: 0, max_tokens: 100, waits: 0 },
    policy: 'vote',
    outcome: 'done',
    samples: samples.map(({ answer, thinking = `I think ${answer}`, tokens = 10, waits = 0 }, index) => ({
      index,
      model: changes.model ?? 'small',
      thinking,
      answer,
      forced: { thinking: [], answer: [] },
      account: { thinking_tokens: tokens, answer_tokens: 0, waits, end_reason: 'model', finish_reason: 'stop' },
    })),
    ...changes,
  };
}

const groupOptions = { goodScore: 0.7, agreement: 0.6, references: new Map<string, string>() };
const pairOptions = { kinds: new Set(pairKinds), shorter: 1.5, perPrompt: 100 };
const group = (conversations: readonly Stored[], feedback: readonly GivenFeedback[] = [], options = {}) =>
  groupByPrompt({ stored: conversations, feedback }, { ...groupOptions, ...options });
const pairs = (...input: Parameters<typeof group>) =>
  group(...input).flatMap((one) =>
    pairsOf(one, pairOptions).map(({ kind, chosen, rejected }) => [kind, chosen.answer, rejected.answer]),
  );

describe('pairs', () => {
  it('of a vote are its right answers over its wrong ones, if enough samples agree', () => {
    const samples = ['7', '7.0', 'The answer is 7.', '8'].map((answer) => ({ answer }));
    expect(pairs([stored('a', samples, { winner: 0 })])).toEqual([
      ['vote', '7', '8'],
      ['vote', '7.0', '8'],
      ['vote', 'The answer is 7.', '8'],
    ]);
    const split = ['7', '7', '8', '9'].map((answer) => ({ answer }));
    expect(pairs([stored('a', split, { winner: 0 })])).toEqual([]);
    expect(pairs([stored('a', [{ answer: '7' }, { answer: '8' }], { winner: 0 })], [], { agreement: 0.1 })).toEqual([]);
  });

  it('of samples that did not vote need a person or a reference', () => {
    const two = [stored('a', [{ answer: '7' }, { answer: '8' }])];
    expect(pairs(two)).toEqual([]);
    expect(pairs(two, [{ id: 'a', metric: 'correct', value: true }])).toEqual([['feedback', '7', '8']]);
    expect(pairs(two, [], { references: new Map([['3 + 4?', '8']]) })).toEqual([['vote', '8', '7']]);
  });

  it('of feedback: preferred over another, and thumbs up over thumbs down', () => {
    const [a, b] = [stored('a', [{ answer: '7' }]), stored('b', [{ answer: '8' }])];
    expect(pairs([a, b], [{ id: 'b', metric: 'preferred', value: { over: 'a' } }])).toEqual([['feedback', '8', '7']]);
    const both = [
      { id: 'b', metric: 'preferred', value: { over: 'a' } },
      { id: 'a', metric: 'preferred', value: { over: 'b' } },
    ] as const;
    expect(pairs([a, b], both)).toEqual([]);
    const thumbs = [
      { id: 'a', metric: 'thumbs', value: true },
      { id: 'b', metric: 'thumbs', value: false },
    ] as const;
    expect(pairs([a, b], thumbs)).toEqual([['feedback', '7', '8']]);
    const scores = [
      { id: 'a', metric: 'score', value: 0.9 },
      { id: 'b', metric: 'score', value: 0.5 },
    ] as const;
    expect(pairs([a, b], scores)).toEqual([]);
  });

  it('of a correction need another answer that agrees with it', () => {
    const correction = { id: 'a', metric: 'correction', value: { answer: 'It is 7.' } } as const;
    expect(pairs([stored('a', [{ answer: '8' }])], [correction])).toEqual([]);
    expect(pairs([stored('a', [{ answer: '8' }]), stored('b', [{ answer: '7' }])], [correction])).toEqual([
      ['feedback', '7', '8'],
    ]);
  });

  it('know a short right answer over a long one, a Wait, and another model', () => {
    const right = { id: 'a', metric: 'correct', value: true } as const;
    const samples = [
      { answer: '7', tokens: 10 },
      { answer: 'seven: 7', thinking: 'long', tokens: 15 },
      { answer: '7', thinking: 'longer', tokens: 14 },
      { answer: '8', tokens: 12, waits: 1 },
    ];
    const found = pairs(
      [stored('a', samples), stored('b', [{ answer: '9' }], { model: 'large' })],
      [right, { id: 'b', metric: 'correct', value: false }],
    );
    expect(found.filter(([kind]) => kind === 'short')).toEqual([['short', '7', 'seven: 7']]);
    expect(found.filter(([kind]) => kind === 'wait').map(([, , rejected]) => rejected)).toEqual(['8', '8', '8']);
    expect(found.filter(([kind]) => kind === 'model').map(([, , rejected]) => rejected)).toEqual(['9', '9', '9']);
  });

  it('are never of two prompts', () => {
    const other = stored('b', [{ answer: '8' }], { messages: [{ role: 'user', content: '5 + 5?' }] });
    expect(
      pairs([stored('a', [{ answer: '7' }]), other], [{ id: 'a', metric: 'preferred', value: { over: 'b' } }]),
    ).toEqual([]);
  });

  it('never have a right answer rejected for a wrong one, and are at most as many as asked for', () => {
    const answer = fc.constantFrom('7', '8', '9');
    const sample = fc.record({
      answer,
      tokens: fc.integer({ min: 1, max: 50 }),
      waits: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(sample, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        (requests, perPrompt) => {
          const conversations = requests.map((samples, index) => stored(`r${index}`, samples));
          for (const one of group(conversations, [], { references: new Map([['3 + 4?', '7']]) })) {
            const found = pairsOf(one, { ...pairOptions, perPrompt });
            expect(found.length).toBeLessThanOrEqual(perPrompt);
            for (const { kind, chosen, rejected } of found) {
              expect(chosen.answer).toBe('7');
              expect(rejected.answer === '7').toBe(kind === 'short');
            }
          }
        },
      ),
    );
  });
});

describe('an export', () => {
  const options = async (changes: Partial<ExportOptions> = {}): Promise<ExportOptions> => ({
    ...pairOptions,
    format: 'dpo',
    modelFormat: formats.s1,
    heldOut: 0,
    controlsIn: controlStringFinder(await controlStringsOf(formats.s1, undefined)),
    ...changes,
  });
  const vote = (id: string, question: string) =>
    stored(
      id,
      ['7', '7', '7', '8'].map((answer) => ({ answer })),
      {
        winner: 0,
        messages: [{ role: 'user', content: question }],
      },
    );

  it('has the columns of TRL’s trainers and of training/sft', async () => {
    const groups = group([vote('a', '3 + 4?')]);
    const first = async (format: ExportOptions['format']) => exportRows(groups, await options({ format })).train[0];
    expect(await first('dpo')).toMatchObject({
      prompt: expect.stringMatching(/3 \+ 4\?<\|im_end\|>\n<\|im_start\|>assistant\n<\|im_start\|>think$/),
      chosen: '\nI think 7\n<|im_start|>answer\n7<|im_end|>',
      rejected: expect.stringContaining('8'),
      kind: 'vote',
    });
    expect(await first('kto')).toMatchObject({
      prompt: expect.any(String),
      completion: expect.any(String),
      label: true,
    });
    expect(await first('grpo')).toMatchObject({ prompt: expect.any(String), answer: '7' });
    expect(await first('sft')).toEqual({ question: '3 + 4?', thought: 'I think 7', answer: '7', model: 'small' });
  });

  it.each([
    ['What is <|im_start|>?', '7', 'a control string in a text'],
    ['3 + 4?', 'AKIAABCDEFGHIJKLMNOP', 'a credential in a text'],
  ])('leaves out %j with %j', async (question, right, reason) => {
    const samples = [right, right, right, '8'].map((answer) => ({ answer }));
    const groups = group([stored('a', samples, { winner: 0, messages: [{ role: 'user', content: question }] })]);
    const { train, dropped } = exportRows(groups, await options());
    expect(train).toEqual([]);
    expect([...dropped.keys()]).toEqual([reason]);
  });

  it('leaves out tools, answers without a thought, and rows that repeat', async () => {
    const again = exportRows(group([vote('a', '3 + 4?'), vote('b', '3 + 4?')]), await options({ format: 'kto' }));
    expect(again.train).toHaveLength(2);
    expect(again.dropped.get('the same row again')).toBe(6);
    const tools = stored('a', [{ answer: '7' }], { tools: [{ name: 't' }] });
    expect(exportRows(group([tools]), await options()).dropped.get('tools or a given beginning')).toBe(1);
    const silent = stored('a', [
      { answer: '7', thinking: '' },
      { answer: '8', thinking: '' },
    ]);
    const judged = group([silent], [{ id: 'a', metric: 'correct', value: true }]);
    expect(exportRows(judged, await options()).dropped.get('no thought')).toBe(1);
  });

  it('holds the same prompts out, whatever else is exported, with all their rows', async () => {
    const many = Array.from({ length: 200 }, (_, index) => vote(`a${index}`, `${index} + 4?`));
    const split = async (conversations: readonly Stored[]) => {
      const { train, heldOut } = exportRows(group(conversations), await options({ heldOut: 0.3 }));
      return {
        train: new Set(train.map(({ prompt }) => prompt)),
        heldOut: new Set(heldOut.map(({ prompt }) => prompt)),
      };
    };
    const [all, half] = [await split(many), await split(many.slice(0, 100))];
    expect([...all.train].filter((prompt) => all.heldOut.has(prompt))).toEqual([]);
    expect(all.heldOut.size).toBeGreaterThan(35);
    expect(all.heldOut.size).toBeLessThan(85);
    expect([...half.heldOut].filter((prompt) => !all.heldOut.has(prompt))).toEqual([]);
  });
});

describe('the texts of an export', () => {
  it('are the ids that the function serves, for any texts without control strings', async () => {
    const json = JSON.parse(await readFile('local/model/tokenizer.json', 'utf8'));
    const whole = new Tokenizer(json, {});
    const encode = (text: string) => whole.encode(text, { add_special_tokens: false }).ids;
    const served = tokenizerOf('tiny');
    const text = fc
      .stringMatching(/^[A-Za-z0-9+=?.,()\n ]{1,60}$/)
      .filter((value) => value.trim() === value && value !== '');
    await fc.assert(
      fc.asyncProperty(text, text, text, async (question, thought, answer) => {
        const { ids, promptLength } = await servedIds({ question, thought, answer }, 's1', served);
        const system = formats.s1.defaultSystem;
        const messages: Stored['messages'] = [
          ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
          { role: 'user', content: question },
        ];
        expect(encode(promptText(formats.s1, messages))).toEqual(ids.slice(0, promptLength));
        expect(encode(completionText(formats.s1, thought, answer))).toEqual(ids.slice(promptLength));
      }),
      { numRuns: 50 },
    );
  });
});
