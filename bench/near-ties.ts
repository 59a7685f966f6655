/**
 * How often the state of the prefix cache changes a greedy text: `npx node bench/near-ties.ts --questions 100`.
 *
 * Each question is generated with its prompt evaluated as one batch, again with the prompt in the cache, and resumed in mid-text with
 * nothing in the cache. The numbers are rounded differently, so where the two most likely tokens are nearly equal, the other one may
 * win. Prints how far apart they were.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { loadLlamaEngine } from '../local/engine/llama-engine.ts';

const { values } = parseArgs({ options: { questions: { type: 'string', default: '100' } } });
const file = (name: string) => fileURLToPath(new URL(`../local/model/${name}`, import.meta.url));
const engine = await loadLlamaEngine({ modelPath: file('budgetforce-tiny.gguf'), parallel: 1 });
const questions = readFileSync(file('questions.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .slice(0, Number(values.questions))
  .map((line) => z.object({ question: z.string() }).parse(JSON.parse(line)).question);

const TOKENS = 90;
const RESUMED_AT = 40;

interface Step {
  readonly id: number;
  /** Difference of the log-probabilities of the two most likely tokens. */
  readonly gap: number;
}

async function write(promptIds: readonly number[], tokens: number): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const greedy = { temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 };
  const lengths = { maxTokens: tokens, minTokens: tokens, stopTokenIds: [] };
  const request = { promptIds, ...lengths, ...greedy, presencePenalty: 0, seed: 1, topLogprobs: 2 };
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.kind !== 'token') continue;
    const [first, second] = event.logprobs?.top ?? [];
    steps.push({ id: event.id, gap: (first?.logprob ?? 0) - (second?.logprob ?? 0) });
  }
  return steps;
}

/** The gap at the first token that differs, or `undefined` if the texts are the same. */
function gapOf(one: readonly Step[], other: readonly Step[]): number | undefined {
  return one.find(({ id }, at) => id !== other[at]?.id)?.gap;
}

const unrelated = engine.tokenize('Zebras have nothing in common with it.', true);
const warmGaps: (number | undefined)[] = [];
const resumedGaps: (number | undefined)[] = [];
for (const question of questions) {
  const prompt = engine.tokenize(`<|im_start|>user\n${question}<|im_end|>\n<|im_start|>think\n`, true);
  await write(unrelated, 1);
  const cold = await write(prompt, TOKENS);
  warmGaps.push(gapOf(cold, await write(prompt, TOKENS)));
  await write(unrelated, 1);
  const before = cold.slice(0, RESUMED_AT).map(({ id }) => id);
  resumedGaps.push(gapOf(cold.slice(RESUMED_AT), await write([...prompt, ...before], TOKENS - RESUMED_AT)));
}
const rowOf = (gaps: readonly (number | undefined)[]) => {
  const differ = gaps.filter((gap) => gap !== undefined);
  return { texts: gaps.length, differ: differ.length, 'largest gap': Math.max(0, ...differ).toFixed(3) };
};
console.table({ 'prompt in the cache': rowOf(warmGaps), 'resumed without a cache': rowOf(resumedGaps) });
await engine.close();
