import { basename } from 'node:path';
import type { GraderName } from '../../evaluate/graders.ts';
import { datasetNames } from '../../evaluate/questions/datasets.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import { readRows } from '../../evaluate/questions/read-rows.ts';
import { formatNames } from '../../lambda/forcing/format.ts';
import { formats } from '../../lambda/formats/index.ts';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { studentOf, teacherOf } from '../distill/asked-model.ts';
import {
  type Distillation,
  DistillFolder,
  type DistillReport,
  distill,
  type SourceQuestion,
} from '../distill/distill.ts';
import { type DistillValues, distillOptions } from '../distill/distill-options.ts';
import { expectedCost, expectedCostText } from '../distill/expected-cost.ts';
import { TOPICS } from '../distill/topic-prompt.ts';
import { graderFrom } from '../eval/grader-option.ts';
import { parseChoice, parseWholeNumber } from '../option-values.ts';
import { controlStringFinder, controlStringsOf } from '../train/data/control-strings.ts';
import { UsageError } from '../usage-error.ts';

/** `budgetforce distill`. */
export const distillCommand = defineCommand({
  name: 'distill',
  description:
    'Makes a training set of questions: a teacher answers them, a grader keeps the right answers, and s1’s three filters choose. Quality: answers that were cut, empty, with control strings or loops go. Difficulty: a question stays if a small model fails. Diversity: topics take turns, longer thoughts are more probable. Writes train.jsonl with provenance and licence of each row. The same command continues an interrupted run. The teacher’s terms must allow that models are trained on its answers.',
  arguments: 'QUESTIONS',
  options: distillOptions,
  exitCodes: ['there are rows', 'failed, interrupted, or no row is left'],
  async run({ values, positionals }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError(
        'Give one file of questions: budgetforce distill questions.jsonl --base-url URL --model ID.',
      );
    const teacher = teacherOf(values);
    const student = studentOf(values);
    const whole = (
      name: 'attempts' | 'student-attempts' | 'size' | 'concurrency' | 'answer-tokens' | 'seed',
      max: number,
    ) => parseWholeNumber(name, values[name], { min: name === 'seed' ? 0 : 1, max });
    const numbers = {
      attempts: whole('attempts', 100),
      studentAttempts: whole('student-attempts', 100),
      size: whole('size', 1e7),
      concurrency: whole('concurrency', 256),
      seed: whole('seed', 2 ** 32 - 1),
    };
    const answerTokens = whole('answer-tokens', 1e7);
    if (!values.prompt.includes('{question}'))
      throw new UsageError(
        `--prompt is ${JSON.stringify(values.prompt)}. It must contain {question}, where the question goes.`,
      );
    const format = formats[parseChoice('format', values.format, formatNames)];
    const topics = topicsFrom(values);
    const grader = await graderFrom(values);
    const external = typeof grader === 'object' ? grader : undefined;
    const interrupt = new AbortController();
    const onInterrupt = () => {
      process.stderr.write('\nWaiting for the requests in flight. Press Ctrl-C again to exit at once.\n');
      interrupt.abort(new Error('Interrupted. Run the same command again to continue.'));
    };
    process.once('SIGINT', onInterrupt);
    try {
      const distillation: Distillation = {
        ...numbers,
        questions: await questionsFrom(
          file,
          values,
          typeof grader === 'string' ? grader : undefined,
          external !== undefined,
        ),
        teacher,
        student,
        topics,
        controlsIn: controlStringFinder([...(await controlStringsOf(format, undefined)), '<think>', '</think>']),
        prompt: values.prompt,
        grader: external,
        source: values.source ?? basename(file),
        out: values.out,
        signal: interrupt.signal,
      };
      const folder = await DistillFolder.open(distillation);
      const costs = expectedCost(distillation, folder, answerTokens);
      if (costs.length > 0) {
        process.stderr.write(expectedCostText(costs));
        await confirm('Ask?', values.yes);
      }
      const report = await distill(distillation, folder);
      process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : reportText(report));
      return report.rows > 0 ? 0 : 1;
    } finally {
      process.removeListener('SIGINT', onInterrupt);
      external?.close();
    }
  },
});

