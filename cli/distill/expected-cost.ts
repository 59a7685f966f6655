import { dollarsOf } from '../../evaluate/cost.ts';
import type { Result } from '../../evaluate/results.ts';
import { groupDigits } from '../../lib/facts/group-digits.ts';
import type { AnswerFolder } from './answer-folder.ts';
import type { AskedModel } from './asked-model.ts';
import type { Distillation, DistillFolder } from './distill.ts';

/** Characters of a token of English text. An assumption. */
const CHARACTERS_PER_TOKEN = 3.5;
/** Tokens of a topic with the thought before it. An assumption. */
const TOPIC_TOKENS = 300;

/** What is still to be asked of one model, at most. Tokens and dollars are estimates. */
export interface ExpectedCost {
  readonly role: string;
  readonly model: string;
  readonly requests: number;
  readonly input: number;
  readonly output: number;
  /** `undefined` if the price is unknown. */
  readonly dollars: number | undefined;
}

/**
 * Estimates what a distillation will still ask, at most: as if the grader accepted nothing but the last attempt, and no filter took a question away.
 *
 * @param answerTokens tokens of an answer with its thought, until the folder has answers that say it
 */
export function expectedCost(
  distillation: Distillation,
  folder: DistillFolder,
  answerTokens: number,
): readonly ExpectedCost[] {
  const { teacher, student, attempts, studentAttempts, topics, questions } = distillation;
  const unclassified =
    topics === undefined
      ? 0
      : questions.filter(({ id, topic }) => topic === undefined && !folder.topics.has(id)).length;
  return [
    costOf(teacher, folder.teacher, distillation, attempts, answerTokens),
    ...(student === undefined || folder.student === undefined
      ? []
      : [costOf(student, folder.student, distillation, studentAttempts, answerTokens)]),
    ...(unclassified === 0
      ? []
      : [
          priced(
            teacher,
            'topics',
            unclassified,
            unclassified * promptTokens(distillation),
            unclassified * TOPIC_TOKENS,
          ),
        ]),
  ].filter(({ requests }) => requests > 0);
}

function costOf(
  model: AskedModel,
  folder: AnswerFolder,
  distillation: Distillation,
  attempts: number,
  answerTokens: number,
): ExpectedCost {
  const requests = distillation.questions.reduce((sum, question) => {
    const answers = folder.answersTo(question);
    return answers.some(({ correct }) => correct) ? sum : sum + Math.max(0, attempts - answers.length);
  }, 0);
  const measured = meanTokens(folder.answers) ?? answerTokens;
  return priced(model, model.role, requests, requests * promptTokens(distillation), requests * measured);
}

function priced(
  { api, price }: AskedModel,
  role: string,
  requests: number,
  input: number,
  output: number,
): ExpectedCost {
  const dollars = price === undefined ? undefined : dollarsOf({ prompt: input, sampled: output }, price);
  return { role, model: api.model, requests, input: Math.round(input), output: Math.round(output), dollars };
}

/** Mean tokens of a prompt. */
function promptTokens({ questions, prompt }: Distillation): number {
  const characters = questions.reduce((sum, { question }) => sum + question.length + prompt.length, 0);
  return characters / Math.max(1, questions.length) / CHARACTERS_PER_TOKEN;
}

/** Mean sampled tokens of the answers there are. `undefined` if the API counts none. */
function meanTokens(answers: readonly Result[]): number | undefined {
  const counted = answers.filter(({ spentTokens }) => spentTokens > 0);
  return counted.length === 0
    ? undefined
    : counted.reduce((sum, { spentTokens }) => sum + spentTokens, 0) / counted.length;
}

/** What is to be asked, in lines, with its sum. */
export function expectedCostText(costs: readonly ExpectedCost[]): string {
  const lines = costs.map(
    ({ role, model, requests, input, output, dollars }) =>
      `  ${role} (${model}): ${groupDigits(requests)} requests, about ${groupDigits(input)} tokens in and ${groupDigits(output)} out, ${dollars === undefined ? `dollars unknown without ${role === 'student' ? '--student-price' : '--price'}` : `about $${dollars.toFixed(2)}`}`,
  );
  return `To ask, at most (estimates):\n${lines.join('\n')}\n`;
}
