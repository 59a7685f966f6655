import { globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const records = readdirSync('docs/decisions').toSorted();

describe('the decision records', () => {
  it('are numbered from 1 without gaps', () => {
    expect(records.map((file) => Number(/^(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1]))).toEqual(
      records.map((_, index) => index + 1),
    );
  });

  it('are named correctly in the comments that refer to them', () => {
    const files = globSync(
      '{bin,cli,lambda,lib,local,simulate,evaluate,plan,training,web,package,bench,test}/**/*.{ts,py}',
    );
    const named = files.flatMap((file) => [
      ...readFileSync(file, 'utf8').matchAll(/decisions\/(\d{4}-[a-z0-9-]+\.md)/g),
    ]);
    expect(named.length).toBeGreaterThan(5);
    expect(named.map(([, name = '']) => name).filter((name) => !records.includes(name))).toEqual([]);
  });

  it.each(records.map((file, index) => [file, index + 1] as const))(
    '%s has its number in the title, a date, a status, and the sections of the template in their order',
    (file, number) => {
      const [title, , date, status, ...rest] = readFileSync(`docs/decisions/${file}`, 'utf8').split('\n');
      expect(title).toMatch(new RegExp(`^# ${number}\\. \\S`));
      expect(date).toMatch(/^- Date: \d{4}-\d{2}-\d{2}$/);
      expect(status).toMatch(/^- Status: (accepted|superseded by \[\d+\]\(\d{4}-[a-z0-9-]+\.md\))$/);
      expect(rest.filter((line) => line.startsWith('## '))).toEqual([
        '## Context',
        '## Decision',
        '## Alternatives',
        '## Consequences',
      ]);
    },
  );
});
