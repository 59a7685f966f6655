import { randomUUID } from 'node:crypto';
import { type ApiError, toApiError } from '../api-error.ts';
import { toBudgetReport } from '../dialects/budget-report.ts';
import {
  type ChatIdentity,
  callChunk,
  chatCompletion,
  type FinishedChoice,
  finishChunk,
  type IdentifiedCall,
  roleChunk,
  textChunk,
  usageChunk,
  voteChunk,
} from '../dialects/chat-events.ts';
import { type SampleAccount, toChatUsage } from '../dialects/chat-usage.ts';
import type { GenerationEvent } from '../generate.ts';
import type { Run } from '../run-request.ts';
import { CallReader, type ReadAnswer } from '../tools/call-reader.ts';
import type { ToolUse } from '../tools/tool.ts';
import { majorityVote } from '../vote/majority.ts';
import { commentFrame, dataFrame } from './event-stream.ts';

/** One chat under way. */
export interface ChatRun extends Run {
  readonly identity: ChatIdentity;
  /** Whether the samples vote, and only the winner is answered with. */
  readonly votes: boolean;
  readonly includeUsage: boolean;
  readonly tools: ToolUse | undefined;
}

/** The whole answer, when all samples are in. */
export async function wholeCompletion(run: ChatRun) {
  const collected = new Samples(run);
  for await (const { index, value } of run.events) collected.take(index, value);
  const { choices, usage } = collected;
  if (!run.votes) return chatCompletion(run.identity, choices, usage);
  const { winner, counts } = collected.vote();
  return chatCompletion(run.identity, [{ ...collected.choice(winner), index: 0 }], usage, { of: run.samples, counts });
}

/** The frames of a streamed answer. What fails before the first frame is thrown; later it becomes an error event. */
export async function* streamedCompletion(run: ChatRun, onFailure: (error: ApiError) => void): AsyncGenerator<string> {
  const frames = run.votes ? votedFrames(run) : choiceFrames(run);
  let begun = false;
  try {
    for await (const frame of frames) {
      begun = true;
      yield frame;
    }
  } catch (error) {
    if (!begun) throw error;
    const apiError = toApiError(error);
    onFailure(apiError);
    yield dataFrame(apiError.body, 'error');
  }
}

/** Each sample is a choice of its own, and comes as it is made. */
async function* choiceFrames(run: ChatRun): AsyncGenerator<string> {
  const collected = new Samples(run);
  const begun = new Set<number>();
  for await (const { index, value } of run.events) {
    if (value.kind !== 'waiting' && !begun.has(index)) {
      begun.add(index);
      yield dataFrame(roleChunk(run.identity, index));
    }
    if (value.kind === 'waiting') yield waitingFrame(value);
    for (const piece of collected.take(index, value)) {
      yield dataFrame('call' in piece ? callChunk(run.identity, piece, index) : textChunk(run.identity, piece, index));
    }
    if (value.kind === 'done') {
      const { finishReason, report } = collected.choice(index);
      yield dataFrame(finishChunk(run.identity, finishReason, report, index));
    }
  }
  yield* lastFrames(run, collected);
}

/** How the vote stands after each sample; then the winner, whole. */
async function* votedFrames(run: ChatRun): AsyncGenerator<string> {
  const collected = new Samples(run);
  for await (const { index, value } of run.events) {
    if (value.kind === 'waiting') yield waitingFrame(value);
    collected.take(index, value);
    if (value.kind === 'done') {
      yield dataFrame(voteChunk(run.identity, collected.vote(), collected.choices.length, run.samples));
    }
  }
  const { thinking, answer, calls, finishReason, report } = collected.choice(collected.vote().winner);
  yield dataFrame(roleChunk(run.identity));
  if (thinking !== '') yield dataFrame(textChunk(run.identity, { part: 'thinking', text: thinking, forced: false }));
  if (answer !== '') yield dataFrame(textChunk(run.identity, { part: 'answer', text: answer, forced: false }));
  for (const [at, call] of calls.entries()) yield dataFrame(callChunk(run.identity, { call, at }));
  yield dataFrame(finishChunk(run.identity, finishReason, report));
  yield* lastFrames(run, collected);
}

