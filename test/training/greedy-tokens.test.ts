import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { greedyAnswers, greedyAnswersSchema, greedyFixture } from './greedy-tokens.ts';

// test_export.py compares the export for vLLM with the same file, so the two meet without Python in this suite.
// After the embedded model changed: RECORD=1 npx vitest run test/training
it('The embedded model gives the recorded greedy tokens of 50 questions in llama.cpp', async () => {
  const answers = await greedyAnswers(50);
  if (process.env['RECORD'] === '1') {
    await writeFile(greedyFixture, `[\n${answers.map((answer) => JSON.stringify(answer)).join(',\n')}\n]\n`);
  }
  expect(answers).toEqual(greedyAnswersSchema.parse(JSON.parse(await readFile(greedyFixture, 'utf8'))));
});
