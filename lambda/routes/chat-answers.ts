import { type ApiError, toApiError } from '../api-error.ts';
import { toBudgetReport } from '../dialects/budget-report.ts';
import {
  type ChatIdentity,
  chatCompletion,
  type FinishedChoice,
  finishChunk,
  roleChunk,
  textChunk,
  usageChunk,
  voteChunk,
} from '../dialects/chat-events.ts';
import { type SampleAccount, toChatUsage } from '../dialects/chat-usage.ts';
import type { Shrink } from '../forcing/settle-limits.ts';
import type { GenerationEvent } from '../generate.ts';
import { majorityVote } from '../vote/majority.ts';
import { commentFrame, dataFrame } from './event-stream.ts';

/** One request under way: what its samples give, merged. */
export interface ChatRun {
  readonly identity: ChatIdentity;
  readonly samples: number;
  /** Whether the samples vote, and only the winner is answered with. */
  readonly votes: boolean;
  /** Whether the thoughts are kept from the client. They are counted all the same. */
  readonly excludeThinking: boolean;
  readonly includeUsage: boolean;
  readonly shrunk: readonly Shrink[];
  readonly events: AsyncGenerator<{ readonly index: number; readonly value: GenerationEvent }>;
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
    if (value.kind === 'text' && !(run.excludeThinking && value.part === 'thinking')) {
      yield dataFrame(textChunk(run.identity, value, index));
    }
    collected.take(index, value);
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
  const { thinking, answer, finishReason, report } = collected.choice(collected.vote().winner);
  yield dataFrame(roleChunk(run.identity));
  if (thinking !== '') yield dataFrame(textChunk(run.identity, { part: 'thinking', text: thinking, forced: false }));
  if (answer !== '') yield dataFrame(textChunk(run.identity, { part: 'answer', text: answer, forced: false }));
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
  readonly #texts = new Map<number, { thinking: string; answer: string }>();
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

  take(index: number, event: GenerationEvent): void {
    const texts = this.#texts.get(index) ?? { thinking: '', answer: '' };
    this.#texts.set(index, texts);
    if (event.kind === 'text' && !(this.#run.excludeThinking && event.part === 'thinking'))
      texts[event.part] += event.text;
    if (event.kind !== 'done') return;
    const { report, segments } = event;
    this.#accounts.set(index, { report, segments });
    const finishReason = report.finishReason ?? 'stop';
    this.#finished.push({ index, ...texts, finishReason, report: toBudgetReport(report, segments, this.#run.shrunk) });
  }
}