function* lastFrames(run: ChatRun, collected: Samples): Generator<string> {
  if (run.includeUsage) yield dataFrame(usageChunk(run.identity, collected.usage));
  yield 'data: [DONE]\n\n';
}

function waitingFrame(event: Extract<GenerationEvent, { kind: 'waiting' }>): string {
  return commentFrame(`${event.because}: next try in ${Math.ceil(event.retryInMs / 1_000)} s`);
}

/** What has come of each sample so far. */
class Samples {
  readonly #run: ChatRun;
  readonly #states = new Map<number, ChoiceState>();
  readonly #accounts = new Map<number, SampleAccount>();
  readonly #finished: FinishedChoice[] = [];

  constructor(run: ChatRun) {
    this.#run = run;
  }

  /** The finished ones, in the order of their indexes. */
  get choices(): readonly FinishedChoice[] {
    return this.#finished.toSorted((a, b) => a.index - b.index);
  }

  get usage() {
    return toChatUsage([...this.#accounts.values()]);
  }

  choice(index: number): FinishedChoice {
    const found = this.#finished.find((choice) => choice.index === index);
    if (found === undefined) throw new Error(`Sample ${index} ended without an account.`);
    return found;
  }

  /** The vote of those that are finished, in the order in which they came in. */
  vote() {
    return majorityVote(this.#finished.map(({ index, answer }) => ({ index, text: answer })));
  }

  /** Gives what the client may see of it. */
  take(index: number, event: GenerationEvent): readonly ChoicePiece[] {
    const state = this.#states.get(index) ?? newState(this.#run);
    this.#states.set(index, state);
    if (event.kind === 'text' && event.part === 'thinking') {
      if (this.#run.excludeThinking) return [];
      state.thinking += event.text;
      return [event];
    }
    if (event.kind === 'text') {
      return state.reader === undefined ? addText(state, event) : addRead(state, state.reader.push(event.text), event);
    }
    if (event.kind !== 'done') return [];
    const pieces = state.reader === undefined ? [] : addRead(state, state.reader.end());
    const { report, segments } = event;
    this.#accounts.set(index, { report, segments });
    const { thinking, answer, calls } = state;
    const finishReason = calls.length > 0 ? 'tool_calls' : (report.finishReason ?? 'stop');
    const budgetReport = toBudgetReport(report, segments, this.#run.shrunk);
    this.#finished.push({ index, thinking, answer, calls, finishReason, report: budgetReport });
    return pieces;
  }
}

interface ChoiceState {
  thinking: string;
  answer: string;
  readonly calls: IdentifiedCall[];
  readonly reader: CallReader | undefined;
}

/** A piece of a choice, as a chunk shows it. */
type ChoicePiece =
  | { readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean }
  | { readonly call: IdentifiedCall; readonly at: number };

function newState({ tools }: ChatRun): ChoiceState {
  return { thinking: '', answer: '', calls: [], reader: tools === undefined ? undefined : new CallReader(tools) };
}

function addText(state: ChoiceState, piece: Extract<ChoicePiece, { text: string }>): readonly ChoicePiece[] {
  if (piece.text === '') return [];
  state.answer += piece.text;
  return [piece];
}

function addRead(
  state: ChoiceState,
  { content, calls }: ReadAnswer,
  { forced }: { readonly forced: boolean } = { forced: false },
): readonly ChoicePiece[] {
  const pieces = [...addText(state, { part: 'answer', text: content, forced })];
  for (const call of calls) {
    const identified = { id: `call_${randomUUID().replaceAll('-', '')}`, ...call };
    pieces.push({ call: identified, at: state.calls.push(identified) - 1 });
  }
  return pieces;
}
