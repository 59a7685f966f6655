import { createHash } from 'node:crypto';
import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';
import type { Collected, GivenFeedback, Stored } from './collect.ts';

/** Whether an answer is right, and who says so: people, a reference, or the votes of the same request. */
export interface Verdict {
  readonly right: boolean;
  readonly by: 'feedback' | 'reference' | 'vote';
}

/** An answer to a prompt, with its thought. */
export interface Candidate {
  /** Id of the response. */
  readonly id: string;
  /** Index of the sample. */
  readonly sample: number;
  readonly model: string;
  readonly thinking: string;
  readonly answer: string;
  /** Tokens of thinking and answer. `undefined` if the sample was not completed. */
  readonly tokens: number | undefined;
  readonly waits: number;
  /** `undefined`: nobody knows. */
  readonly verdict: Verdict | undefined;
}

/** Responses that were preferred over others by their users, by ids. */
export interface Preference {
  readonly better: string;
  readonly worse: string;
}

/** All answers to one prompt. */
export interface PromptGroup {
  /** SHA-256 of the conversation. */
  readonly hash: string;
  readonly messages: Stored['messages'];
  /** Tools make answers that only the same tools explain: such conversations are left out of the export. */
  readonly hasTools: boolean;
  readonly candidates: readonly Candidate[];
  /** The right answer, if a person corrected one or a reference has it. */
  readonly answer: string | undefined;
  readonly preferences: readonly Preference[];
}

export interface GroupOptions {
  /** Lowest score at which an answer counts as right; at most 1 minus it, it counts as wrong. */
  readonly goodScore: number;
  /** Right answers by question: the text of the last message of the user. */
  readonly references: ReadonlyMap<string, string>;
  /** Lowest share of the samples of a vote that agree, at which the vote's answer counts as right. */
  readonly agreement: number;
}

/** Groups stored conversations by their prompt, with what is known of each answer. */
export function groupByPrompt({ stored, feedback }: Collected, options: GroupOptions): readonly PromptGroup[] {
  const given = Map.groupBy(feedback, ({ id }) => id);
  const byHash = Map.groupBy(stored, hashOf);
  return [...byHash].map(([hash, conversations]) => {
    const [first] = conversations;
    const ids = new Set(conversations.map(({ id }) => id));
    const ofPrompt = conversations.map((one) => ({ one, given: given.get(one.id) ?? [] }));
    const messages = first?.messages ?? [];
    const corrections = ofPrompt.flatMap(({ given: of }) => of.flatMap(correctionOf));
    const reference = options.references.get(questionOf(messages));
    const candidates = ofPrompt.flatMap(({ one, given: of }) => candidatesOf(one, of, options));
    return {
      hash,
      messages,
      hasTools: conversations.some(({ tools, prefix }) => (tools ?? []).length > 0 || prefix !== undefined),
      candidates: withKnownAnswers(candidates, corrections, reference),
      answer: corrections[0] ?? reference,
      preferences: ofPrompt.flatMap(({ one, given: of }) => of.flatMap((value) => preferenceOf(one.id, value, ids))),
    };
  });
}

/** The text of the last message of the user. */
export function questionOf(messages: Stored['messages']): string {
  return messages.findLast(({ role }) => role === 'user')?.content.trim() ?? '';
}

/** A correction says of every answer to its prompt whether it is right, and a reference of those that no person judged. */
function withKnownAnswers(
  candidates: readonly Candidate[],
  corrections: readonly string[],
  reference: string | undefined,
): readonly Candidate[] {
  const right = new Set(corrections.map(answerKey));
  const known = reference === undefined ? undefined : answerKey(reference);
  return candidates.map((candidate) => {
    const key = answerKey(candidate.answer);
    if (right.size > 0) return { ...candidate, verdict: { right: right.has(key), by: 'feedback' } };
    if (known === undefined || candidate.verdict?.by === 'feedback') return candidate;
    return { ...candidate, verdict: { right: key === known, by: 'reference' } };
  });
}

