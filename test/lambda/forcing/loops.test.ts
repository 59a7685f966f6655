import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { endsInLoop } from '../../../lambda/forcing/loops.ts';
import type { Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import { qwen } from '../tokenizer/published-tokenizers.ts';

const thoughtSchema = z.object({ kind: z.enum(['good', 'loop']), thought: z.string() });
/**
 * Recorded thinking of the embedded model, the first 1,500 characters each. `good`: natural, or with "Wait"s. `loop`: greedy, with
 * a minimum of 600 tokens that kept the model thinking after it was done.
 */
const thoughts = (await readFile('test/lambda/forcing/fixtures/thoughts.jsonl', 'utf8'))
  .trim()
  .split('\n')
  .map((line) => thoughtSchema.parse(JSON.parse(line)));
const good = thoughts.filter(({ kind }) => kind === 'good');
const loops = thoughts.filter(({ kind }) => kind === 'loop');

/** Number of tokens after which a loop is found, for tokens in pieces of `size`. */
function foundAt(ids: readonly number[], size: number): number | undefined {
  for (let end = size; end <= ids.length; end += size) {
    if (endsInLoop(ids.slice(0, end), 0, size)) return end;
  }
  return undefined;
}

describe.each<readonly [string, Tokenizer]>([
  ['the embedded model', TokenizerJson.fromFile('local/model/tokenizer.json')],
  ['Qwen', qwen],
])('loop detection in the vocabulary of %s', (_name, tokenizer) => {
  it('endsInLoop finds the loop of each recorded looping thought', async () => {
    expect(loops.length).toBeGreaterThanOrEqual(2);
    for (const { thought } of loops) {
      const ids = await tokenizer.encode(thought);
      for (const size of [1, 3]) {
        const at = foundAt(ids, size);
        expect(at, thought.slice(0, 80)).toBeDefined();
        // A loop needs at least 160 tokens, in four rounds.
        expect(at).toBeGreaterThanOrEqual(160);
      }
    }
  });

  it('endsInLoop finds no loop in good thoughts, even with "Wait"s', async () => {
    expect(good.length).toBeGreaterThanOrEqual(7);
    for (const { thought } of good) expect(foundAt(await tokenizer.encode(thought), 1), thought).toBeUndefined();
  });
});
