import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { distillCommand } from '../../../cli/commands/distill.ts';
import { chooseDiverse } from '../../../cli/distill/choose-diverse.ts';
import { faultOf } from '../../../cli/distill/quality.ts';
import { TOPICS, topicIn } from '../../../cli/distill/topic-prompt.ts';
import { checkData } from '../../../cli/train/data/check-data.ts';
import { formats } from '../../../lambda/formats/index.ts';
import { startLocal } from '../../../local/start-local.ts';
import { scriptedApi } from '../../evaluate/scripted-api.ts';

/** Number of a question, whose right answer is its square. */
const numberIn = (text: string) => Number(/(\d+) squared/.exec(text)?.[1]);

interface Spoken {
  readonly thought?: string;
  readonly answer: string;
  readonly finish?: string;
}

function say(response: ServerResponse, { thought, answer, finish = 'stop' }: Spoken): void {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      choices: [{ message: { reasoning_content: thought, content: answer }, finish_reason: finish }],
      usage: { prompt_tokens: 10, completion_tokens: 100, completion_tokens_details: { reasoning_tokens: 90 } },
    }),
  );
}

let folder: string;
let questions: string;
let written: string;
let shown: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'distill-'));
  questions = join(folder, 'questions.jsonl');
  writeQuestions(12);
  written = '';
  shown = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    shown += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function writeQuestions(count: number, more: (index: number) => object = () => ({})): void {
  const row = (index: number) => ({
    id: `q${index}`,
    question: `What is ${index} squared?`,
    answer: String(index ** 2),
    ...more(index),
  });
  writeFileSync(questions, Array.from({ length: count }, (_, index) => `${JSON.stringify(row(index + 1))}\n`).join(''));
}

