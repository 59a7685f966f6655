/**
 * How independent seeded draws of the embedded engine are: `npx node bench/seeds.ts --questions 200 --seeds 8`.
 *
 * Asks the same questions with each seed, at temperature 1, and prints the accuracies with the spread that independent draws give
 * (the variance of a seed's right answers is the sum of p (1 - p) over the questions).
 * Then asks for two Waits at temperature 1.3 with seeds and without, and prints how often the passes after them are the same text.
 */

import { parseArgs } from 'node:util';
import * as z from 'zod';
import { readQuestions } from '../evaluate/questions/read-questions.ts';
import { extractAnswer, extractNumber } from '../lambda/generation/extract-answer.ts';
import { startLocal } from '../local/start-local.ts';

const answerSchema = z.object({
  choices: z.tuple([z.object({ message: z.object({ content: z.string(), reasoning_content: z.string() }) })]),
});

const { values } = parseArgs({
  options: {
    questions: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '8' },
  },
});
const questions = await readQuestions('local/model/questions.jsonl', Number(values.questions));
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
const server = await startLocal({ port: 0, host: '127.0.0.1' });

const right: number[][] = [];
for (const seed of seeds) {
  const row = await each(async ({ question, answer }) => {
    const { content } = await ask(question, { seed, temperature: 1 });
    return extractNumber(extractAnswer(content)) === Number(answer) ? 1 : 0;
  });
  right.push(row);
  console.log(`seed ${seed}: ${((100 * sum(row)) / row.length).toFixed(1)} %`);
}
const totals = right.map(sum);
const mean = sum(totals) / totals.length;
// The share of a question is estimated from the same answers, so its variance is corrected for the degree of freedom.
const variance =
  sum(
    questions.map((_, index) => {
      const share = sum(right.map((row) => row[index] ?? 0)) / seeds.length;
      return share * (1 - share);
    }),
  ) *
  (seeds.length / (seeds.length - 1));
const statistic = sum(totals.map((total) => (total - mean) ** 2)) / variance;
console.log(
  `spread: standard deviation ${Math.sqrt(sum(totals.map((total) => (total - mean) ** 2)) / (seeds.length - 1)).toFixed(1)} right answers, ` +
    `independent draws ${Math.sqrt(variance).toFixed(1)}; chi-square ${statistic.toFixed(1)} with ${seeds.length - 1} degrees of freedom`,
);

for (const seeded of [true, false]) {
  let same = 0;
  const passes = await each(async ({ question }) => {
    const body = { temperature: 1.3, thinking: { waits: 2 }, ...(seeded ? { seed: 1 } : {}) };
    const [, second, third] = (await ask(question, body)).thinking.split('Wait');
    if (second !== undefined && second === third) same++;
    return third === undefined ? 0 : 1;
  });
  console.log(`passes 2 and 3 ${seeded ? 'with a seed' : 'without a seed'}: the same in ${same} of ${sum(passes)}`);
}
await server.close();

/** Runs the questions in order, four at a time. */
async function each(run: (question: (typeof questions)[number]) => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let from = 0; from < questions.length; from += 4) {
    results.push(...(await Promise.all(questions.slice(from, from + 4).map(run))));
  }
  return results;
}

async function ask(question: string, body: object): Promise<{ readonly content: string; readonly thinking: string }> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: server.model.id, messages: [{ role: 'user', content: question }], ...body }),
  });
  if (!response.ok) throw new Error(await response.text());
  const { choices } = answerSchema.parse(await response.json());
  const { content, reasoning_content: thinking } = choices[0].message;
  return { content, thinking };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
