import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { type Accuracy, accuracyOf, control, gainOver, majority, scaling } from '../../evaluate/metrics.ts';
import { readQuestions } from '../../evaluate/questions.ts';
import { readResults, taskKey } from '../../evaluate/results.ts';

const questions = Array.from({ length: 10 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));

let folder: string;
let server: Server;
let baseUrl: string;
let asked: { readonly content: string; readonly thinking: Record<string, number> | undefined; readonly seed: number }[];
let atOnce: number;
let mostAtOnce: number;
let failures: number;

/** An API that is right where it may think for at least ten tokens for each unit of the number. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eval-'));
  asked = [];
  atOnce = mostAtOnce = failures = 0;
  server = createServer(async (request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    let body = '';
    for await (const part of request) body += String(part);
    const { messages, thinking, seed } = JSON.parse(body);
    const content: string = messages[0].content;
    asked.push({ content, thinking, seed });
    await new Promise((resolve) => setTimeout(resolve, 2));
    atOnce--;
    const event = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
    if (failures > 0) {
      // Before the first byte, in the stream, or with the connection.
      const kind = failures-- % 4;
      if (kind === 3) {
        request.socket.destroy();
        return;
      }
      if (kind === 0) response.writeHead(503, { 'retry-after': '0' }).end('{}');
      else response.writeHead(200, { 'retry-after': '0' });
      if (kind === 1) event({ choices: [{ delta: { content: 'The answer is 7' } }] });
      if (kind === 1) response.write('data: {"error":{"message":"No copy."}}\n\n', () => response.end());
      if (kind === 2) response.write('data: {"choices":[]}\n\n', () => response.destroy());
      return;
    }
    const number = Number(/\d+/.exec(content)?.[0]);
    const tokens = Math.min(number * 10, thinking?.max_tokens ?? 1_000) + 5 * (thinking?.waits ?? 0);
    const text = tokens >= number * 10 ? `The answer is ${number}.` : 'Final Answer: 99';
    for (const content of [text.slice(0, 6), text.slice(6)]) event({ choices: [{ delta: { content } }] });
    event({
      choices: [{ delta: {} }],
      budget_forcing: {
        thinking_tokens: tokens,
        answer_tokens: 3,
        forced_tokens: 1,
        // Nothing leaves room for more.
        waits: Math.min(thinking?.waits ?? 0, 3),
        end_reason: 'model',
      },
    });
    response.end('data: [DONE]\n\n');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

function evaluation(changes: Partial<Evaluation> = {}): Evaluation {
  return {
    api: { baseUrl, model: 'm', apiKey: undefined, temperature: undefined },
    target: 't',
    questions,
    conditions: conditionsOf({ budgets: [0, 25, 55, 95], waits: [1], samples: 3, baselineBudgets: [25] }),
    seeds: 2,
    concurrency: 3,
    dollarsPerMillionTokens: 10,
    out: folder,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe('an evaluation', () => {
  it('reports what an independent computation from its results file finds', async () => {
    const summary = await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    for (const row of summary.rows.filter((found) => found.method === 'budget')) {
      const mine = results.filter((result) => result.condition === row.id);
      const right = mine.filter((result) => result.correct).length;
      // Right where the number fits the budget: 0 to 2 at 25, and so on; two seeds.
      expect(right).toBe(2 * (Math.floor(row.setting / 10) + 1));
      expect(row.accuracy).toMatchObject({ right, of: 20, share: right / 20 });
      expect(row.thinkingTokens).toBeCloseTo(
        mine.reduce((sum, result) => sum + result.thinkingTokens, 0) / mine.length,
        9,
      );
      expect(row.dollarsPerRightAnswer).toBeCloseTo(
        (mine.reduce((sum, result) => sum + result.spentTokens, 0) / right) * 1e-5,
        9,
      );
    }
    // The paper's metrics, written out by hand for the four budgets.
    const points = [0, 25, 55, 95].map((budget) => {
      const tokens = questions.map((_, number) => Math.min(number * 10, budget));
      return { x: tokens.reduce((sum, value) => sum + value, 0) / 10, f: (Math.floor(budget / 10) + 1) / 10 };
    });
    const slopes = points.flatMap((a, i) => points.slice(i + 1).map((b) => (b.f - a.f) / (b.x - a.x)));
    expect(summary.methods['budget']).toMatchObject({ control: 1, performance: 1, runs: 4 });
    expect(summary.methods['budget']?.scaling).toBeCloseTo(
      (slopes.reduce((sum, slope) => sum + slope, 0) / slopes.length) * 1e5,
      6,
    );
    // What the prompt asks for is not kept: 3 of 10 numbers need no more than 25 tokens.
    expect(summary.methods['token-conditional']).toMatchObject({ control: 0.3 });
    expect(summary.methods['cut-text']).toMatchObject({ performance: 1 });
    expect(summary.rows.find((row) => row.id === 'vote-3')?.accuracy.share).toBe(1);
    expect(summary.rows.find((row) => row.id === 'wait-1')?.thinkingTokens).toBe(50);
  });

  it('asks each task once, with a seed of its own, so many at once as it may', async () => {
    await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    expect(new Set(results.map(taskKey)).size).toBe(results.length);
    // 4 budgets, natural with 3 samples, 1 wait, 2 baselines.
    expect(results).toHaveLength(20 * (4 + 3 + 1 + 2));
    expect(mostAtOnce).toBeLessThanOrEqual(3);
    expect(mostAtOnce).toBeGreaterThan(1);
    const natural = asked.filter(
      (call) =>
        call.thinking?.['max_tokens'] === undefined &&
        call.thinking?.['waits'] === undefined &&
        call.content === 'What is 4?',
    );
    expect(new Set(natural.map((call) => call.seed)).size).toBeGreaterThanOrEqual(6);
    // What is measured must not shrink with the load that the evaluation makes.
    expect(asked.every((call) => (call.thinking as { elastic?: unknown } | undefined)?.elastic === false)).toBe(true);
  });

  it('goes on after an interruption: nothing is lost, nothing asked twice', async () => {
    const interrupt = new AbortController();
    const first = evaluate(evaluation({ signal: interrupt.signal }));
    setTimeout(() => interrupt.abort(new Error('interrupted')), 60);
    await expect(first).rejects.toThrow('interrupted');
    const before = await readResults(join(folder, 'results.jsonl'));
    expect(before.length).toBeGreaterThan(0);
    // A line that was torn by a crash.
    await appendFile(join(folder, 'results.jsonl'), '{"condition":"budg');
    const summary = await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    expect(results.slice(0, before.length)).toEqual(before);
    expect(new Set(results.map(taskKey)).size).toBe(200);
    expect(results).toHaveLength(200);
    expect(summary.rows.find((row) => row.id === 'natural')?.accuracy.of).toBe(20);

    // Of the calls that can be told apart each came once, before or after.
    expect(asked.filter((call) => call.thinking?.['max_tokens'] !== undefined)).toHaveLength(80);
    expect(asked.filter((call) => call.thinking?.['waits'] !== undefined)).toHaveLength(20);
    expect(asked.filter((call) => call.content.includes('at most 25'))).toHaveLength(20);
  });

  it('counts a Wait that was not kept as out of control', async () => {
    const conditions = conditionsOf({ budgets: [], waits: [3, 4], samples: 1, baselineBudgets: [] });
    const { rows } = await evaluate(evaluation({ conditions }));
    expect(rows.find((row) => row.id === 'wait-3')?.control).toBe(1);
    expect(rows.find((row) => row.id === 'wait-4')?.control).toBe(0);
  });

  it('counts an answer once that two runs wrote into one folder', async () => {
    const first = await evaluate(evaluation());
    const path = join(folder, 'results.jsonl');
    await appendFile(path, await readFile(path, 'utf8'));
    const again = await evaluate(evaluation());
    expect(again).toEqual(first);
  });

  it('says that the same command goes on, where the API goes away for good or for long', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const interrupt = new AbortController();
    const gone = evaluate(evaluation({ signal: interrupt.signal }));
    // It would try again for some seconds; an interruption does not wait for that.
    setTimeout(() => interrupt.abort(new Error('interrupted')), 100);
    await expect(gone).rejects.toThrow('interrupted');

    const paused = createServer((_, response) =>
      response.writeHead(503, { 'retry-after': '3600' }).end('The endpoint was paused.'),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => paused.once('listening', resolve));
    const url = `http://127.0.0.1:${(paused.address() as AddressInfo).port}/v1`;
    await expect(evaluate(evaluation({ api: { ...evaluation().api, baseUrl: url } }))).rejects.toThrow(
      'The endpoint was paused. It asks to come back in 3600 s; the same command goes on from here.',
    );
    paused.close();
  });

  it('refuses to mix settings in one folder', async () => {
    await evaluate(evaluation());
    await expect(evaluate(evaluation({ seeds: 3 }))).rejects.toThrow('holds a run of other settings');
  });

  it('tries again where the API is busy', async () => {
    // Each kind once.
    failures = 4;
    const summary = await evaluate(evaluation());
    expect(summary.rows.find((row) => row.id === 'budget-95')?.accuracy.of).toBe(20);
  });

  it('says what went wrong where it is not an API of ours', async () => {
    const stranger = createServer((_, response) =>
      response.end('data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n'),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/v1`;
    await expect(evaluate(evaluation({ api: { ...evaluation().api, baseUrl: url } }))).rejects.toThrow(
      'Is --base-url a Budgetforce API?',
    );
    stranger.close();
  });

  it('writes plots that stand alone', async () => {
    await evaluate(evaluation());
    for (const name of ['accuracy.svg', 'sequential-parallel.svg', 'report.html']) {
      const text = await readFile(join(folder, name), 'utf8');
      expect(text).not.toMatch(/NaN|undefined|(?:src|href)="http/);
      expect(text).toContain('<svg xmlns="http://www.w3.org/2000/svg"');
    }
  });
});

describe('the metrics of the paper', () => {
  it('are the mean slope over all pairs, and the share of runs in their bounds', () => {
    const points = [
      { tokens: 100, accuracy: 0.1 },
      { tokens: 200, accuracy: 0.3 },
      { tokens: 400, accuracy: 0.4 },
    ];
    // (0.2/100 + 0.3/300 + 0.1/200) / 3
    expect(scaling(points)).toBeCloseTo(((0.002 + 0.001 + 0.0005) / 3) * 1e5, 9);
    expect(scaling(points.slice(0, 1))).toBeUndefined();
    expect(
      control([
        { tokens: 5, min: 0, max: 5 },
        { tokens: 6, min: 0, max: 5 },
        { tokens: 3, min: 4, max: 9 },
      ]),
    ).toBeCloseTo(1 / 3);
  });

  it('have intervals that hold at the edges', () => {
    const judged = (right: number, of: number, perQuestion = 1) =>
      Array.from({ length: of }, (_, index) => ({
        question: `q${Math.floor(index / perQuestion)}`,
        correct: index < right,
      }));
    expect(accuracyOf(judged(0, 10))).toMatchObject({ low: 0 });
    expect(accuracyOf(judged(10, 10)).high).toBeCloseTo(1, 12);
    const bounds = ({ low, high }: Accuracy) => [low, high].map((bound) => Number(bound.toFixed(4)));
    expect(bounds(accuracyOf(judged(50, 100)))).toEqual([0.4038, 0.5962]);
    // Four answers to each of 100 questions that are always alike say no more than one answer to each.
    expect(bounds(accuracyOf(judged(200, 400, 4)))).toEqual([0.4038, 0.5962]);
    expect(accuracyOf(judged(200, 400)).high).toBeLessThan(0.55);
  });

  it('compare with the natural run question by question', () => {
    const judged = (rights: readonly boolean[]) => rights.map((correct, index) => ({ question: `q${index}`, correct }));
    // By hand: of four differences 1, 0, 0, 0 the mean is 0.25, the standard error 0.25.
    const gain = gainOver(judged([false, true, false, true]), judged([true, true, false, true]));
    expect(gain?.share).toBe(0.25);
    expect(gain?.low).toBeCloseTo(0.25 - 1.959964 * 0.25, 9);
    expect(gain?.high).toBeCloseTo(0.25 + 1.959964 * 0.25, 9);
    expect(gainOver(judged([true]), judged([true]))).toBeUndefined();
    expect(gainOver([], judged([true, false]))).toBeUndefined();
  });

  it('vote for what most samples say', () => {
    const sample = (key: string | null, correct = false) => ({ key, correct });
    expect(majority([sample('1'), sample('2', true), sample('2', true)])).toEqual(sample('2', true));
    expect(majority([sample('1'), sample('2')])).toEqual(sample('1'));
    expect(majority([sample(null), sample('2')])).toEqual(sample('2'));
    expect(majority([sample(null)])).toBeUndefined();
  });
});

describe('a question set', () => {
  it('that ships has 1,000 questions, each once', async () => {
    expect(await readQuestions('local/model/questions.jsonl', 10_000)).toHaveLength(1_000);
  });

  it('with a wrong line is refused by its number', async () => {
    const path = join(folder, 'bad.jsonl');
    await appendFile(path, '{"id":"a","question":"x","answer":"1"}\n{"id":"b"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow(/line 2/);
    await expect(readQuestions(join(folder, 'none.jsonl'), 10)).rejects.toThrow('There is no file');
    await expect(readQuestions(folder, 10)).rejects.toThrow('cannot be read');
  });

  it('with an answer that can never be right is refused, and a mark of byte order is no fault', async () => {
    const path = join(folder, 'never.jsonl');
    await appendFile(path, '\uFEFF{"id":"a","question":"x","answer":"1"}\n');
    await expect(readQuestions(path, 10)).resolves.toHaveLength(1);
    await appendFile(path, '{"id":"b","question":"x","answer":"seventeen"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow(
      /line 2: no answer can ever be "seventeen", .*wants a number/,
    );
    await appendFile(path, '{"id":"c","question":"x","answer":"7","grader":"choice"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow('line 2');
  });
});
