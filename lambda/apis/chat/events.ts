import type { ToolCall } from '../../forcing/format.ts';
import type { ThinkingLogprob } from '../../generation/generation.ts';
import type { ChatUsage } from '../../generation/usage.ts';
import type { BudgetReport, VoteAccount } from '../budget-report.ts';
import type { Citation } from '../citations.ts';

/** Fields that a completion and all chunks of a stream share. */
export interface ChatIdentity {
  /** `chatcmpl-…` */
  readonly id: string;
  /** Unix time, in seconds. */
  readonly created: number;
  readonly model: string;
}

/** A tool call, with the id to which its result refers. */
export interface IdentifiedCall extends ToolCall {
  /** `call_…` */
  readonly id: string;
}

type FinishReason = 'stop' | 'length' | 'tool_calls';

/** One finished choice. */
export interface FinishedChoice {
  readonly index: number;
  readonly thinking: string;
  readonly answer: string;
  readonly calls: readonly IdentifiedCall[];
  /** The passages that the answer cites. */
  readonly citations: readonly Citation[];
  readonly logprobs: ChoiceLogprobs;
  readonly finishReason: FinishReason;
  readonly report: BudgetReport;
}

/** The state of a vote after `finished` of `of` samples. */
export interface VoteReport {
  readonly finished: number;
  readonly of: number;
  readonly counts: VoteAccount['counts'];
}

/** The delta of a choice. Thinking has both names that clients read. */
interface Delta {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly reasoning?: string;
  readonly tool_calls?: readonly CallDelta[];
  readonly annotations?: readonly Annotation[];
  /** Set if this text was forced, not sampled. */
  readonly forced?: true;
}

type Annotation = ReturnType<typeof toAnnotation>;

/**
 * OpenAI's annotation of a message, which knows URLs only: that of the file in this API. The indices are those of the mark, in UTF-16 code
 * units.
 */
function toAnnotation({ passage, start, end }: Citation) {
  const url = `/v1/files/${encodeURIComponent(passage.fileId)}/content`;
  return {
    type: 'url_citation' as const,
    url_citation: { start_index: start, end_index: end, title: passage.filename, url },
  };
}

/** The citations of a choice, after its text. */
export function annotationsChunk(identity: ChatIdentity, citations: readonly Citation[], index = 0) {
  return chunk(identity, index, { annotations: citations.map(toAnnotation) });
}

/** A call has its id and name in the first delta, and then only arguments. */
type CallDelta = { readonly index: number } & (
  | ReturnType<typeof toToolCall>
  | { readonly function: { readonly arguments: string } }
);

export function roleChunk(identity: ChatIdentity, index = 0) {
  return chunk(identity, index, { role: 'assistant', content: '' });
}

export function textChunk(
  identity: ChatIdentity,
  piece: { readonly kind: 'thinking' | 'text'; readonly text: string; readonly forced: boolean },
  index = 0,
) {
  const delta =
    piece.kind === 'thinking' ? { reasoning_content: piece.text, reasoning: piece.text } : { content: piece.text };
  return chunk(identity, index, piece.forced ? { ...delta, forced: true } : delta);
}

/** Log probabilities of the next tokens of a choice. Their text follows in later chunks. */
export function logprobsChunk(identity: ChatIdentity, logprobs: ChoiceLogprobs, index = 0) {
  const made = chunk(identity, index, {});
  return { ...made, choices: made.choices.map((choice) => ({ ...choice, logprobs: toLogprobs(logprobs) })) };
}

/** Log probabilities of a choice. `undefined`: not requested, or the model server returns none. */
export interface ChoiceLogprobs {
  readonly thinking?: readonly ThinkingLogprob[] | undefined;
  readonly answer?: readonly ThinkingLogprob[] | undefined;
}

function toLogprobs({ thinking, answer }: ChoiceLogprobs) {
  if (thinking === undefined && answer === undefined) return null;
  return {
    content: answer?.map(toEntry) ?? null,
    refusal: null,
    ...(thinking === undefined ? {} : { reasoning_content: thinking.map(toEntry) }),
  };
}

function toEntry(entry: ThinkingLogprob) {
  return {
    ...toToken(entry),
    top_logprobs: entry.top.map(toToken),
    ...(entry.logprob === null ? { forced: true } : {}),
  };
}

function toToken<Logprob extends number | null>({
  token,
  logprob,
}: {
  readonly token: string;
  readonly logprob: Logprob;
}) {
  // A token that is part of a character has no text.
  return { token, logprob, bytes: token.includes('\ufffd') ? null : [...new TextEncoder().encode(token)] };
}

/** The beginning of a tool call. `at`: its index in the choice. Its arguments follow in later chunks. */
export function callChunk(
  identity: ChatIdentity,
  { call, at }: { readonly call: IdentifiedCall; readonly at: number },
  index = 0,
) {
  return chunk(identity, index, { tool_calls: [{ index: at, ...toToolCall({ ...call, arguments: '' }) }] });
}

/** More of the arguments of the tool call `at`. */
export function argumentsChunk(
  identity: ChatIdentity,
  { text, at }: { readonly text: string; readonly at: number },
  index = 0,
) {
  return chunk(identity, index, { tool_calls: [{ index: at, function: { arguments: text } }] });
}

function toToolCall({ id, name, arguments: text }: IdentifiedCall) {
  return { id, type: 'function' as const, function: { name, arguments: text } };
}

/** The last chunk of a choice, with its `budget_forcing`. */
export function finishChunk(identity: ChatIdentity, finishReason: FinishReason, report: BudgetReport, index = 0) {
  return { ...chunk(identity, index, {}, finishReason), budget_forcing: report };
}

/** The state of the vote after a sample. */
export function voteChunk(identity: ChatIdentity, vote: VoteReport) {
  return { ...chunk(identity, 0, {}), choices: [], vote };
}

/** The chunk after the last choice, if the request sets `stream_options.include_usage`. */
export function usageChunk(identity: ChatIdentity, usage: ChatUsage) {
  return { ...chunk(identity, 0, {}), choices: [], usage };
}

/**
 * A response that is not streamed. `budget_forcing` is at the top level if there is one choice, else in each choice.
 */
export function chatCompletion(
  identity: ChatIdentity,
  choices: readonly FinishedChoice[],
  usage: ChatUsage,
  vote?: VoteReport,
) {
  const [first] = choices;
  return {
    id: identity.id,
    object: 'chat.completion',
    created: identity.created,
    model: identity.model,
    choices: choices.map((choice) => ({
      index: choice.index,
      message: {
        role: 'assistant',
        content: choice.answer === '' && choice.calls.length > 0 ? null : choice.answer,
        reasoning_content: choice.thinking,
        reasoning: choice.thinking,
        refusal: null,
        annotations: choice.citations.map(toAnnotation),
        ...(choice.calls.length === 0 ? {} : { tool_calls: choice.calls.map(toToolCall) }),
      },
      logprobs: toLogprobs(choice.logprobs),
      finish_reason: choice.finishReason,
      ...(choices.length > 1 ? { budget_forcing: choice.report } : {}),
    })),
    usage,
    ...(choices.length === 1 && first !== undefined ? { budget_forcing: first.report } : {}),
    ...(vote === undefined ? {} : { vote }),
  };
}

function chunk(identity: ChatIdentity, index: number, delta: Delta, finishReason: FinishReason | null = null) {
  return {
    id: identity.id,
    object: 'chat.completion.chunk',
    created: identity.created,
    model: identity.model,
    choices: [{ index, delta, logprobs: null, finish_reason: finishReason }],
  };
}
