import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { askAgainst } from '../../evaluate/against/ask-against.ts';
import { dollarsOf } from '../../evaluate/cost.ts';
import { readWholeLines, replaceFile, toLines } from '../../evaluate/folder/lines-file.ts';
import { Progress } from '../../evaluate/progress.ts';
import type { Question } from '../../evaluate/questions/question.ts';
import type { Result } from '../../evaluate/results.ts';
import { runTasks } from '../../evaluate/run-tasks.ts';
import { AnswerFolder, type Asking } from './answer-folder.ts';
import type { AskedModel } from './asked-model.ts';
import { chooseDiverse } from './choose-diverse.ts';
import { type Fault, faultOf } from './quality.ts';
import { topicIn, topicPrompt } from './topic-prompt.ts';

/** A question with what its row says of it. */
export interface SourceQuestion extends Question {
  /** `undefined`: the topic is not known. */
  readonly topic: string | undefined;
  readonly licence: string;
}

export interface Distillation extends Asking {
  readonly questions: readonly SourceQuestion[];
  readonly teacher: AskedModel;
  /** `undefined`: questions of any difficulty stay. */
  readonly student: AskedModel | undefined;
  readonly attempts: number;
  readonly studentAttempts: number;
  /** Topics that the teacher chooses from. `undefined`: it is not asked. */
  readonly topics: readonly string[] | undefined;
  readonly controlsIn: (text: string) => readonly string[];
  readonly size: number;
  readonly seed: number;
  /** Where the questions come from. */
  readonly source: string;
  readonly out: string;
}

/** A row of the training set, with where it comes from. training/sft reads the first three columns. */
export interface DistilledRow {
  readonly question: string;
  readonly thought: string;
  readonly answer: string;
  readonly id: string;
  readonly topic: string;
  readonly expected: string;
  readonly source: string;
  readonly licence: string;
  readonly teacher: string;
  readonly teacher_url: string;
  readonly grader: string;
  /** Filters that the row has passed. */
  readonly filters: readonly string[];
  /** Tokens of the thought as the teacher's API counts them. `null` if it does not. */
  readonly thinking_tokens: number | null;
  /** Day of the answer. */
  readonly date: string;
}

export interface DistillReport {
  readonly questions: number;
  /** Questions to which the grader accepts an answer of the teacher. */
  readonly accepted: number;
  readonly quality: { readonly kept: number; readonly faults: Partial<Record<Fault, number>> };
  /** `undefined` without a student. */
  readonly difficulty: { readonly asked: number; readonly kept: number } | undefined;
  /** Rows by topic. */
  readonly topics: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly file: string;
  readonly tokens: Readonly<Record<string, { readonly input: number; readonly output: number }>>;
  /** `undefined` if a price is unknown. */
  readonly dollars: number | undefined;
}

const topicLine = z.object({ question: z.string(), topic: z.string(), input: z.int(), output: z.int() });
type TopicLine = z.infer<typeof topicLine>;

/** The folders of a distillation, with what they have already. */
export class DistillFolder {
  readonly teacher: AnswerFolder;
  readonly student: AnswerFolder | undefined;
  readonly topics: Map<string, TopicLine>;
  readonly #path: string;

  private constructor(
    path: string,
    teacher: AnswerFolder,
    student: AnswerFolder | undefined,
    topics: readonly TopicLine[],
  ) {
    this.#path = path;
    this.teacher = teacher;
    this.student = student;
    this.topics = new Map(topics.map((line) => [line.question, line]));
  }

  /** @throws {UsageError} if they have answers of other models, prompts, questions or graders */
  static async open(distillation: Distillation): Promise<DistillFolder> {
    const { out, teacher, student } = distillation;
    const questions = distillation.questions.map(({ topic: _, licence: __, ...question }) => question);
    await mkdir(out, { recursive: true });
    return new DistillFolder(
      out,
      await AnswerFolder.open(join(out, 'teacher'), teacher, questions, distillation),
      student === undefined
        ? undefined
        : await AnswerFolder.open(join(out, 'student'), student, questions, distillation),
      await readWholeLines(join(out, 'topics.jsonl'), topicLine),
    );
  }

