import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

let server: LocalServer;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string(), reasoning_content: z.string() }) })),
  budget_forcing: z.object({ events: z.array(z.object({ kind: z.string() })) }).optional(),
});

/** Number of calls that broke and were continued. */
let resumes = 0;

async function ask(question: string, body: object) {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: question }],
      temperature: 1,
      ...body,
    }),
  });
  const answer = answerSchema.parse(await response.json());
  resumes += answer.budget_forcing?.events.filter(({ kind }) => kind === 'resume').length ?? 0;
  return answer.choices.map(({ message }) => ({ thought: message.reasoning_content, content: message.content }));
}

/** Runs the questions four at a time. */
async function each<Item, Result>(items: readonly Item[], run: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += 4) {
    results.push(...(await Promise.all(items.slice(from, from + 4).map(run))));
  }
  return results;
}

const question = 'What is 37 + 58 - 21 + 44?';

describe('seeds on the embedded engine', () => {
  it('The same prompt and seed give the same text in two processes, and another seed another text', async () => {
    const inProcess = async (seed: number) => {
      const script = new URL('./seeded-text.ts', import.meta.url).pathname;
      const { stdout } = await promisify(execFile)(process.execPath, [script, question, String(seed)]);
      return stdout;
    };
    const [first, second, other] = await Promise.all([inProcess(5), inProcess(5), inProcess(6)]);
    expect(first).toMatchInlineSnapshot(`
      "1) 37+58=95.
      2) 95-21=64.
      3) 64+44=108.Wait, again with care:
      1) 37+50=87, +8=95.
      2) 95-20=75, -1=74.
      3) 74+40=114, +4=118.
      ---
      The answer is 118.
      "
    `);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  }, 60_000);

  it('A text that is continued after breaks is the text without breaks, at temperature 1.3', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const body = { seed, temperature: 1.3, thinking: { waits: 1 } };
      const whole = await ask(question, body);
      server.endpoint?.faults.next(
        ...[3, 7, 1, 12].map((breakAfterChunks) => ({ breakAfterChunks, breakBy: 'socket' as const })),
      );
      const broken = await ask(question, body);
      server.endpoint?.faults.clear();
      expect(broken, `seed ${seed}`).toEqual(whole);
    }
    expect(resumes).toBeGreaterThan(12);
  }, 60_000);

  it('The passes after two Waits are the same no more often than fresh draws', async () => {
    const questions = await readQuestions('local/model/questions.jsonl', 60);
    const same = async (seed: number | undefined) => {
      let equal = 0;
      let total = 0;
      await each(questions, async ({ question: asked }) => {
        const body = {
          temperature: 1.3,
          thinking: { waits: 2, max_tokens: 240 },
          ...(seed === undefined ? {} : { seed }),
        };
        const [answer] = await ask(asked, body);
        const passes = answer?.thought.split('Wait') ?? [];
        if (passes.length < 3) return;
        total++;
        if (passes[1] === passes[2]) equal++;
      });
      return { share: equal / total, total };
    };
    const seeded = await same(1);
    const fresh = await same(undefined);
    expect(seeded.total).toBeGreaterThan(25);
    // Four standard errors of the difference. With the same draws in each segment, 87 % were the same.
    const share = (seeded.share + fresh.share) / 2;
    const error = Math.sqrt(share * (1 - share) * (1 / seeded.total + 1 / fresh.total));
    expect(seeded.share - fresh.share).toBeLessThan(4 * error);
  }, 120_000);

  it('Equal seeds on different questions are independent draws: eight seeds spread as binomial theory allows', async () => {
    const questions = await readQuestions('local/model/questions.jsonl', 32);
    const right: number[][] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const row = await each(questions, async ({ question: asked, answer }) => {
        const [given] = await ask(asked, { seed });
        return extractNumber(extractAnswer(given?.content ?? '')) === Number(answer) ? 1 : 0;
      });
      right.push(row);
    }
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    const totals = right.map(sum);
    const mean = sum(totals) / 8;
    const shares = questions.map((_, index) => sum(right.map((row) => row[index] ?? 0)) / 8);
    const variance = sum(shares.map((share) => share * (1 - share))) * (8 / 7);
    // The 99.99 % quantile of chi-square with 7 degrees of freedom. With the same draws for all questions it was above 100.
    expect(sum(totals.map((total) => (total - mean) ** 2)) / variance).toBeLessThan(29.9);
  }, 120_000);

  it('Samples of one request differ, and a request without a seed is random', async () => {
    const samples = await ask(question, { seed: 1, n: 4, temperature: 1.3 });
    expect(new Set(samples.map(({ thought }) => thought)).size).toBeGreaterThan(1);
    const random = await Promise.all(Array.from({ length: 6 }, () => ask(question, { temperature: 1.5 })));
    expect(new Set(random.map(([answer]) => answer?.thought)).size).toBeGreaterThan(1);
  });
});
