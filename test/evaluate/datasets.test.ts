import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'datasets-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}
const lines = (...rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('A published dataset is read in its own columns', () => {
  it('AIME of each publication: its ids, numbers as answers, a boxed solution', async () => {
    const path = await file(
      'a.jsonl',
      lines({ id: 60, problem: 'P', solution: 'S', answer: '204', url: 'u', year: '2024' }),
    );
    expect(await readQuestions(path, 9, { dataset: 'aime24' })).toMatchObject([
      { id: '60', question: 'P', answer: '204', grader: 'numeric' },
    ]);
    const other = await file('b.json', JSON.stringify([{ ID: '2024-II-4', Problem: 'P', Solution: 'S', Answer: 33 }]));
    expect(await readQuestions(other, 9, { dataset: 'aime24' })).toMatchObject([{ id: '2024-II-4', answer: '33' }]);
    const arena = await file('c.jsonl', lines({ problem_idx: 1, problem: 'P', answer: 70, problem_type: ['x'] }));
    expect(await readQuestions(arena, 9, { dataset: 'aime25' })).toMatchObject([{ id: '1', answer: '70' }]);
    const compass = await file('d.jsonl', lines({ question: 'P', answer: '70' }, { question: 'Q', answer: '588' }));
    expect(await readQuestions(compass, 9, { dataset: 'aime25' })).toMatchObject([
      { id: 'aime25-1' },
      { id: 'aime25-2', answer: '588' },
    ]);
    const boxed = await file('e.jsonl', lines({ id: 0, problem: 'P', solution: '\\boxed{116}', url: 'u' }));
    expect(await readQuestions(boxed, 9, { dataset: 'aime24' })).toMatchObject([{ id: '0', answer: '116' }]);
  });

  it('MATH-500 by its grader, recognized without its name', async () => {
    const row = {
      problem: 'P',
      solution: 'S',
      answer: '\\frac{1}{2}',
      subject: 'Algebra',
      level: 2,
      unique_id: 'test/a/1.json',
    };
    const path = await file('test.jsonl', lines(row));
    const expected = [{ id: 'test/a/1.json', question: 'P', answer: '\\frac{1}{2}', grader: 'math' }];
    expect(await readQuestions(path, 9, { dataset: 'math500' })).toMatchObject(expected);
    expect(await readQuestions(path, 9)).toMatchObject(expected);
  });

  it('GSM8K, with the result behind ####', async () => {
    const path = await file('g.jsonl', lines({ question: 'Q', answer: 'He has 3 * 5 = <<3*5=15>>15.\n#### 1,015' }));
    expect(await readQuestions(path, 9, { dataset: 'gsm8k' })).toMatchObject([
      { id: 'gsm8k-1', answer: '1,015', grader: 'numeric' },
    ]);
  });

  it('GPQA from CSV with line breaks: four options in an order of the question, the letter as its answer', async () => {
    const header =
      'Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,Explanation';
    const rows = Array.from(
      { length: 40 },
      (_, index) => `rec${index},"A ""long""\nquestion, ${index}",right\n,w1,w2,"w,3",x`,
    )
      .map((row) => row.replace('right\n', '"right\n"'))
      .join('\r\n');
    const path = await file('gpqa_diamond.csv', `\uFEFF${header}\r\n${rows}\r\n`);
    const questions = await readQuestions(path, 40, { dataset: 'gpqa-diamond' });
    expect(questions).toHaveLength(40);
    for (const { question, answer } of questions) expect(question).toContain(`\n${answer}) right`);
    expect(questions[0]?.question).toMatch(/^A "long"\nquestion, 0\n\nA\) .+\nB\) .+\nC\) .+\nD\) .+$/);
    expect(new Set(questions.map(({ answer }) => answer))).toEqual(new Set(['A', 'B', 'C', 'D']));
    expect(await readQuestions(path, 40, { dataset: 'gpqa-diamond' })).toEqual(questions);
  });

  it('from Parquet, with 64-bit integers', async () => {
    expect(await readQuestions('test/evaluate/fixtures/aime.parquet', 9, { dataset: 'aime24' })).toMatchObject([
      { id: '60', question: 'What is 200 + 4?', answer: '204' },
      { id: '61', question: 'What is 100 + 13?', answer: '113' },
    ]);
  });

  it('and another file is refused with its columns and the place of the right one', async () => {
    const path = await file('x.jsonl', lines({ text: 'Q', label: '1' }));
    await expect(readQuestions(path, 9, { dataset: 'math500' })).rejects.toThrow(
      'math500 has the columns "problem" and "answer", but this file has "text", "label". Name its columns with --question-key',
    );
  });
});

describe('Columns of another file', () => {
  it('are named, and the number of the row is its id', async () => {
    const path = await file('x.csv', 'text,label\n"Q, 1",7\nR,8\n');
    const columns = { question: 'text', answer: 'label' };
    expect(await readQuestions(path, 9, { columns })).toMatchObject([
      { id: '1', question: 'Q, 1', answer: '7' },
      { id: '2', answer: '8' },
    ]);
    await expect(readQuestions(path, 9, { columns: { ...columns, id: 'nr' } })).rejects.toThrow(
      'row 1: there is no column "nr". There are "text", "label".',
    );
    await expect(readQuestions(path, 9, { columns, grader: 'choice' })).rejects.toThrow('the grader choice expects');
  });

  it('name the kind of a file that cannot be read', async () => {
    await expect(readQuestions(await file('x.parquet', 'no'), 9)).rejects.toThrow('cannot be read as parquet');
    await expect(readQuestions(await file('x.csv', 'a,b\n1,2,3\n'), 9)).rejects.toThrow('cannot be read as csv');
    await expect(readQuestions(await file('x.json', '7'), 9)).rejects.toThrow('it has no list of questions');
  });
});
