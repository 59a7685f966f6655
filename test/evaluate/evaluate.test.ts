import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { readResults } from '../../evaluate/folder/result-folder.ts';
import { type Accuracy, accuracyOf, control, gainOver, majority, scaling } from '../../evaluate/metrics.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { taskKey } from '../../evaluate/results.ts';

const questions = Array.from({ length: 10 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));

/** What the API publishes of its models. */
const published = { data: [{ id: 'm', context_window: 8_192, budget_forcing: { max_tokens: 4_096, max_waits: 64 } }] };

let folder: string;
let server: Server;
let baseUrl: string;
let received: {
  readonly content: string;
  readonly thinking: Record<string, number> | undefined;
  readonly seed: number;
}[];
let concurrent: number;
let maxConcurrent: number;
let failures: number;

/** An API that answers right if its budget is at least ten tokens for each unit of the number. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eval-'));
  received = [];
  concurrent = maxConcurrent = failures = 0;
  server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(published));
      return;
    }
    maxConcurrent = Math.max(maxConcurrent, ++concurrent);
    let body = '';
    for await (const part of request) body += String(part);
    const { messages, thinking, seed } = JSON.parse(body);
    const content: string = messages[0].content;
    received.push({ content, thinking, seed });
    await new Promise((resolve) => setTimeout(resolve, 2));
    concurrent--;
    const event = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
    if (failures > 0) {
      // The failure comes before the first byte, in the stream, or as a broken connection.
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
        // A fourth Wait is never kept.
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

describe('evaluate', () => {
  it('evaluate reports what an independent computation from its results file finds', async () => {
    const summary = await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    for (const row of summary.rows.filter((found) => found.method === 'budget')) {
      const own = results.filter((result) => result.condition === row.id);
      const right = own.filter((result) => result.correct).length;
      // An answer is right if its number fits the budget: 0 to 2 at 25, and so on; two seeds.
      expect(right).toBe(2 * (Math.floor(Number(row.setting) / 10) + 1));
      expect(row.accuracy).toMatchObject({ right, of: 20, share: right / 20 });
      expect(row.thinkingTokens).toBeCloseTo(
        own.reduce((sum, result) => sum + result.thinkingTokens, 0) / own.length,
        9,
      );
      expect(row.dollarsPerRightAnswer).toBeCloseTo(
        (own.reduce((sum, result) => sum + result.spentTokens, 0) / right) * 1e-5,
        9,
      );
    }
    // The metrics of the s1 paper, computed here for the four budgets.
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
    // The model ignores the budget in the prompt: 3 of 10 numbers need no more than 25 tokens.
    expect(summary.methods['token-conditional']).toMatchObject({ control: 0.3 });
    expect(summary.methods['cut-text']).toMatchObject({ performance: 1 });
    expect(summary.rows.find((row) => row.id === 'vote-3')?.accuracy.share).toBe(1);
    expect(summary.rows.find((row) => row.id === 'wait-1')?.thinkingTokens).toBe(50);
  });

  it('evaluate sends each task once, with its own seed and within the concurrency', async () => {
    await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    expect(new Set(results.map(taskKey)).size).toBe(results.length);
    // 4 budgets, natural with 3 samples, 1 wait, 2 baselines.
    expect(results).toHaveLength(20 * (4 + 3 + 1 + 2));
    expect(maxConcurrent).toBeLessThanOrEqual(3);
    expect(maxConcurrent).toBeGreaterThan(1);
    const natural = received.filter(
      (call) =>
        call.thinking?.['max_tokens'] === undefined &&
        call.thinking?.['waits'] === undefined &&
        call.content === 'What is 4?',
    );
    expect(new Set(natural.map((call) => call.seed)).size).toBeGreaterThanOrEqual(6);
    // A measured budget must not shrink under the load of the evaluation.
    expect(received.every((call) => (call.thinking as { elastic?: unknown } | undefined)?.elastic === false)).toBe(
      true,
    );
  });

  it('evaluate continues an interrupted run without losing a result or repeating a task', async () => {
    const interrupt = new AbortController();
    const first = evaluate(evaluation({ signal: interrupt.signal }));
    setTimeout(() => interrupt.abort(new Error('interrupted')), 60);
    await expect(first).rejects.toThrow('interrupted');
    const before = await readResults(join(folder, 'results.jsonl'));
    expect(before.length).toBeGreaterThan(0);
    // An incomplete line, as a crash leaves it.
    await appendFile(join(folder, 'results.jsonl'), '{"condition":"budg');
    const summary = await evaluate(evaluation());
    const results = await readResults(join(folder, 'results.jsonl'));
    expect(results.slice(0, before.length)).toEqual(before);
    expect(new Set(results.map(taskKey)).size).toBe(200);
    expect(results).toHaveLength(200);
    expect(summary.rows.find((row) => row.id === 'natural')?.accuracy.of).toBe(20);

    // Each call that can be identified was received once, before or after the interruption.
    expect(received.filter((call) => call.thinking?.['max_tokens'] !== undefined)).toHaveLength(80);
    expect(received.filter((call) => call.thinking?.['waits'] !== undefined)).toHaveLength(20);
    expect(received.filter((call) => call.content.includes('up to 25'))).toHaveLength(20);
  });

  it('evaluate counts a run with a missed Wait as out of control', async () => {
    const conditions = conditionsOf({ budgets: [], waits: [3, 4], samples: 1, baselineBudgets: [] });
    const { rows } = await evaluate(evaluation({ conditions }));
    expect(rows.find((row) => row.id === 'wait-3')?.control).toBe(1);
    expect(rows.find((row) => row.id === 'wait-4')?.control).toBe(0);
  });

  it('evaluate counts a result once if two runs wrote it into one folder', async () => {
    const first = await evaluate(evaluation());
    const path = join(folder, 'results.jsonl');
    await appendFile(path, await readFile(path, 'utf8'));
    const again = await evaluate(evaluation());
    expect(again).toEqual(first);
  });

  it('evaluate names the command to continue with if the API stays away', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(evaluate(evaluation())).rejects.toThrow('cannot be reached');

    const paused = createServer((request, response) =>
      request.method === 'GET'
        ? response.end(JSON.stringify(published))
        : response.writeHead(503, { 'retry-after': '3600' }).end('The endpoint was paused.'),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => paused.once('listening', resolve));
    const url = `http://127.0.0.1:${(paused.address() as AddressInfo).port}/v1`;
    await expect(evaluate(evaluation({ api: { ...evaluation().api, baseUrl: url } }))).rejects.toThrow(
      'The endpoint was paused. The API asks to retry after 3600 s. Run the same command again to continue.',
    );
    paused.close();

    // An interruption ends the backoff.
    const busy = createServer((request, response) =>
      request.method === 'GET'
        ? response.end(JSON.stringify(published))
        : response.writeHead(503, { 'retry-after': '60' }).end(),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => busy.once('listening', resolve));
    const busyUrl = `http://127.0.0.1:${(busy.address() as AddressInfo).port}/v1`;
    const interrupt = new AbortController();
    const waiting = evaluate(
      evaluation({
        api: { ...evaluation().api, baseUrl: busyUrl },
        out: join(folder, 'busy'),
        signal: interrupt.signal,
      }),
    );
    setTimeout(() => interrupt.abort(new Error('interrupted')), 200);
    await expect(waiting).rejects.toThrow('interrupted');
    busy.close();
  });

  it('evaluate refuses a folder with answers of another temperature or prompt, and names both', async () => {
    await evaluate(evaluation());
    const before = await readFile(join(folder, 'settings.json'), 'utf8');
    await expect(evaluate(evaluation({ api: { ...evaluation().api, temperature: 0 } }))).rejects.toThrow(
      'holds a run with another temperature: "the model\'s own", and now 0.',
    );
    await expect(evaluate(evaluation({ prompt: 'Solve: {question}' }))).rejects.toThrow('another prompt');
    expect(await readFile(join(folder, 'settings.json'), 'utf8')).toBe(before);
  });

  it('evaluate retries if the API is busy or fails', async () => {
    // Each kind once.
    failures = 4;
    const summary = await evaluate(evaluation());
    expect(summary.rows.find((row) => row.id === 'budget-95')?.accuracy.of).toBe(20);
  });

  it('evaluate says that the API is not a Budgetforce API if its answers have no account', async () => {
    const foreign = createServer((request, response) =>
      response.end(
        request.method === 'GET'
          ? JSON.stringify(published)
          : 'data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n',
      ),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => foreign.once('listening', resolve));
    const url = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}/v1`;
    await expect(evaluate(evaluation({ api: { ...evaluation().api, baseUrl: url } }))).rejects.toThrow(
      'Is --base-url a Budgetforce API?',
    );
    foreign.close();
  });

  it('evaluate writes plots and a page that load nothing else', async () => {
    await evaluate(evaluation());
    for (const name of ['accuracy.svg', 'sequential-parallel.svg', 'report.html']) {
      const text = await readFile(join(folder, name), 'utf8');
      expect(text).not.toMatch(/NaN|undefined|(?:src|href)="http/);
      expect(text).toContain('<svg xmlns="http://www.w3.org/2000/svg"');
    }
  });
});

describe('The metrics of the s1 paper', () => {
  it('Scaling is the mean slope over all pairs, and Control the share of runs within their bounds', () => {
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

  it('accuracyOf gives intervals that are valid at 0 and 1, and counts repeated answers once', () => {
    const judged = (right: number, of: number, perQuestion = 1) =>
      Array.from({ length: of }, (_, index) => ({
        question: `q${Math.floor(index / perQuestion)}`,
        correct: index < right,
      }));
    expect(accuracyOf(judged(0, 10))).toMatchObject({ low: 0 });
    expect(accuracyOf(judged(10, 10)).high).toBeCloseTo(1, 12);
    const bounds = ({ low, high }: Accuracy) => [low, high].map((bound) => Number(bound.toFixed(4)));
    expect(bounds(accuracyOf(judged(50, 100)))).toEqual([0.4038, 0.5962]);
    // Four identical answers to each of 100 questions count as much as one answer to each.
    expect(bounds(accuracyOf(judged(200, 400, 4)))).toEqual([0.4038, 0.5962]);
    expect(accuracyOf(judged(200, 400)).high).toBeLessThan(0.55);
  });

  it('gainOver pairs the runs by question', () => {
    const judged = (rights: readonly boolean[]) => rights.map((correct, index) => ({ question: `q${index}`, correct }));
    const gain = gainOver(judged([false, true, false, true]), judged([true, true, false, true]));
    expect(gain).toMatchObject({ share: 0.25, questions: 4, p: 1 });
    expect(gain?.low).toBeLessThan(0);
    expect(gain?.high).toBeLessThan(0.75);
    expect(gainOver(judged([true]), judged([true]))).toBeUndefined();
    expect(gainOver([], judged([true, false]))).toBeUndefined();
  });

  it('majority chooses the most frequent key', () => {
    const sample = (key: string | null, correct = false) => ({ key, correct });
    expect(majority([sample('1'), sample('2', true), sample('2', true)])).toEqual(sample('2', true));
    expect(majority([sample('1'), sample('2')])).toEqual(sample('1'));
    expect(majority([sample(null), sample('2')])).toEqual(sample('2'));
    expect(majority([sample(null)])).toBeUndefined();
  });
});

describe('readQuestions', () => {
  it('readQuestions finds 1,000 questions in the built-in set, each once', async () => {
    expect(await readQuestions('local/model/questions.jsonl', 10_000)).toHaveLength(1_000);
  });

  it('readQuestions names the number of an invalid line', async () => {
    const path = join(folder, 'bad.jsonl');
    await appendFile(path, '{"id":"a","question":"x","answer":"1"}\n{"id":"b"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow(/line 2/);
    await expect(readQuestions(join(folder, 'none.jsonl'), 10)).rejects.toThrow('There is no file');
    await expect(readQuestions(folder, 10)).rejects.toThrow('cannot be read');
  });

  it('readQuestions accepts a byte order mark, and refuses an answer that its grader can never match', async () => {
    const path = join(folder, 'never.jsonl');
    await appendFile(path, '\uFEFF{"id":"a","question":"x","answer":"1"}\n');
    await expect(readQuestions(path, 10)).resolves.toHaveLength(1);
    await appendFile(path, '{"id":"b","question":"x","answer":"seventeen"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow(
      /line 2: no answer can match "seventeen", .*expects a number/,
    );
    await appendFile(path, '{"id":"c","question":"x","answer":"7","grader":"choice"}\n');
    await expect(readQuestions(path, 10)).rejects.toThrow('line 2');
  });
});
