import type { GenerationEvent } from '../../generation/generation.ts';
import { mergeGenerators } from '../../generation/merge-generators.ts';
import type { RunningGeneration } from '../../generation/request.ts';
import { type ChatUsage, toChatUsage, toUsageSoFar } from '../../generation/usage.ts';
import { dataFrame, waitingFrame } from '../../http/server-sent-events.ts';
import type { TokenLogprob } from '../../upstream/segment-model.ts';
import { type BudgetReport, toBudgetReport } from '../budget-report.ts';
import { toLogprobs } from './logprobs.ts';

/** Running generations of all prompts, with what the response needs of the request. */
export interface RunningCompletion {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly prompts: readonly RunningPrompt[];
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
  /** Whether the request has a thinking budget. */
  readonly thinks: boolean;
  readonly echo: boolean;
  /** Whether nothing of the completion is returned, only the echo (`max_tokens: 0`). */
  readonly echoOnly: boolean;
  readonly logprobs: boolean;
  readonly tokenIds: boolean;
  /** Ids of the request's `stop_token_ids`. */
  readonly stopTokenIds: readonly number[];
}

export interface RunningPrompt {
  readonly run: RunningGeneration;
  readonly ids: readonly number[];
  readonly text: string;
  /** Returns the log-probabilities of the prompt. The first token has none. */
  readonly promptLogprobs: () => Promise<readonly TokenLogprob[]>;
}

/** A piece of one choice. */
interface Piece {
  readonly text?: string;
  readonly thinking?: string;
  readonly ids?: readonly number[];
  readonly logprobs?: readonly TokenLogprob[];
  readonly promptIds?: readonly number[];
  readonly end?: End;
}
interface End {
  readonly finishReason: 'stop' | 'length';
  readonly stopReason: number | string | null;
  readonly report: BudgetReport;
}

/** The response, when all choices are finished. */
export async function wholeCompletion(running: RunningCompletion) {
  const choices = running.prompts.flatMap(({ run }) => Array.from({ length: run.samples }, () => newChoice()));
  for await (const { index, piece } of pieces(running)) {
    const choice = choices[index];
    if (choice === undefined || piece === 'waiting') continue;
    choice.text += piece.text ?? '';
    choice.thinking += piece.thinking ?? '';
    choice.ids.push(...(piece.ids ?? []));
    choice.logprobs.push(...(piece.logprobs ?? []));
    choice.promptIds = piece.promptIds ?? choice.promptIds;
    choice.end = piece.end ?? choice.end;
  }
  return {
    id: running.id,
    object: 'text_completion',
    created: running.created,
    model: running.model,
    choices: choices.map(({ end, text, thinking, ids, logprobs, promptIds }, index) => ({
      index,
      text,
      ...(running.thinks ? { reasoning_content: thinking, reasoning: thinking } : {}),
      logprobs: running.logprobs ? toLogprobs(logprobs, { echoed: running.echo }) : null,
      finish_reason: end?.finishReason ?? 'length',
      stop_reason: end?.stopReason ?? null,
      ...(running.tokenIds ? { prompt_token_ids: promptIds ?? [], token_ids: ids } : {}),
      ...(running.thinks && end !== undefined ? { budget_forcing: end.report } : {}),
    })),
    usage: usageOf(running),
  };
}

/** A choice as far as it is collected. */
interface CollectedChoice {
  text: string;
  thinking: string;
  readonly ids: number[];
  readonly logprobs: TokenLogprob[];
  promptIds?: readonly number[] | undefined;
  end?: End | undefined;
}

function newChoice(): CollectedChoice {
  return { text: '', thinking: '', ids: [], logprobs: [] };
}

/** The frames of a streamed response. */
export async function* streamedCompletion(running: RunningCompletion): AsyncGenerator<string> {
  const { id, created, model } = running;
  const offsets = new Map<number, number>();
  let sentIds = 0;
  for await (const { index, piece, event } of pieces(running)) {
    if (piece === 'waiting') {
      if (event?.kind === 'waiting') yield waitingFrame(event);
      continue;
    }
    const { text = '', thinking, ids, logprobs = [], promptIds, end } = piece;
    sentIds += ids?.length ?? 0;
    const offset = offsets.get(index);
    const shown = toLogprobs(logprobs, { echoed: running.echo && offset === undefined, from: offset ?? 0 });
    if (shown !== null) offsets.set(index, (offset ?? 0) + shown.tokens.reduce((sum, token) => sum + token.length, 0));
    yield dataFrame({
      id,
      object: 'text_completion',
      created,
      model,
      choices: [
        {
          index,
          text,
          ...(thinking === undefined ? {} : { reasoning_content: thinking, reasoning: thinking }),
          logprobs: running.logprobs ? shown : null,
          finish_reason: end?.finishReason ?? null,
          ...(end === undefined ? {} : { stop_reason: end.stopReason }),
          ...(promptIds === undefined ? {} : { prompt_token_ids: promptIds }),
          // Text without new ids has an empty list, as vLLM's chunks do.
          ...(running.tokenIds && !running.thinks ? { token_ids: ids ?? [] } : {}),
        },
      ],
      ...(running.continuousUsage ? { usage: usageSoFar(running, sentIds) } : {}),
      ...(running.thinks && end !== undefined ? { budget_forcing: end.report } : {}),
    });
  }
  if (running.includeUsage) {
    yield dataFrame({ id, object: 'text_completion', created, model, choices: [], usage: usageOf(running) });
  }
  yield 'data: [DONE]\n\n';
}

