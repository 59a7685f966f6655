import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('no file was committed with the markers of an unfinished merge', () => {
  const files = execFileSync('git', [
    'ls-files',
    '-z',
    '--',
    '*.md',
    '*.ts',
    '*.py',
    '*.json',
    '*.yaml',
    '*.html',
    '*.css',
  ])
    .toString()
    .split('\0')
    .filter((file) => file !== '');
  expect(files.length).toBeGreaterThan(500);
  const marker = /^(?:<{7}|={7}|>{7})(?: |$)/m;
  expect(files.filter((file) => marker.test(readFileSync(file, 'utf8')))).toEqual([]);
});
