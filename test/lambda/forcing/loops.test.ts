import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { endsInLoop } from '../../../lambda/forcing/loops.ts';
import type { Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import { qwen } from '../tokenizer/published-tokenizers.ts';

const thoughtSchema = z.object({ kind: z.enum(['good', 'loop']), thought: z.string() });
/**
 * What the embedded model thought: the good ones by itself and with Waits; the loops greedily, where a minimum of 600 tokens made it go on
 * although it was done. The first 1,500 characters.
 */
const thoughts = (await readFile('test/lambda/forcing/fixtures/thoughts.jsonl', 'utf8'))
  .trim()
  .split('\n')
  .map((line) => thoughtSchema.parse(JSON.parse(line)));
const good = thoughts.filter(({ kind }) => kind === 'good');
const loops = thoughts.filter(({ kind }) => kind === 'loop');

/** At which token a loop is found, the tokens coming in pieces of `size`. */
function foundAt(ids: readonly number[], size: number): number | undefined {
  for (let end = size; end <= ids.length; end += size) {
    if (endsInLoop(ids.slice(0, end), 0, size)) return end;
  }
  return undefined;
}

describe.each<readonly [string, Tokenizer]>([
  ['the embedded model', TokenizerJson.fromFile('local/model/tokenizer.json')],
  ['Qwen', qwen],
])('recorded thoughts in the vocabulary of %s', (_name, tokenizer) => {
  it('are each cut where they go round', async () => {
    expect(loops.length).toBeGreaterThanOrEqual(2);
    for (const { thought } of loops) {
      const ids = await tokenizer.encode(thought);
      for (const size of [1, 3]) {
        const at = foundAt(ids, size);
        expect(at, thought.slice(0, 80)).toBeDefined();
        // Four rounds at least: nobody knows before that it is a loop.
        expect(at).toBeGreaterThanOrEqual(160);
      }
    }
  });

  it('are never cut where they are good, Waits and all', async () => {
    expect(good.length).toBeGreaterThanOrEqual(7);
    for (const { thought } of good) expect(foundAt(await tokenizer.encode(thought), 1), thought).toBeUndefined();
  });
});
