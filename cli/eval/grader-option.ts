import { commandGrader, type ExternalGrader, mathVerifyGrader, urlGrader } from '../../evaluate/graders/external.ts';
import { type GraderName, graderNames } from '../../evaluate/graders.ts';
import { parseChoice, parseNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import type { EvalValues } from './eval-options.ts';

/** The options that name a grader. */
type GraderValues = Pick<EvalValues, 'grader' | 'grader-command' | 'grader-url' | 'grader-python' | 'grader-timeout'>;

/** The grader that the options name. Close an external one after use. */
export async function graderFrom(values: GraderValues): Promise<GraderName | ExternalGrader | undefined> {
  const { grader, 'grader-command': command, 'grader-url': url, 'grader-python': python } = values;
  const given = [grader, command, url].filter((value) => value !== undefined);
  if (given.length > 1) throw new UsageError('Give one of --grader, --grader-command and --grader-url.');
  const timeoutMs = parseNumber('grader-timeout', values['grader-timeout'], { min: 0.1, max: 3_600 }) * 1_000;
  if (command !== undefined) return commandGrader(parseCommand(command), timeoutMs);
  if (url !== undefined) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new UsageError(`--grader-url is ${JSON.stringify(url)}. Give an http:// or https:// URL.`);
    return urlGrader(url, timeoutMs);
  }
  if (grader === undefined) return undefined;
  const name = parseChoice('grader', grader, [...graderNames, 'math-verify']);
  if (name !== 'math-verify') return name;
  try {
    return await mathVerifyGrader(python, timeoutMs);
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause));
  }
}

/** A command without a shell: words separated by spaces, or a JSON array if one of them has a space. */
function parseCommand(text: string): readonly string[] {
  let words: unknown = text.trim().split(/\s+/);
  if (text.trim().startsWith('[')) {
    try {
      words = JSON.parse(text);
    } catch {
      words = undefined;
    }
  }
  if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string') && words[0] !== '')
    return words;
  throw new UsageError(
    `--grader-command is ${JSON.stringify(text)}. Give a program and its arguments, such as "python3 grade.py" or ["python3","my grader.py"].`,
  );
}
