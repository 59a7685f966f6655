import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { gradedTexts } from './graded-texts.ts';

describe('test/train/fixtures/graded.json', () => {
  it('has what the graders say of each text; training/sft/grading.py is tested with it', async () => {
    const graded = gradedTexts();
    for (const name of ['exact', 'numeric', 'choice'] as const) {
      expect(graded.filter(({ right }) => right.includes(name)).length).toBeGreaterThan(100);
    }
    await expect(`[\n${graded.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`).toMatchFileSnapshot(
      'fixtures/graded.json',
    );
  });

  const python = spawnSync('python3', ['--version']).status === 0;

  it.skipIf(!python)('is what training/sft/grading.py says, too', () => {
    const { status, stderr } = spawnSync('python3', ['test/train/test_grading.py'], { encoding: 'utf8' });
    expect(stderr.slice(-2_000)).toContain('OK');
    expect(status).toBe(0);
  });
});
