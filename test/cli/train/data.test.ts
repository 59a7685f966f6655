import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { trainCommand } from '../../../cli/commands/train.ts';
import { checkData, type DataCheckOptions } from '../../../cli/train/data/check-data.ts';
import { EvaluationQuestions } from '../../../cli/train/data/evaluation-overlap.ts';
import { NearDuplicates } from '../../../cli/train/data/near-duplicates.ts';
import { secretsIn } from '../../../cli/train/data/secrets.ts';
import { splitArray } from '../../../cli/train/data/split-array.ts';
import { wordsOf } from '../../../cli/train/data/words.ts';
import { formats } from '../../../lambda/formats/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'train-data-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const row = (question: string, thought = '1) 1+1=2.', answer = 'The answer is 2.') => ({ question, thought, answer });

function fileOf(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    name.endsWith('.json') ? JSON.stringify(rows, null, 1) : rows.map((each) => `${JSON.stringify(each)}\n`).join(''),
  );
  return path;
}

const options: DataCheckOptions = {
  format: formats.s1,
  tokenizerPath: 'local/model/tokenizer.json',
  blockSize: 32_768,
};

/** Which rows have a finding of which check. */
async function findingsOf(path: string, more: Partial<DataCheckOptions> = {}) {
  const { findings } = await checkData(path, { ...options, ...more });
  return Object.fromEntries(findings.map(({ check, rows }) => [check, rows.map((found) => found.row)]));
}

