import { randomUUID } from 'node:crypto';
import type { ToolUse } from '../../formats/tools/tool.ts';
import { type AnswerPiece, AnswerReader } from '../../generation/answer-reader.ts';
import type { GenerationEvent, ThinkingLogprob } from '../../generation/generation.ts';
import type { RunningGeneration } from '../../generation/request.ts';
import type { RunningVote, VoteState } from '../../generation/running-vote.ts';
import { type ChatUsage, type SampleAccount, toChatUsage, toUsageSoFar } from '../../generation/usage.ts';
import { dataFrame, waitingFrame } from '../../http/server-sent-events.ts';
import { type BudgetReport, toBudgetReport } from '../budget-report.ts';
import { type Citation, CitationReader } from '../citations.ts';
import { toVoteAccount, toVoteCounts } from '../vote-account.ts';
import {
  annotationsChunk,
  argumentsChunk,
  type ChatIdentity,
  callChunk,
  chatCompletion,
  type FinishedChoice,
  finishChunk,
  type IdentifiedCall,
  logprobsChunk,
  roleChunk,
  textChunk,
  usageChunk,
  type VoteReport,
  voteChunk,
} from './events.ts';

/** A running generation with what the response needs of the chat request. */
export interface RunningChat extends RunningGeneration {
  readonly identity: ChatIdentity;
  readonly includeUsage: boolean;
  /** Whether every chunk has the usage so far. */
  readonly continuousUsage: boolean;
  readonly tools: ToolUse | undefined;
  /** Whether the log probabilities of the thinking were requested. They are an empty list if there is no thinking. */
  readonly thinkingLogprobs: boolean;
}

/** The completion, when all samples are finished. */
export async function wholeCompletion(run: RunningChat) {
  const collected = new CollectedSamples(run, { whole: true });
  for await (const { index, value } of run.events) collected.take(index, value);
  const { choices } = collected;
  if (run.vote === undefined) return chatCompletion(run.identity, choices, collected.usage(choices));
  const { winner } = run.vote.state;
  const returned = [{ ...collected.choice(winner), report: collected.votedReport(winner), index: 0 }];
  const usage = collected.usage([collected.choice(winner)]);
  return chatCompletion(run.identity, returned, usage, collected.voteReport(run.vote.state));
}

/** The frames of a streamed completion. */
export function streamedCompletion(run: RunningChat): AsyncGenerator<string> {
  return run.vote === undefined ? choiceFrames(run) : votedFrames(run, run.vote);
}

/** Streams each sample as a choice while it is generated. */
async function* choiceFrames(run: RunningChat): AsyncGenerator<string> {
  const collected = new CollectedSamples(run, { whole: false });
  const begun = new Set<number>();
  const frame = (chunk: object) =>
    dataFrame(run.continuousUsage ? { ...chunk, usage: toUsageSoFar(run.promptTokens, run.tokensSoFar()) } : chunk);
  for await (const { index, value } of run.events) {
    // A search before the thinking says nothing of the model, whose failure must still have its own status.
    if (value.kind !== 'waiting' && value.kind !== 'lookup' && !begun.has(index)) {
      begun.add(index);
      yield frame(roleChunk(run.identity, index));
    }
    if (value.kind === 'waiting') yield waitingFrame(value);
    if (value.kind === 'logprobs') yield frame(logprobsChunk(run.identity, { [value.part]: value.tokens }, index));
    for (const piece of collected.take(index, value)) {
      yield frame(pieceChunk(run.identity, piece, index));
    }
    if (value.kind === 'done') {
      const { finishReason, report, citations } = collected.choice(index);
      if (citations.length > 0) yield frame(annotationsChunk(run.identity, citations, index));
      yield frame(finishChunk(run.identity, finishReason, report, index));
    }
  }
  yield* lastFrames(run, collected.usage(collected.choices));
}

/** Streams the state of the vote after each sample, then the winner as a whole. */
async function* votedFrames(run: RunningChat, vote: RunningVote): AsyncGenerator<string> {
  const collected = new CollectedSamples(run, { whole: true });
  for await (const { index, value } of run.events) {
    if (value.kind === 'waiting') yield waitingFrame(value);
    collected.take(index, value);
    if (value.kind === 'done') yield dataFrame(voteChunk(run.identity, collected.voteReport(vote.state)));
  }
  const { winner } = vote.state;
  const choice = collected.choice(winner);
  const { thinking, answer, calls, citations, logprobs, finishReason } = choice;
  yield dataFrame(roleChunk(run.identity));
  if (logprobs.thinking !== undefined || logprobs.answer !== undefined) {
    yield dataFrame(logprobsChunk(run.identity, logprobs));
  }
  if (thinking !== '') yield dataFrame(textChunk(run.identity, { kind: 'thinking', text: thinking, forced: false }));
  if (answer !== '') yield dataFrame(textChunk(run.identity, { kind: 'text', text: answer, forced: false }));
  for (const [at, call] of calls.entries()) {
    yield dataFrame(callChunk(run.identity, { call, at }));
    yield dataFrame(argumentsChunk(run.identity, { text: call.arguments, at }));
  }
  if (citations.length > 0) yield dataFrame(annotationsChunk(run.identity, citations));
  yield dataFrame(finishChunk(run.identity, finishReason, collected.votedReport(winner)));
  yield* lastFrames(run, collected.usage([choice]));
}

