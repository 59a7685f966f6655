import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BatchesApi } from '../../cli/batch/batches-api.ts';
import { BatchAsker } from '../../evaluate/batch/batch-asker.ts';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

const data = mkdtempSync(join(tmpdir(), 'budgetforce-eval-'));
let server: LocalServer;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder: data });
}, 60_000);
afterAll(async () => {
  await server.close();
  rmSync(data, { recursive: true, force: true });
});

const questions = [3, 5, 8, 13].map((number) => ({
  id: `q${number}`,
  question: `What is ${number} + ${number}?`,
  answer: String(2 * number),
}));

/** An evaluation into a folder of its own, with what it needs to send batches. */
function evaluationWorld() {
  const out = mkdtempSync(join(tmpdir(), 'budgetforce-eval-out-'));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const api = { baseUrl: `${server.url}/v1`, apiKey: undefined };
  const statePath = join(out, 'batches.json');
  const lines: string[] = [];
  const run = async (inBatches: boolean, signal = new AbortController().signal) => {
    const options = { statePath, pollMs: 100, progress: (line: string) => lines.push(line), signal };
    const batch = inBatches ? await BatchAsker.open(new BatchesApi(api), options) : undefined;
    const evaluation: Evaluation = {
      api: { ...api, model: server.model.id, temperature: 0, batch },
      target: 'test',
      questions,
      conditions: conditionsOf({ budgets: [64, 128], waits: [1], samples: 1, baselineBudgets: [] }),
      ...{ seeds: 1, concurrency: 2, dollarsPerMillionTokens: undefined, out, signal },
    };
    await evaluate(evaluation);
    return readFileSync(join(out, 'results.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  return { run, lines, statePath };
}

/** What of results does not depend on when and how they came, in the order of their tasks. */
const comparable = (results: readonly Record<string, unknown>[]) =>
  results
    .map(({ condition, question, thought, answer, thinkingTokens, answerTokens, waits, correct }) => ({
      ...{ condition, question, thought, answer, thinkingTokens, answerTokens, waits, correct },
    }))
    .toSorted((a, b) => (`${a.condition} ${a.question}` < `${b.condition} ${b.question}` ? -1 : 1));

describe('eval by batches', { timeout: 120_000 }, () => {
  it('has the answers that it has by requests, from one batch', async () => {
    const [byRequests, byBatches] = [evaluationWorld(), evaluationWorld()];
    const expected = comparable(await byRequests.run(false));
    expect(comparable(await byBatches.run(true))).toEqual(expected);
    expect(expected.length).toBeGreaterThan(8);
    expect(new Set(byBatches.lines.map((line) => line.split(':')[0])).size).toBe(1);
    expect(existsSync(byBatches.statePath)).toBe(false);
  });

  it('interrupted, it takes the answers of the batch that it sent', async () => {
    const { run, lines, statePath } = evaluationWorld();
    const abort = new AbortController();
    const interrupted = run(true, abort.signal);
    await expect.poll(() => existsSync(statePath), { timeout: 20_000 }).toBe(true);
    abort.abort(new Error('Interrupted.'));
    await expect(interrupted).rejects.toThrow();
    const results = await run(true);
    expect(results.length).toBeGreaterThan(8);
    expect(new Set(lines.map((line) => line.split(':')[0])).size).toBe(1);
  });
});
