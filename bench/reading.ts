/**
 * Accuracy of the second embedded model against tokens of passages, on questions whose numbers stand in documents only:
 * `npx node bench/reading.ts --limit 100`.
 *
 * Each question of `local/models/budgetforce-small/sets/lookup.jsonl` has one document, and all documents are searched for each question.
 * Asks every question with 0 to 512 tokens of passages, without Waits and with one, before the thinking; then with passages only if the
 * model is unsure.
 */

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { conditionsOf } from '../evaluate/conditions.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { reportText } from '../evaluate/report.ts';
import { extractAnswer, extractNumber } from '../lambda/generation/extract-answer.ts';
import { smallModel } from '../local/further-models.ts';
import { startLocal } from '../local/start-local.ts';
import { KeywordRetriever, passageOf } from './keyword-retriever.ts';

const SET = 'local/models/budgetforce-small/sets/lookup.jsonl';
const questionSchema = z.object({ id: z.string(), question: z.string(), answer: z.string(), passage: z.string() });
const answerSchema = z.object({
  choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]),
  budget_forcing: z.object({
    thinking_tokens: z.int(),
    retrieval: z.object({ tokens: z.int() }).optional(),
  }),
});

const { values } = parseArgs({
  options: {
    limit: { type: 'string', default: '100' },
    budgets: { type: 'string', default: '0,64,128,256,512' },
    thresholds: { type: 'string', default: '0.1,0.3,0.5' },
    'max-tokens': { type: 'string', default: '256' },
    out: { type: 'string' },
  },
});
const questions = (await readFile(SET, 'utf8'))
  .trim()
  .split('\n')
  .map((line) => questionSchema.parse(JSON.parse(line)))
  .slice(0, Number(values.limit));
const retriever = new KeywordRetriever(questions.map(({ id, passage }) => passageOf(id, passage)));
const server = await startLocal({ port: 0, host: '127.0.0.1', parallel: 4, furtherModels: [smallModel], retriever });
const stores = ['vs_lookup'];

const report = await evaluate({
  api: { baseUrl: `${server.url}/v1`, model: smallModel.id, apiKey: undefined, temperature: 1, stores },
  target: 'embedded',
  questions,
  conditions: conditionsOf({
    ...{ budgets: [], waits: [1], samples: 1, baselineBudgets: [] },
    retrieval: values.budgets.split(',').map(Number),
  }),
  ...{ seeds: 1, concurrency: 4, dollarsPerMillionTokens: undefined },
  out: values.out ?? (await mkdtemp(join(tmpdir(), 'reading-'))),
  signal: new AbortController().signal,
});
console.log(reportText(report));

for (const below of values.thresholds.split(',').map(Number)) {
  let right = 0;
  let searched = 0;
  let passages = 0;
  let thinking = 0;
  for (let from = 0; from < questions.length; from += 4) {
    await Promise.all(
      questions.slice(from, from + 4).map(async ({ question, answer }, at) => {
        const { choices, budget_forcing: account } = await ask(question, below, from + at);
        if (extractNumber(extractAnswer(choices[0].message.content)) === Number(answer)) right++;
        if (account.retrieval !== undefined) searched++;
        passages += account.retrieval?.tokens ?? 0;
        thinking += account.thinking_tokens;
      }),
    );
  }
  const share = (count: number) => `${((100 * count) / questions.length).toFixed(1)} %`;
  const mean = (count: number) => (count / questions.length).toFixed(1);
  console.log(
    `unsure below ${below}: ${share(right)} right, ${share(searched)} looked up, ${mean(passages)} tokens of passages, ${mean(thinking)} of thinking`,
  );
}
await server.close();

async function ask(question: string, below: number, seed: number): Promise<z.infer<typeof answerSchema>> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model: smallModel.id, seed, temperature: 1, messages: [{ role: 'user', content: question }] },
      thinking: { unsure_below: below },
      retrieval: { stores, max_tokens: Number(values['max-tokens']), when: 'unsure' },
    }),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(body));
  return answerSchema.parse(body);
}