function* lastFrames(run: RunningChat, usage: ChatUsage): Generator<string> {
  if (run.includeUsage) yield dataFrame(usageChunk(run.identity, usage));
  yield 'data: [DONE]\n\n';
}

/** Collects the events of all samples. */
export class CollectedSamples {
  readonly #run: RunningChat;
  readonly #states = new Map<number, ChoiceState>();
  readonly #accounts = new Map<number, SampleAccount>();
  readonly #finished: FinishedChoice[] = [];
  readonly #whole: boolean;

  constructor(run: RunningChat, { whole }: { readonly whole: boolean }) {
    this.#run = run;
    this.#whole = whole;
  }

  /** The finished choices, by index. */
  get choices(): readonly FinishedChoice[] {
    return this.#finished.toSorted((a, b) => a.index - b.index);
  }

  /** The usage of the samples that the response has. The ledger counts all. */
  usage(returned: readonly FinishedChoice[]): ChatUsage {
    const accounts = returned.flatMap(({ index }) => this.#accounts.get(index) ?? []);
    return toChatUsage(accounts);
  }

  choice(index: number): FinishedChoice {
    const found = this.#finished.find((choice) => choice.index === index);
    if (found === undefined) throw new Error(`Sample ${index} ended without an account.`);
    return found;
  }

  voteReport(state: VoteState): VoteReport {
    const { vote, samples } = this.#run;
    if (vote === undefined) throw new Error('The samples do not vote.');
    return { finished: state.finished, of: samples, counts: toVoteCounts(state, vote) };
  }

  /** The report of the winner, with the account of all samples of the vote. */
  votedReport(winner: number): BudgetReport {
    const { vote } = this.#run;
    const account = this.#accounts.get(winner);
    if (vote === undefined || account === undefined) throw new Error('The samples do not vote.');
    const finished = [...this.#accounts.values()].map(({ report }) => report);
    return { ...this.choice(winner).report, vote: toVoteAccount({ ...this.#run, vote }, finished, account.report) };
  }

  /** Adds an event of a sample. Returns the pieces that the client sees. */
  take(index: number, event: GenerationEvent): readonly ChoicePiece[] {
    const state = this.#states.get(index) ?? {
      reader: new AnswerReader({ ...this.#run, whole: this.#whole }),
      thinking: '',
      answer: '',
      calls: [],
      cutCall: false,
      citer: new CitationReader([]),
      citations: [],
      logprobs: this.#run.thinkingLogprobs ? { thinking: [] } : {},
    };
    this.#states.set(index, state);
    if (event.kind === 'logprobs') {
      const { [event.part]: entries = [] } = state.logprobs;
      entries.push(...event.tokens);
      state.logprobs[event.part] = entries;
    }
    if (event.kind === 'lookup' && event.account !== undefined && this.#run.cites) {
      state.citer = new CitationReader(event.account.passages);
    }
    const pieces = state.reader.take(event).flatMap((piece) => addTo(state, piece));
    if (event.kind === 'done') {
      const { report, segments } = event;
      const { thinking, answer, calls, citations, logprobs } = state;
      this.#accounts.set(index, { report, segments });
      // A client runs the calls of an answer that ends with them: a call that was cut is not among those.
      const called = calls.length > 0 && !state.cutCall;
      const finishReason = called ? 'tool_calls' : (report.finishReason ?? 'stop');
      const budgetReport = toBudgetReport(report, segments, this.#run, event);
      const written = { thinking, answer, calls, citations, logprobs };
      this.#finished.push({ index, ...written, finishReason, report: budgetReport });
    }
    return pieces;
  }
}

interface ChoiceState {
  readonly reader: AnswerReader;
  thinking: string;
  answer: string;
  readonly calls: IdentifiedCall[];
  /** Whether a call is incomplete. */
  cutCall: boolean;
  citer: CitationReader;
  readonly citations: Citation[];
  readonly logprobs: { thinking?: ThinkingLogprob[]; answer?: ThinkingLogprob[] };
}

/** A piece of a choice, as one chunk contains it. `at`: the index of the call in the choice. */
type ChoicePiece =
  | { readonly kind: 'thinking' | 'text'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'call'; readonly call: IdentifiedCall; readonly at: number }
  | { readonly kind: 'arguments'; readonly text: string; readonly at: number };

function addTo(state: ChoiceState, piece: AnswerPiece): readonly ChoicePiece[] {
  switch (piece.kind) {
    case 'thinking':
      state.thinking += piece.text;
      return [piece];
    case 'text':
      state.answer += piece.text;
      state.citations.push(...state.citer.push(piece.text));
      return [piece];
    case 'call': {
      const call = { id: `call_${randomUUID().replaceAll('-', '')}`, name: piece.name, arguments: '' };
      return [{ kind: 'call', call, at: state.calls.push(call) - 1 }];
    }
    case 'arguments': {
      const call = state.calls.pop();
      if (call === undefined) throw new Error('Arguments came before their call.');
      const at = state.calls.push({ ...call, arguments: call.arguments + piece.text }) - 1;
      return [{ ...piece, at }];
    }
    case 'call-end':
      state.cutCall ||= !piece.complete;
      return [];
  }
}

function pieceChunk(identity: ChatIdentity, piece: ChoicePiece, index: number) {
  if (piece.kind === 'call') return callChunk(identity, piece, index);
  if (piece.kind === 'arguments') return argumentsChunk(identity, piece, index);
  return textChunk(identity, piece, index);
}
