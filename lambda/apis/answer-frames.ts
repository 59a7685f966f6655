import type { ToolUse } from '../formats/tools/tool.ts';
import { type AnswerPiece, AnswerReader } from '../generation/answer-reader.ts';
import type { GenerationEvent } from '../generation/generation.ts';
import type { RunningGeneration } from '../generation/request.ts';
import { waitingFrame } from '../http/server-sent-events.ts';

/** The account with which a sample ends. */
export type AnswerEnd = Extract<GenerationEvent, { kind: 'done' }>;

/** A running generation of one sample. */
type RunningAnswer = Pick<RunningGeneration, 'events' | 'excludeThinking'> & { readonly tools: ToolUse | undefined };

/** How a dialect writes an answer as frames of its stream. */
export interface AnswerFrames {
  /** Frames that begin the message. Called once, before the first piece and after all waiting. */
  readonly begin: () => Iterable<string>;
  readonly piece: (piece: AnswerPiece) => Iterable<string>;
  readonly end: (end: AnswerEnd) => Iterable<string>;
}

/** Streams a generation of one sample. While it waits for the model, only comments are written: no message has begun. */
export async function* answerFrames(run: RunningAnswer, frames: AnswerFrames): AsyncGenerator<string> {
  const reader = new AnswerReader({ ...run, whole: false });
  let begun = false;
  for await (const { value } of run.events) {
    if (value.kind === 'waiting') {
      yield waitingFrame(value);
      continue;
    }
    if (!begun) {
      begun = true;
      yield* frames.begin();
    }
    for (const piece of reader.take(value)) yield* frames.piece(piece);
    if (value.kind === 'done') yield* frames.end(value);
  }
}

/** Reads a generation of one sample to its end: passes each piece to `add` and returns the account. */
export async function readAnswer(run: RunningAnswer, add: (piece: AnswerPiece) => void): Promise<AnswerEnd> {
  const reader = new AnswerReader({ ...run, whole: true });
  for await (const { value } of run.events) {
    for (const piece of reader.take(value)) add(piece);
    if (value.kind === 'done') return value;
  }
  throw new Error('The generation ended without an account.');
}
