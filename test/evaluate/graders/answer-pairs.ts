import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const pair = z.strictObject({ kind: z.string(), expected: z.string(), answer: z.string(), right: z.boolean() });

/** Answers with the verdict that a person gives, from a file whose first line is its licence. */
export const answerPairs = readFileSync(join(import.meta.dirname, '../fixtures/answer-pairs.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => pair.parse(JSON.parse(line)));
