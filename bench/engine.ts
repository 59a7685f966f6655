/**
 * Decode speed of the embedded engine, with one stream and with four: `npx node bench/engine.ts`.
 *
 * Rounds of one stream and of four alternate in one process, so that a temporary slowdown of the machine affects both. Every stream
 * writes exactly `--tokens` tokens at temperature 1 (ends are forbidden). Prints tokens/s, the ratio of each round, and resident memory.
 */

import { parseArgs } from 'node:util';
import type { Engine } from '../local/engine/engine.ts';
import { loadLlamaEngine } from '../local/engine/llama-engine.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: new URL('../local/model/budgetforce-tiny.gguf', import.meta.url).pathname },
    tokens: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '1' },
    /** Allow ends from the first token on and count the tokens, instead of forbidding ends (`min_tokens`). */
    'allow-ends': { type: 'boolean', default: false },
  },
});
const tokens = Number(values.tokens);
const engine = await loadLlamaEngine({ modelPath: values.model, parallel: 4, threads: Number(values.threads) });

await rate(engine, 1, 0);
const rounds = [];
for (let round = 1; round <= Number(values.rounds); round++) {
  const one = await rate(engine, 1, round);
  const four = await rate(engine, 4, round);
  rounds.push({ one, four, ratio: four / one });
  console.log(
    `round ${round}: one stream ${one.toFixed(0)} tokens/s, four ${four.toFixed(0)} tokens/s, ${(four / one).toFixed(2)} x`,
  );
}
console.log(
  `median: one stream ${median(rounds.map(({ one }) => one)).toFixed(0)} tokens/s, four ${median(rounds.map(({ four }) => four)).toFixed(0)} tokens/s, ` +
    `${median(rounds.map(({ ratio }) => ratio)).toFixed(2)} x; ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MB resident`,
);
await engine.close();

async function rate(on: Engine, streams: number, round: number): Promise<number> {
  const start = performance.now();
  const counts = await Promise.all(Array.from({ length: streams }, (_, index) => write(on, round * 10 + index)));
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - start) / 1_000);
}

async function write(on: Engine, seed: number): Promise<number> {
  const promptIds = on.tokenize(
    `<|im_start|>user\nStart with ${20 + seed}, add 34, subtract 12, multiply by 2. What is the result?<|im_end|>\n<|im_start|>assistant\n<|im_start|>think`,
    true,
  );
  let count = 0;
  const events = on.generate(
    {
      promptIds,
      maxTokens: tokens,
      minTokens: values['allow-ends'] ? 0 : tokens,
      stopTokenIds: [],
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      seed,
    },
    new AbortController().signal,
  );
  for await (const event of events) if (event.kind === 'token') count++;
  return count;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