/** What the model saw. Two conversations with the same texts are the same prompt, whatever their key. */
function hashOf({ messages, tools, prefix }: Stored): string {
  return createHash('sha256')
    .update(JSON.stringify([messages, tools ?? [], prefix ?? null]))
    .digest('hex');
}

function candidatesOf(one: Stored, given: readonly GivenFeedback[], options: GroupOptions): readonly Candidate[] {
  const samples = one.samples.filter(({ account }) => account !== undefined);
  const judged = judgementOf(given, options.goodScore);
  const shown = one.winner ?? samples[0]?.index;
  const voted = voteOf(one, options.agreement);
  const shownAnswer = one.samples.find(({ index }) => index === shown)?.answer;
  return samples.map((sample) => ({
    id: one.id,
    sample: sample.index,
    model: sample.model,
    thinking: sample.thinking,
    answer: sample.answer,
    tokens: sample.account && sample.account.thinking_tokens + sample.account.answer_tokens,
    waits: sample.account?.waits ?? 0,
    verdict: verdictOf(sample, shown, shownAnswer, judged, voted),
  }));
}

function verdictOf(
  sample: { readonly index: number; readonly answer: string },
  shown: number | undefined,
  shownAnswer: string | undefined,
  judged: boolean | undefined,
  voted: string | undefined,
): Verdict | undefined {
  // People saw one sample. Others with the same answer are as right or as wrong as it; with another answer, they are wrong if it is right.
  if (judged !== undefined && shownAnswer !== undefined) {
    const same = sample.index === shown || sameAnswer(sample.answer, shownAnswer);
    if (same) return { right: judged, by: 'feedback' };
    return judged ? { right: false, by: 'feedback' } : undefined;
  }
  return voted === undefined ? undefined : { right: answerKey(sample.answer) === voted, by: 'vote' };
}

/** What people say about a response: `correct` before thumbs before a score. `undefined` if nobody judged, or nobody was sure. */
function judgementOf(given: readonly GivenFeedback[], goodScore: number): boolean | undefined {
  const value = (metric: GivenFeedback['metric']) => given.find((one) => one.metric === metric)?.value;
  for (const metric of ['correct', 'thumbs'] as const) {
    const judged = value(metric);
    if (typeof judged === 'boolean') return judged;
  }
  if (given.some(({ metric }) => metric === 'correction')) return false;
  const score = value('score');
  if (typeof score !== 'number') return undefined;
  if (score >= goodScore) return true;
  return score <= 1 - goodScore ? false : undefined;
}

/** The answer of a vote, if enough of its samples agree. */
function voteOf({ samples, winner }: Stored, agreement: number): string | undefined {
  if (winner === undefined || samples.length < 3) return undefined;
  const answers = samples.filter(({ account }) => account !== undefined).map(({ answer }) => answerKey(answer));
  const of = samples.find(({ index }) => index === winner)?.answer;
  if (of === undefined || answers.length < 3) return undefined;
  const key = answerKey(of);
  return answers.filter((answer) => answer === key).length / answers.length >= agreement ? key : undefined;
}

function sameAnswer(a: string, b: string): boolean {
  return answerKey(a) === answerKey(b);
}

/** The final answer of a text, as votes compare it: its number if it has one, else its words. */
function answerKey(text: string): string {
  const answer = extractAnswer(text);
  const number = extractNumber(answer);
  return number === undefined ? answer.toLowerCase().replaceAll(/\s+/g, ' ').trim() : String(number);
}

function correctionOf({ metric, value }: GivenFeedback): readonly string[] {
  return metric === 'correction' && typeof value === 'object' && value !== null && 'answer' in value
    ? [value.answer]
    : [];
}

function preferenceOf(
  better: string,
  { metric, value }: GivenFeedback,
  ids: ReadonlySet<string>,
): readonly Preference[] {
  if (metric !== 'preferred' || typeof value !== 'object' || value === null || !('over' in value)) return [];
  // A pair is two answers to the same prompt. Of other prompts a preference says nothing that can be trained.
  return ids.has(value.over) ? [{ better, worse: value.over }] : [];
}
