import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync('docs/threat-model.md', 'utf8');
const named = [...page.matchAll(/\[[^\]]+\]\(\.\.\/(test\/[^)]+)\): "([^"]+)"/g)].map(([, file = '', name = '']) => ({
  file,
  name,
}));

describe('docs/threat-model.md', () => {
  it('names a test or a command in every row of its threats', () => {
    const rows = page
      .split('\n')
      .filter((line) => /^\| (?!---|threat|actor)/.test(line) && line.split('|').length === 5);
    const threats = rows.filter((row) => !/^\| (operator|client|someone|page in|model server|hub|document)/.test(row));
    expect(threats.length).toBeGreaterThan(25);
    expect(threats.filter((row) => !/\): "|`npm run check:/.test(row))).toEqual([]);
  });

  it.each(named)('$file has the test "$name"', ({ file, name }) => {
    expect(existsSync(file), `${file} does not exist`).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain(name);
  });
});