describe('budgetforce train data check', () => {
  it('counts the tokens that the script trains on, for each format and column', async () => {
    const plain = await checkData(
      fileOf('plain.jsonl', [row('34 + 27?', '1) 34+27=61.', 'The answer is 61.')]),
      options,
    );
    expect(plain).toMatchObject({ rows: 1, columns: ['plain'], findings: [] });
    const s1k = fileOf('s1k.json', [
      { question: '34 + 27?', thinking_trajectories: ['1) 34+27=61.'], attempt: 'The answer is 61.', solution: '61' },
    ]);
    const s1k11 = fileOf('s1k-1.1.jsonl', [
      { question: '34 + 27?', deepseek_thinking_trajectory: '1) 34+27=61.', deepseek_attempt: 'The answer is 61.' },
    ]);
    expect((await checkData(s1k11, options)).tokens).toEqual({
      ...plain.tokens,
      longestRow: { file: s1k11, row: 1 },
    });
    // s1 writes "Answer: " before an attempt without it.
    expect((await checkData(s1k, options)).tokens?.total).toBeGreaterThan(plain.tokens?.total ?? 0);
  });

  it('names every row that cannot be read, and goes on', async () => {
    const path = join(folder, 'bad.jsonl');
    const lines = [
      JSON.stringify(row('good?')),
      '{"question":',
      '[]',
      '',
      JSON.stringify({ question: 'q', thought: 't' }),
      JSON.stringify({ question: ' ', thought: 't', answer: 'a' }),
      JSON.stringify({ question: 7, thought: 't', answer: 'a' }),
      JSON.stringify({ ...row('system?'), system: '' }),
    ];
    writeFileSync(path, Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a])]));
    const report = await checkData(path, options);
    expect(report.rows).toBe(1);
    expect(report.findings).toEqual([
      {
        check: 'schema',
        repair: true,
        count: 7,
        rows: [
          { file: path, row: 2, text: expect.stringMatching(/^is no JSON: /) },
          { file: path, row: 3, text: expect.stringMatching(/^is no JSON object/) },
          { file: path, row: 5, text: 'lacks the column "answer"' },
          { file: path, row: 6, text: 'has an empty column "question"' },
          { file: path, row: 7, text: 'has 7 in the column "question" instead of a text' },
          { file: path, row: 8, text: 'has an empty column "system"' },
          { file: path, row: 9, text: expect.stringMatching(/^is not UTF-8/) },
        ],
      },
    ]);
  });

  it('says which columns there are, if there is no thought', async () => {
    const report = await checkData(fileOf('none.jsonl', [{ prompt: 'p', completion: 'c' }]), options);
    expect(report.findings[0]?.rows[0]?.text).toMatch(/^has no thought; its columns are prompt, completion\. Write /);
  });

  it.each([
    ['missing.jsonl', undefined, /does not exist/],
    ['rows.csv', 'a,b', /is none of \.jsonl, \.json, \.parquet/],
    ['object.json', '{"a":1}', /is no JSON array: it does not begin with \[/],
    ['cut.json', '[{"a":1}', /is no JSON array: its end is missing/],
    ['no.parquet', 'PAR', /is no Parquet file/],
  ])('refuses %s with one sentence', async (name, content, message) => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content);
    await expect(checkData(path, options)).rejects.toThrow(message);
  });

  it('reads Parquet as it reads JSONL: s1K’s lists of thoughts, in groups of rows', async () => {
    // Six rows in three groups, written by pyarrow 26: the second has no attempt, the last no thought.
    const parquet = await checkData('test/cli/train/fixtures/s1k.parquet', options);
    const row = (index: number) => ({
      question: `${index} + 1?`,
      thinking_trajectories: [`1) ${index}+1=${index + 1}.`],
      attempt: index === 2 ? null : `The answer is ${index + 1}.`,
      solution: String(index + 1),
    });
    const jsonl = await checkData(fileOf('same.jsonl', [1, 2, 3, 4, 5].map(row)), options);
    expect(parquet.rows).toBe(5);
    expect({ ...parquet.tokens, longestRow: null }).toEqual({ ...jsonl.tokens, longestRow: null });
    expect(parquet.findings.find(({ check }) => check === 'schema')?.rows).toEqual([
      {
        file: 'test/cli/train/fixtures/s1k.parquet',
        row: 6,
        text: 'has [] in the column "thinking_trajectories" instead of a text',
      },
    ]);
  });

  it('finds rows that repeat others, exactly and nearly', async () => {
    const long =
      'A train leaves Berlin at noon with 120 passengers and stops in Halle, Erfurt, Fulda and Frankfurt. How many';
    const path = fileOf('duplicates.jsonl', [
      row('What is 1 + 1?'),
      row('what is  1 + 1'),
      row('What is 1 + 1?', 'Count: one, two.'),
      row('What is 1 - 1?'),
      row(`${long} get off in total?`),
      row(`${long} get off there in total?`),
    ]);
    expect(await findingsOf(path)).toEqual({ duplicate: [2], 'same-question': [3], 'near-duplicate': [6] });
  });

  it('finds questions of an evaluation, whole or in a run of eight words', async () => {
    const evaluation = new EvaluationQuestions();
    evaluation.add('What is 2 + 2?', 'short');
    evaluation.add('If seven ships sail to nine ports each, how many landings are there?', 'long');
    const path = fileOf('overlap.jsonl', [
      row('what is 2+2'),
      row('What is 2 - 2?'),
      row('Suppose seven ships sail to nine ports each, how many days?'),
      row('How many landings are there?'),
    ]);
    expect(await findingsOf(path, { evaluation })).toEqual({ overlap: [1, 3] });
  });

  it('finds control strings and too long rows', async () => {
    const path = fileOf('texts.jsonl', [
      row('One?'),
      row('Two?', 'a <|im_start|>answer'),
      row('Three?', 'b', 'c<|im_end|>'),
      row('Four?', 'So 2 + 2 = 4. '.repeat(50)),
    ]);
    expect(await findingsOf(path, { blockSize: 300 })).toEqual({ length: [4], 'control-string': [2, 3] });
  });

  it('finds secrets and does not print them', async () => {
    const key = `AKIA${'ABCDEFGH23456777'}`;
    const report = await checkData(fileOf('secret.jsonl', [row('Who am I?', `I use ${key} here.`)]), options);
    expect(report.findings).toMatchObject([{ check: 'secret', repair: true, count: 1 }]);
    expect(JSON.stringify(report)).not.toContain(key);
  });

  it('ends with 1 if something must be repaired, and lets through what --allow names', async () => {
    const path = fileOf('repair.jsonl', [row('One?', 'a <|im_end|>'), row('Two?')]);
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const check = async (...more: readonly string[]) =>
      await trainCommand.run(['data', 'check', path, '--model', 'tiny', ...more]);
    try {
      expect(await check('--json')).toBe(1);
      expect(JSON.parse(String(write.mock.lastCall?.[0]))).toMatchObject({
        fit: false,
        rows: 2,
        findings: [{ check: 'control-string', rows: [{ file: path, row: 1 }] }],
      });
      expect(await check()).toBe(1);
      expect(String(write.mock.lastCall?.[0])).toContain('REPAIR control-string: 1 have');
      expect(await check('--allow', 'control-string,overlap')).toBe(0);
      await expect(check('--allow', 'schema')).rejects.toThrow('--allow is "schema". It must be one of length, ');
      await expect(check('--columns', 's2')).rejects.toThrow('--columns is "s2"');
      await expect(trainCommand.run(['data', path])).rejects.toThrow('data takes check and one file or folder');
      await expect(trainCommand.run(['data', 'check', path, '--model', folder])).rejects.toThrow(
        'tokenizer.json does not exist',
      );
    } finally {
      write.mockRestore();
    }
  });

  it('reads files of any length within little memory', () => {
    const path = join(folder, 'long.json');
    const thought = 'So 2 + 2 = 4. '.repeat(300);
    const rows = Array.from({ length: 15_000 }, (_, index) => JSON.stringify(row(`Question ${index}?`, thought)));
    writeFileSync(path, `[${rows.join(',')}]`);
    const script = `
      import { readRecords } from ${JSON.stringify(join(process.cwd(), 'cli/train/data/read-records.ts'))};
      let rows = 0;
      for await (const { problem } of readRecords(${JSON.stringify(path)})) if (problem === undefined) rows++;
      console.log(rows);`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--max-old-space-size=24', '--input-type=module', '--eval', script],
      { encoding: 'utf8' },
    );
    expect(stdout, stderr).toBe('15000\n');
  }, 60_000);
});

