import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, describe, expect, it } from 'vitest';
import { trainingCode } from '../../../lib/training/training-code.ts';

const outdir = mkdtempSync(join(tmpdir(), 'budgetforce-code-'));
afterAll(() => rmSync(outdir, { recursive: true }));

describe('the code of a training job', () => {
  it('has every file that its entry points import, and nothing of the folder besides', () => {
    const app = new App({ outdir });
    trainingCode(new Stack(app, 'Stack'), 'Code');
    app.synth();
    const [asset = ''] = readdirSync(outdir).filter((name) => name.startsWith('asset.'));
    const packed = readdirSync(join(outdir, asset)).toSorted();

    const needed = new Set(['launch.py', 'formats.json', 'requirements.txt']);
    const follow = (file: string) => {
      needed.add(file);
      const source = readFileSync(join('training/sft', file), 'utf8');
      const own = readdirSync('training/sft');
      for (const [, name = ''] of source.matchAll(/^ *(?:from|import) (\w+)/gm)) {
        if (own.includes(`${name}.py`) && !needed.has(`${name}.py`)) follow(`${name}.py`);
      }
    };
    follow('train.py');
    expect(needed).toContain('checkpoints.py');
    expect(packed).toEqual([...needed].toSorted());
  });
});