interface IndexedPiece {
  readonly index: number;
  readonly piece: Piece | 'waiting';
  readonly event?: GenerationEvent;
}

/** Pieces of all choices, as they come. The choices of a prompt are beside each other, as in OpenAI's API. */
async function* pieces(running: RunningCompletion): AsyncGenerator<IndexedPiece> {
  let first = 0;
  const generators = running.prompts.map((prompt) => {
    const from = first;
    first += prompt.run.samples;
    return promptPieces(running, prompt, from);
  });
  const cancel = () => {
    for (const { run } of running.prompts) run.cancel();
  };
  for await (const { value } of mergeGenerators(generators, cancel)) yield value;
}

async function* promptPieces(
  running: RunningCompletion,
  { run, ids, text, promptLogprobs }: RunningPrompt,
  from: number,
): AsyncGenerator<IndexedPiece, void, undefined> {
  const { echo, echoOnly, tokenIds } = running;
  const begun = new Set<number>();
  const ended = new Map<number, number>();
  for await (const { index: sample, value: event } of run.events) {
    const index = from + sample;
    if (event.kind === 'waiting') {
      yield { index, piece: 'waiting', event };
      continue;
    }
    if (!begun.has(sample)) {
      begun.add(sample);
      const opening: Piece = {
        ...(echo ? { text } : {}),
        ...(echo && running.logprobs ? { logprobs: await promptLogprobs() } : {}),
        ...(tokenIds ? { promptIds: ids } : {}),
      };
      if (Object.keys(opening).length > 0) yield { index, piece: opening };
    }
    if (event.kind === 'tokens') ended.set(sample, event.ids.at(-1) ?? -1);
    const piece = toPiece(event, running, run, ended.get(sample));
    if (piece !== undefined && (!echoOnly || piece.end !== undefined)) yield { index, piece };
  }
}

/** The part of an event that the client sees. */
function toPiece(
  event: GenerationEvent,
  { thinks, logprobs, tokenIds, stopTokenIds }: RunningCompletion,
  run: RunningGeneration,
  last: number | undefined,
): Piece | undefined {
  switch (event.kind) {
    case 'text':
      if (event.text === '') return undefined;
      if (event.part === 'answer') return { text: event.text };
      return run.excludeThinking ? undefined : { thinking: event.text };
    case 'tokens':
      if (!logprobs && !tokenIds) return undefined;
      return { ids: event.ids, logprobs: event.logprobs };
    case 'logprobs':
      // A plain completion has them with its tokens.
      return thinks && logprobs && event.part === 'answer' ? { logprobs: event.tokens } : undefined;
    case 'done': {
      const { report, segments } = event;
      const finishReason = report.finishReason ?? 'stop';
      const stopId = last !== undefined && stopTokenIds.includes(last) ? last : undefined;
      const stopReason = finishReason === 'stop' ? (stopId ?? report.stopText ?? null) : null;
      return { end: { finishReason, stopReason, report: toBudgetReport(report, segments, run) } };
    }
    case 'waiting':
    case 'lookup':
    case 'thought':
      return undefined;
    default:
      return event satisfies never;
  }
}

function usageOf({ prompts }: RunningCompletion): ChatUsage {
  return sumOf(prompts.map(({ run }) => toChatUsage(run.accounts)));
}

/** With token ids, a frame counts exactly those that it and the frames before it have, as vLLM does: a client can tell if one was lost. */
function usageSoFar({ prompts, tokenIds, thinks }: RunningCompletion, sentIds: number): ChatUsage {
  const usage = sumOf(prompts.map(({ run }) => toUsageSoFar(run.promptTokens, run.tokensSoFar())));
  if (!tokenIds || thinks) return usage;
  return { ...usage, completion_tokens: sentIds, total_tokens: usage.prompt_tokens + sentIds };
}

function sumOf(usages: readonly ChatUsage[]): ChatUsage {
  const sum = (select: (usage: ChatUsage) => number) => usages.reduce((total, usage) => total + select(usage), 0);
  return {
    prompt_tokens: sum((usage) => usage.prompt_tokens),
    completion_tokens: sum((usage) => usage.completion_tokens),
    total_tokens: sum((usage) => usage.total_tokens),
    prompt_tokens_details: { cached_tokens: sum((usage) => usage.prompt_tokens_details.cached_tokens) },
    completion_tokens_details: { reasoning_tokens: sum((usage) => usage.completion_tokens_details.reasoning_tokens) },
  };
}