describe('the elements of a JSON array', () => {
  it('are those that JSON.parse gives, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(0, 2),
        async (values, size, indent) => {
          const bytes = Buffer.from(`\uFEFF ${JSON.stringify(values, null, indent)}\n`);
          const chunks = async function* () {
            for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
          };
          const found = [];
          for await (const element of splitArray(chunks())) found.push(JSON.parse(element.toString()));
          expect(found).toEqual(JSON.parse(JSON.stringify(values)));
        },
      ),
      { seed: 22, numRuns: 200 },
    );
  });
});

describe('near duplicates', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{2,6}$/), { minLength: 12, maxLength: 40 });

  it('are texts with the same words, however they are written', () => {
    fc.assert(
      fc.property(words, (text) => {
        const near = new NearDuplicates();
        near.add('Something else entirely, which has no word of the texts below.');
        near.add(text.join(' '));
        expect(near.add(`${text.join('  ').toUpperCase()}?`)).toBe(1);
      }),
      { seed: 22, numRuns: 50 },
    );
  });

  it('are not texts with other words', () => {
    fc.assert(
      fc.property(words, (text) => {
        const near = new NearDuplicates();
        near.add(text.join(' '));
        expect(near.add(text.map((word) => `${word}x`).join(' '))).toBeUndefined();
      }),
      { seed: 22, numRuns: 50 },
    );
  });
});

describe('words', () => {
  it('differ by operators and not by punctuation', () => {
    expect(wordsOf('What is 3 + 4?')).toEqual(wordsOf('**what** is “3+4”'));
    expect(wordsOf('3 + 4')).not.toEqual(wordsOf('3 - 4'));
  });
});

describe('secrets', () => {
  it.each([
    ['AWS access key', `ASIA${'QWERTYUIOP234567'}`],
    ['AWS secret key', `aws_secret_access_key = ${'aB3/'.repeat(10)}`],
    ['private key', `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEpAIBAAKCAQEA'.repeat(5)}`],
    ['GitHub token', `ghp_${'a1B2'.repeat(9)}`],
    ['Hugging Face token', `hf_${'aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH'}`],
    ['OpenAI key', `sk-proj-${'aB3_'.repeat(15)}T3BlbkFJ${'aB3_'.repeat(15)}`],
    ['Slack token', `xoxb-1234567890-${'aB3c'.repeat(8)}`],
    ['Budgetforce key', `bf-${'aB3_'.repeat(8)}`],
    ['password in a URL', 'postgres://app:s3cretWord@db.internal.net/x'],
  ])('finds a %s', (kind, text) => {
    expect(secretsIn(`before ${text} behind`)).toEqual([kind]);
  });

  it.each([
    'AKIAIOSFODNN7EXAMPLE',
    'postgres://user:password@localhost.local/db',
    'task-1 sk-2 risk-free bf-1',
    'AKIA is a prefix',
    'https://example.com/a:b@c',
  ])('lets %j through', (text) => {
    expect(secretsIn(text)).toEqual([]);
  });
});