const distill = async (url: string, ...more: readonly string[]) => {
  written = '';
  shown = '';
  return await distillCommand.run([
    questions,
    '--base-url',
    url,
    '--model',
    'teacher',
    '--out',
    join(folder, 'out'),
    '--yes',
    ...more,
  ]);
};
const rows = () =>
  readFileSync(join(folder, 'out/train.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** A teacher that squares, and a small model that squares numbers below five. */
async function squaring(answerOf: (number: number, model: string) => Spoken | undefined = () => undefined) {
  return await scriptedApi(({ body }, response) => {
    const text: string = body.messages[0].content;
    const number = numberIn(text);
    const given = answerOf(number, body.model);
    if (given !== undefined) return say(response, given);
    if (text.startsWith('Name the topic'))
      return say(response, { answer: number % 2 === 0 ? 'Algebra' : 'I say: **number theory**.' });
    if (body.model === 'student')
      return say(response, { thought: 'hm', answer: `The answer is ${number < 5 ? number ** 2 : 0}.` });
    say(response, {
      thought: `${number} times ${number} ${'so '.repeat(number)}`,
      answer: `The answer is ${number ** 2}.`,
    });
  });
}

describe('budgetforce distill', () => {
  it('keeps what the grader accepts and the small model fails, with provenance and licence', async () => {
    const api = await squaring((number, model) =>
      model === 'teacher' && number === 12 ? { thought: 't', answer: 'The answer is 1.' } : undefined,
    );
    writeQuestions(12, (index) => ({ license: index === 7 ? 'MIT' : 'CC-BY-4.0' }));
    expect(
      await distill(
        api.url,
        '--student-model',
        'student',
        '--price',
        '1,10',
        '--student-price',
        '0.1',
        '--source',
        'squares',
      ),
    ).toBe(0);
    expect(
      rows()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(['q10', 'q11', 'q5', 'q6', 'q7', 'q8', 'q9']);
    expect(rows().find(({ id }) => id === 'q7')).toEqual({
      question: 'What is 7 squared?',
      thought: '7 times 7 so so so so so so so',
      answer: 'The answer is 49.',
      id: 'q7',
      topic: 'unknown',
      expected: '49',
      source: 'squares',
      licence: 'MIT',
      teacher: 'teacher',
      teacher_url: api.url,
      grader: 'numeric',
      filters: ['correct', 'quality', 'difficulty: student fails', 'diversity'],
      thinking_tokens: 90,
      date: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
    });
    expect(written).toContain(
      '12 questions\n11 answered right by the teacher\n11 after quality\n7 after difficulty: the small model fails\n7 chosen',
    );
    // 12 answers of the teacher and 11 of the small model, at 10 and 100 tokens.
    expect(written).toContain('Tokens: teacher 120 in, 1200 out; student 110 in, 1100 out. $0.01.\n');
    expect(readFileSync(join(folder, 'out/report.json'), 'utf8')).toContain('"accepted": 11');
    api.close();
  });

  it('writes rows that the script reads', async () => {
    const api = await squaring();
    await distill(api.url);
    api.close();
    const report = await checkData(join(folder, 'out/train.jsonl'), {
      format: formats.s1,
      tokenizerPath: 'local/model/tokenizer.json',
      blockSize: 32_768,
    });
    expect(report).toMatchObject({ rows: 12, columns: ['plain'] });
    expect(report.findings.filter(({ repair }) => repair)).toEqual([]);
  });

  it('leaves out answers with faults, and counts them', async () => {
    const faults: Readonly<Record<number, Spoken>> = {
      1: { thought: 't', answer: 'The answer is 1.', finish: 'length' },
      2: { answer: 'The answer is 4.' },
      3: { thought: 'so</think>', answer: 'The answer is 9.' },
      4: { thought: 'and again and '.repeat(40), answer: 'The answer is 16.' },
    };
    const api = await squaring((number) => faults[number]);
    await distill(api.url, '--json');
    api.close();
    expect(JSON.parse(written)).toMatchObject({
      accepted: 12,
      quality: { kept: 8, faults: { incomplete: 1, 'no thought': 1, 'control strings': 1, 'a loop': 1 } },
      rows: 8,
    });
  });

  it('asks again until the grader accepts an answer', async () => {
    let tries = 0;
    const api = await squaring((number) =>
      number === 3 && ++tries < 3 ? { thought: 't', answer: 'The answer is 0.' } : undefined,
    );
    await distill(api.url, '--attempts', '4', '--json');
    expect(JSON.parse(written)).toMatchObject({ accepted: 12, rows: 12 });
    expect(api.received).toHaveLength(14);
    await distill(api.url, '--attempts', '4');
    expect(api.received).toHaveLength(14);
    api.close();
  });

  it('lets topics take turns: by a column, or named by the teacher', async () => {
    const api = await squaring();
    writeQuestions(12, (index) => ({ subject: index < 10 ? 'many' : 'few' }));
    await distill(api.url, '--topic-key', 'subject', '--size', '6', '--json');
    expect(JSON.parse(written).topics).toEqual({ many: 3, few: 3 });
    await expect(distill(api.url, '--topic-key', 'field')).rejects.toThrow(
      'line 1: there is no topic in the column "field".',
    );
    const before = api.received.length;
    await distill(api.url, '--classify', '--size', '8', '--json');
    expect(JSON.parse(written).topics).toEqual({ algebra: 4, 'number theory': 4 });
    expect(api.received.length - before).toBe(12);
    expect(rows()[0].filters).toContain('diversity: topics by teacher');
    await distill(api.url, '--classify', '--size', '4', '--json');
    expect(api.received.length - before).toBe(12);
    api.close();
  });

  it('says what it will cost before it asks, and asks nothing without a yes', async () => {
    const api = await squaring();
    const argv = [questions, '--base-url', api.url, '--model', 'teacher', '--out', join(folder, 'out')];
    await expect(distillCommand.run([...argv, '--price', '1,10', '--student-model', 'student'])).rejects.toThrow(
      'Ask? There is no terminal to ask on: add --yes.',
    );
    expect(api.received).toEqual([]);
    expect(shown).toMatch(/teacher \(teacher\): 12 requests, about \d+ tokens in and 66,000 out, about \$0\.66\n/);
    expect(shown).toMatch(/student \(student\): 12 requests, .*dollars unknown without --student-price\n/);
    await distillCommand.run([...argv, '--yes']);
    // What was answered costs nothing again.
    shown = '';
    await distillCommand.run(argv);
    expect(shown).not.toContain('To ask');
    api.close();
  });

  it('says why no row is left', async () => {
    const wrong = await squaring(() => ({ thought: 't', answer: 'The answer is 0.' }));
    expect(await distill(wrong.url)).toBe(1);
    expect(written).toContain('No row is left: the grader accepts no answer of the teacher.');
    wrong.close();
    const silent = await squaring((number) => ({ answer: `The answer is ${number ** 2}.` }));
    expect(await distill(silent.url, '--out', join(folder, 'silent'))).toBe(1);
    expect(written).toContain('No row is left: the teacher sends no thoughts');
    silent.close();
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no teacher', ['--base-url', 'http://x/v1'], /^Name the teacher: --base-url URL --model ID\./],
    ['a URL that is none', ['--base-url', 'x', '--model', 'm'], /^--base-url is "x"\. Give an http/],
    [
      'a student without a model',
      ['--base-url', 'http://x', '--model', 'm', '--student-base-url', 'http://y'],
      /^--student-base-url needs its model/,
    ],
    [
      'a prompt without a question',
      ['--base-url', 'http://x', '--model', 'm', '--prompt', 'hi'],
      /must contain \{question\}/,
    ],
    ['one topic', ['--base-url', 'http://x', '--model', 'm', '--classify', '--topics', 'a'], /at least two topics/],
    ['topics for nobody', ['--base-url', 'http://x', '--model', 'm', '--topics', 'a,b'], /add --classify/],
    ['a body that is no object', ['--base-url', 'http://x', '--model', 'm', '--body', '[1]'], /^--body is "\[1\]"/],
    ['a price that is none', ['--base-url', 'http://x', '--model', 'm', '--price', 'cheap'], /^--price is "cheap"/],
  ])('refuses %s with one sentence', async (_, argv, message) => {
    await expect(distillCommand.run([questions, ...argv])).rejects.toThrow(message);
  });

  it('names its own options if the teacher refuses', async () => {
    const api = await scriptedApi((_, response) => response.writeHead(401).end('no'));
    await expect(distill(api.url)).rejects.toThrow(
      /^The API of --base-url \(teacher\) answered 401: no Put its key into the variable that --key-env names\.$/,
    );
    api.close();
  });

  it('goes on after a kill: each question is asked once, but for those in flight', async () => {
    writeQuestions(40);
    let open = false;
    const held: (() => void)[] = [];
    const api = await squaring();
    const gated = await scriptedApi(({ body }, response, count) => {
      const answer = () =>
        say(response, { thought: 't', answer: `The answer is ${numberIn(body.messages[0].content) ** 2}.` });
      if (open || count <= 10) answer();
      else held.push(answer);
    });
    api.close();
    const argv = [
      'bin/budgetforce.ts',
      'distill',
      questions,
      '--base-url',
      gated.url,
      '--model',
      'teacher',
      '--out',
      join(folder, 'out'),
      '--yes',
    ];
    const child = spawn(process.execPath, argv, { stdio: 'ignore' });
    const results = join(folder, 'out/teacher/results.jsonl');
    const answered = () => (existsSync(results) ? readFileSync(results, 'utf8').split('\n').length - 1 : 0);
    while (answered() < 10 || held.length < 4) await new Promise((done) => setTimeout(done, 20));
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(existsSync(join(folder, 'out/train.jsonl'))).toBe(false);
    open = true;
    expect(await distill(gated.url)).toBe(0);
    expect(rows()).toHaveLength(40);
    const askedFor = Map.groupBy(gated.received, ({ body }) => numberIn(body.messages[0].content));
    expect(askedFor.size).toBe(40);
    expect(gated.received).toHaveLength(44);
    gated.close();
  }, 60_000);

  it('refuses a folder of another teacher', async () => {
    const api = await squaring();
    await distill(api.url);
    const argv = [questions, '--base-url', api.url, '--model', 'other', '--out', join(folder, 'out'), '--yes'];
    await expect(distillCommand.run(argv)).rejects.toThrow(
      /holds a run with another model: "teacher", and now "other"/,
    );
    api.close();
  });

  it('distills the embedded model from itself: a thought with a budget of none fails', async () => {
    const lines = readFileSync('local/model/questions.jsonl', 'utf8').split('\n').slice(0, 12);
    writeFileSync(questions, `${lines.join('\n')}\n`);
    const server = await startLocal({ port: 0, host: '127.0.0.1', parallel: 4 });
    try {
      const url = `${server.url}/v1`;
      const body = JSON.stringify({ thinking: { max_tokens: 0 }, seed: 1 });
      const argv = [
        questions,
        '--base-url',
        url,
        '--model',
        'budgetforce-tiny',
        '--body',
        '{"seed":1,"thinking":{"waits":1}}',
      ];
      const student = ['--student-model', 'budgetforce-tiny', '--student-body', body];
      expect(await distillCommand.run([...argv, ...student, '--out', join(folder, 'out'), '--yes', '--json'])).toBe(0);
    } finally {
      await server.close();
    }
    const report = JSON.parse(written);
    expect(report.rows).toBeGreaterThan(5);
    expect(report.difficulty.kept).toBe(report.rows);
    for (const row of rows()) {
      expect(row.thought).toContain('Wait');
      expect(row.answer).toContain(row.expected);
    }
  }, 120_000);
});

describe('the choice of rows', () => {
  const candidates = fc.array(
    fc.record({ topic: fc.constantFrom('a', 'b', 'c', 'd'), length: fc.integer({ min: 1, max: 10_000 }) }),
    { maxLength: 60 },
  );

  it('is fair to topics: two counts differ by one at most, unless a topic has no more', () => {
    fc.assert(
      fc.property(candidates, fc.integer({ min: 0, max: 60 }), fc.nat(), (all, size, seed) => {
        const chosen = chooseDiverse(all, size, seed);
        expect(chosen).toHaveLength(Math.min(size, all.length));
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(chosen.every((each) => all.includes(each))).toBe(true);
        expect(chooseDiverse(all, size, seed)).toEqual(chosen);
        const [taken, there] = [chosen, all].map(
          (list) => (topic: string) => list.filter((each) => each.topic === topic).length,
        );
        const most = Math.max(...['a', 'b', 'c', 'd'].map((topic) => taken?.(topic) ?? 0));
        for (const topic of ['a', 'b', 'c', 'd']) {
          if ((taken?.(topic) ?? 0) < (there?.(topic) ?? 0)) expect(taken?.(topic)).toBeGreaterThanOrEqual(most - 1);
        }
      }),
      { seed: 22, numRuns: 200 },
    );
  });

  it('prefers longer thoughts', () => {
    const all = Array.from({ length: 20 }, (_, index) => ({ topic: 'a', length: index }));
    const firsts = Array.from({ length: 400 }, (_, seed) => chooseDiverse(all, 1, seed)[0]?.length ?? -1);
    const share = (length: number) => firsts.filter((each) => each === length).length / firsts.length;
    expect(share(19)).toBeGreaterThan(0.4);
    expect(share(19)).toBeLessThan(0.6);
    expect(share(18)).toBeGreaterThan(0.18);
    expect(share(18)).toBeLessThan(0.32);
  });
});

describe('the quality of a thought', () => {
  const good = { thought: 'First, 2 + 2 = 4. Then, 4 + 4 = 8.', answer: '8', note: null };
  const none = () => [];

  it.each<[string, Partial<typeof good> | { note: string }, string | undefined]>([
    ['a good one', {}, undefined],
    ['a cut one', { note: 'The answer ended by length.' }, 'incomplete'],
    ['an empty answer', { answer: ' ' }, 'no answer'],
    ['an empty thought', { thought: '\n' }, 'no thought'],
    ['a loop', { thought: `So. ${'I should check this. '.repeat(9)}` }, 'a loop'],
    ['a list', { thought: '1) 3+4=7.\n2) 7+5=12.\n3) 12+8=20.\n4) 20+9=29.\n5) 29+2=31.\n6) 31+4=35.' }, undefined],
  ])('of %s', (_, changes, fault) => {
    expect(faultOf('What is it?', { ...good, ...changes }, none)).toBe(fault);
  });

  it.each(['See ![x](y.png)', 'In the figure below, …', '[asy] draw(); [/asy]'])(
    'is low if the question is about an image: %s',
    (question) => {
      expect(faultOf(question, good, none)).toBe('an image that is not there');
    },
  );
});

describe('a topic', () => {
  it.each([
    ['number theory', 'number theory'],
    ['It is about numbers, so **Number Theory**.', 'number theory'],
    ['Not algebra but geometry', 'geometry'],
    ['Cooking', undefined],
  ])('is found in %j', (answer, topic) => {
    expect(topicIn(answer, TOPICS)).toBe(topic);
  });
});
