import type { ToolUse } from '../formats/tools/tool.ts';
import { type AnswerPiece, AnswerReader } from '../generation/answer-reader.ts';
import type { GenerationEvent } from '../generation/generation.ts';
import type { RunningGeneration } from '../generation/request.ts';
import type { RunningVote } from '../generation/running-vote.ts';
import { waitingFrame } from '../http/server-sent-events.ts';
import { type BudgetReport, toBudgetReport, type VoteAccount } from './budget-report.ts';
import { toVoteAccount } from './vote-account.ts';

/** The account with which an answer ends: that of its sample, and that of the vote which it won. */
export type AnswerEnd = Extract<GenerationEvent, { kind: 'done' }> & { readonly vote?: VoteAccount };

/** A search for the answer, running or with its account. */
export type AnswerLookup = Extract<GenerationEvent, { kind: 'lookup' }>;

/** A running generation of one answer: of one sample, or of samples that vote. */
type RunningAnswer = Pick<RunningGeneration, 'events' | 'excludeThinking' | 'samples' | 'accounts' | 'vote'> & {
  readonly tools: ToolUse | undefined;
};

/** How a dialect writes an answer as frames of its stream. */
export interface AnswerFrames {
  /** Frames that begin the message. Called once, before the first piece and after all waiting. */
  readonly begin: () => Iterable<string>;
  readonly piece: (piece: AnswerPiece) => Iterable<string>;
  /** Frames of a search, when it begins and when it ended. If omitted, none. */
  readonly lookup?: (lookup: AnswerLookup) => Iterable<string>;
  readonly end: (end: AnswerEnd) => Iterable<string>;
}

/**
 * Streams a generation of one answer. While it waits for the model, only comments are written: no message has begun. The answer of a
 * vote comes as a whole, when it is decided.
 */
export async function* answerFrames(run: RunningAnswer, frames: AnswerFrames): AsyncGenerator<string> {
  const reader = new AnswerReader({ ...run, whole: false });
  let begun = false;
  const lookups: AnswerLookup[] = [];
  for await (const value of eventsOf(run)) {
    if (value.kind === 'waiting') {
      yield waitingFrame(value);
      continue;
    }
    if (value.kind === 'lookup') {
      // A search before the thinking says nothing of the model, whose failure must still have its own status.
      lookups.push(value);
      if (!begun) continue;
    } else if (!begun) {
      begun = true;
      yield* frames.begin();
    }
    for (const lookup of lookups.splice(0)) yield* frames.lookup?.(lookup) ?? [];
    for (const piece of reader.take(value)) yield* frames.piece(piece);
    if (value.kind === 'done') yield* frames.end(value);
  }
}

/** Reads a generation of one answer to its end: passes each piece to `add`, each search to `addLookup`, and returns the account. */
export async function readAnswer(
  run: RunningAnswer,
  add: (piece: AnswerPiece) => void,
  addLookup: (lookup: AnswerLookup) => void = () => {},
): Promise<AnswerEnd> {
  const reader = new AnswerReader({ ...run, whole: true });
  for await (const value of eventsOf(run)) {
    if (value.kind === 'lookup') addLookup(value);
    for (const piece of reader.take(value)) add(piece);
    if (value.kind === 'done') return value;
  }
  throw new Error('The generation ended without an account.');
}

/** The `budget_forcing` object of an answer. */
export function toAnswerReport(end: AnswerEnd, run: RunningGeneration): BudgetReport {
  const { report, segments, vote } = end;
  return { ...toBudgetReport(report, segments, run, end), ...(vote === undefined ? {} : { vote }) };
}

type AnswerEvent = Exclude<GenerationEvent, { kind: 'done' }> | AnswerEnd;

async function* eventsOf(run: RunningAnswer): AsyncGenerator<AnswerEvent, void, undefined> {
  if (run.vote !== undefined) {
    yield* eventsOfWinner(run, run.vote);
    return;
  }
  for await (const { value } of run.events) yield value;
}

/** The events of the sample that wins the vote, when it is decided. Waiting is reported as it comes. */
async function* eventsOfWinner(run: RunningAnswer, vote: RunningVote): AsyncGenerator<AnswerEvent, void, undefined> {
  const samples = new Map<
    number,
    { readonly events: GenerationEvent[]; done?: Extract<GenerationEvent, { kind: 'done' }> }
  >();
  for await (const { index, value } of run.events) {
    if (value.kind === 'waiting') {
      yield value;
      continue;
    }
    const sample = samples.get(index) ?? { events: [] };
    samples.set(index, sample);
    if (value.kind === 'done') sample.done = value;
    else sample.events.push(value);
  }
  const winner = samples.get(vote.state.winner);
  if (winner?.done === undefined) throw new Error('The vote has no winner.');
  const finished = [...samples.values()].flatMap(({ done }) => done?.report ?? []);
  yield* winner.events;
  yield { ...winner.done, vote: toVoteAccount({ ...run, vote }, finished, winner.done.report) };
}