function topicsFrom({ classify, topics }: DistillValues): readonly string[] | undefined {
  if (classify !== true) {
    if (topics !== undefined) throw new UsageError('--topics are those that the teacher chooses from: add --classify.');
    return undefined;
  }
  const named = topics
    ?.split(',')
    .map((topic) => topic.trim())
    .filter((topic) => topic !== '');
  if (named !== undefined && named.length < 2)
    throw new UsageError(`--topics is ${JSON.stringify(topics)}. Give at least two topics with commas.`);
  return named ?? TOPICS;
}

/** The questions, with topic and licence of their rows. */
async function questionsFrom(
  file: string,
  values: DistillValues,
  grader: GraderName | undefined,
  gradedOutside: boolean,
): Promise<readonly SourceQuestion[]> {
  const { dataset, 'question-key': question, 'answer-key': answer, 'id-key': id, 'choices-key': choices } = values;
  const limit =
    values.limit === undefined ? Number.POSITIVE_INFINITY : parseWholeNumber('limit', values.limit, { min: 1 });
  const named = { question, answer, id, choices };
  const columns = Object.fromEntries(Object.entries(named).filter(([, column]) => column !== undefined));
  const questions = await readQuestions(file, limit, {
    dataset: dataset === undefined ? undefined : parseChoice('dataset', dataset, datasetNames),
    columns: Object.keys(columns).length === 0 ? undefined : columns,
    grader,
    gradedOutside,
  });
  const rows = await readRows(file, limit);
  const topicKey = values['topic-key'];
  return questions.map((each, index) => {
    const row = rows[index]?.value;
    const column = (name: string) => (typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined);
    const topic = topicKey === undefined ? undefined : column(topicKey);
    if (topicKey !== undefined && (topic === undefined || topic === null))
      throw new UsageError(`${file}, ${rows[index]?.at}: there is no topic in the column ${JSON.stringify(topicKey)}.`);
    const licence = values.licence ?? column('licence') ?? column('license');
    return {
      ...each,
      topic: topic === undefined ? undefined : String(topic),
      licence: licence === undefined ? 'unknown' : String(licence),
    };
  });
}

function reportText({
  questions,
  accepted,
  quality,
  difficulty,
  topics,
  rows,
  file,
  tokens,
  dollars,
}: DistillReport): string {
  const faults = Object.entries(quality.faults).map(([fault, count]) => `${fault} ${count}`);
  const used = Object.entries(tokens).map(([role, { input, output }]) => `${role} ${input} in, ${output} out`);
  const lines = [
    `${questions} questions`,
    `${accepted} answered right by the teacher`,
    `${quality.kept} after quality${faults.length === 0 ? '' : ` (left out: ${faults.join(', ')})`}`,
    ...(difficulty === undefined ? [] : [`${difficulty.kept} after difficulty: the small model fails`]),
    `${rows} chosen, by topic: ${Object.entries(topics)
      .map(([topic, count]) => `${topic} ${count}`)
      .join(', ')}`,
    `Tokens: ${used.join('; ')}. ${dollars === undefined ? 'Dollars are unknown without prices.' : `$${dollars.toFixed(2)}.`}`,
    rows > 0 ? `In ${file}. Next: npx budgetforce train data check ${file}` : advice(accepted, quality.faults),
  ];
  return `${lines.join('\n')}\n`;
}

function advice(accepted: number, faults: DistillReport['quality']['faults']): string {
  if (accepted === 0)
    return 'No row is left: the grader accepts no answer of the teacher. Are expected answers and --grader right?';
  if (faults['no thought'] === accepted)
    return 'No row is left: the teacher sends no thoughts (reasoning_content, reasoning or thinking). Does its API show them, perhaps with a field of --body?';
  return 'No row is left: the filters took all. Give more or harder questions.';
}