  async addTopic(line: TopicLine): Promise<void> {
    this.topics.set(line.question, line);
    await appendFile(join(this.#path, 'topics.jsonl'), `${JSON.stringify(line)}\n`);
  }
}

/**
 * Asks what the folders do not have, filters, and writes `train.jsonl` and `report.json`.
 *
 * @throws the first failure, or the reason of the signal; the folders keep what was answered
 */
export async function distill(distillation: Distillation, folder: DistillFolder): Promise<DistillReport> {
  const { questions, teacher, student, attempts, studentAttempts, out } = distillation;
  await folder.teacher.ask(questions, attempts, distillation);
  const accepted = questions.flatMap((question) => acceptedBy(folder.teacher, question));
  const faults: Partial<Record<Fault, number>> = {};
  const good = accepted.filter(({ question, result }) => {
    const fault = faultOf(question.question, result, distillation.controlsIn);
    if (fault !== undefined) faults[fault] = (faults[fault] ?? 0) + 1;
    return fault === undefined;
  });
  const asked = good.map(({ question }) => question);
  if (folder.student !== undefined) await folder.student.ask(asked, studentAttempts, distillation);
  const hard = good.filter(
    ({ question }) => folder.student?.answersTo(question).every(({ correct }) => !correct) ?? true,
  );
  await classify(
    distillation,
    folder,
    hard.map(({ question }) => question),
  );
  const candidates = hard.map(({ question, result }) => ({
    question,
    result,
    topic: question.topic ?? folder.topics.get(question.id)?.topic ?? 'unknown',
    length: result.thinkingTokens || result.thought.length,
  }));
  const chosen = chooseDiverse(candidates, distillation.size, distillation.seed);
  const rows = chosen.map(({ question, result, topic }) => toRow(distillation, question, result, topic));
  const file = join(out, 'train.jsonl');
  await replaceFile(file, toLines(rows));
  const report: DistillReport = {
    questions: questions.length,
    accepted: accepted.length,
    quality: { kept: good.length, faults },
    difficulty: student === undefined ? undefined : { asked: good.length, kept: hard.length },
    topics: countBy(rows.map(({ topic }) => topic)),
    rows: rows.length,
    file,
    ...spent(distillation, folder),
  };
  await replaceFile(
    join(out, 'report.json'),
    `${JSON.stringify({ ...report, teacher: teacher.api.model }, null, 2)}\n`,
  );
  return report;
}

interface Accepted {
  readonly question: SourceQuestion;
  readonly result: Result;
}

/** The first answer that the grader accepts. */
function acceptedBy(folder: AnswerFolder, question: SourceQuestion): readonly Accepted[] {
  const result = folder.answersTo(question).find(({ correct }) => correct);
  return result === undefined ? [] : [{ question, result }];
}

/** Lets the teacher name the topics that no column names. */
async function classify(
  { topics, teacher, concurrency, signal }: Distillation,
  folder: DistillFolder,
  questions: readonly SourceQuestion[],
): Promise<void> {
  if (topics === undefined) return;
  const open = questions.filter(({ id, topic }) => topic === undefined && !folder.topics.has(id));
  if (open.length === 0) return;
  process.stderr.write(`topics: ${open.length} questions\n`);
  const progress = new Progress(open.length);
  const ask = async ({ id, question }: SourceQuestion) => {
    const { answer, promptTokens, spentTokens } = await askAgainst(teacher.api, topicPrompt(question, topics), signal);
    await folder.addTopic({
      question: id,
      topic: topicIn(answer, topics) ?? 'unknown',
      input: promptTokens,
      output: spentTokens,
    });
    progress.step();
  };
  await runTasks(open, concurrency, ask, signal);
}

function toRow(
  { teacher, student, source, topics }: Distillation,
  { id, question, licence, answer: expected }: SourceQuestion,
  { thought, answer, grader, thinkingTokens, startedAt }: Result,
  topic: string,
): DistilledRow {
  return {
    question: question.trim(),
    thought: thought.trim(),
    answer: answer.trim(),
    id,
    topic,
    expected,
    source,
    licence,
    teacher: teacher.api.model,
    teacher_url: teacher.api.url,
    grader,
    filters: [
      'correct',
      'quality',
      ...(student === undefined ? [] : [`difficulty: ${student.api.model} fails`]),
      topics === undefined ? 'diversity' : `diversity: topics by ${teacher.api.model}`,
    ],
    thinking_tokens: thinkingTokens || null,
    date: startedAt.slice(0, 10),
  };
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}

/** Tokens and dollars of all answers in the folders. */
function spent({ teacher, student }: Distillation, folder: DistillFolder): Pick<DistillReport, 'tokens' | 'dollars'> {
  const sum = (answers: readonly Result[], topics: readonly TopicLine[] = []) => ({
    input:
      answers.reduce((all, { promptTokens }) => all + promptTokens, 0) +
      topics.reduce((all, line) => all + line.input, 0),
    output:
      answers.reduce((all, { spentTokens }) => all + spentTokens, 0) +
      topics.reduce((all, line) => all + line.output, 0),
  });
  const parts = [
    { model: teacher, tokens: sum(folder.teacher.answers, [...folder.topics.values()]) },
    ...(student === undefined || folder.student === undefined
      ? []
      : [{ model: student, tokens: sum(folder.student.answers) }]),
  ];
  const dollars = parts.map(({ model, tokens }) =>
    model.price === undefined ? undefined : dollarsOf({ prompt: tokens.input, sampled: tokens.output }, model.price),
  );
  return {
    tokens: Object.fromEntries(parts.map(({ model, tokens }) => [model.role, tokens])),
    dollars: dollars.some((value) => value === undefined)
      ? undefined
      : dollars.reduce<number>((all, value) => all + (value ?? 0), 0),
  };
}
