/**
 * Contributors' check: the math grader and math-verify on the pairs of `answer-pairs.jsonl`.
 *
 *     npm run check:graders -- [--yes]
 *
 * `--yes` installs math-verify without asking.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { mathVerifyGrader } from '../../../evaluate/graders/external.ts';
import { math } from '../../../evaluate/graders/math.ts';
import { answerPairs } from './answer-pairs.ts';

const { values } = parseArgs({ options: { yes: { type: 'boolean', default: false } } });
const folder = join(homedir(), '.cache/budgetforce/graders');
const python = join(folder, 'bin/python');

if (!existsSync(python)) {
  if (!values.yes) {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await terminal.question(`Install math-verify and sympy into ${folder}, about 80 MB? [y/N] `);
    terminal.close();
    if (!/^y/i.test(answer)) process.exit(1);
  }
  mkdirSync(folder, { recursive: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
}
execFileSync(
  python,
  ['-m', 'pip', 'install', '--quiet', '--requirement', join(import.meta.dirname, 'requirements.txt')],
  {
    stdio: 'inherit',
  },
);

const mathVerify = await mathVerifyGrader(python, 30_000);
const counts = { ours: 0, theirs: 0, agree: 0 };
for (const { kind, answer, expected, right } of answerPairs) {
  const ours = math.isRight(answer, expected);
  const { right: theirs, note } = await mathVerify.grade({ question: '', expected, answer });
  if (ours === right) counts.ours++;
  if (theirs === right) counts.theirs++;
  if (ours === theirs) counts.agree++;
  else
    process.stdout.write(
      `${kind}: ${JSON.stringify(answer)} for ${JSON.stringify(expected)} is ${right ? 'right' : 'wrong'}. math: ${ours}, math-verify: ${theirs}${note === undefined ? '' : ` (${note})`}\n`,
    );
}
mathVerify.close();
const of = (count: number) =>
  `${count} of ${answerPairs.length} (${((100 * count) / answerPairs.length).toFixed(1)} %)`;
process.stdout.write(
  `${mathVerify.name}\nThe math grader gives the verdict of the pairs for ${of(counts.ours)}, math-verify for ${of(counts.theirs)}. They agree on ${of(counts.agree)}.\n`,
);
process.exitCode = counts.ours === answerPairs.length ? 0 : 1;
