import type { BudgetReport } from './budget-report.ts';
import type { ChatUsage } from './chat-usage.ts';

/** What all chunks and the whole answer of one request share. */
export interface ChatIdentity {
  /** `chatcmpl-…` */
  readonly id: string;
  /** Unix time. Seconds. */
  readonly created: number;
  readonly model: string;
}

/** What one choice's delta may hold. Thoughts go by both of the names that clients read. */
interface Delta {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly reasoning?: string;
  /** Whether this text was forced, not sampled. Left out where it was not. */
  readonly forced?: true;
}

export function roleChunk(identity: ChatIdentity) {
  return chunk(identity, { role: 'assistant', content: '' });
}

export function textChunk(
  identity: ChatIdentity,
  piece: { readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean },
) {
  const delta =
    piece.part === 'thinking' ? { reasoning_content: piece.text, reasoning: piece.text } : { content: piece.text };
  return chunk(identity, piece.forced ? { ...delta, forced: true } : delta);
}

/** The last chunk of the choice, with the account of what was forced. */
export function finishChunk(identity: ChatIdentity, finishReason: 'stop' | 'length', report: BudgetReport) {
  return { ...chunk(identity, {}, finishReason), budget_forcing: report };
}

/** Comes after the last choice where `stream_options.include_usage` asks for it. */
export function usageChunk(identity: ChatIdentity, usage: ChatUsage) {
  return { ...chunk(identity, {}), choices: [], usage };
}

export function chatCompletion(
  identity: ChatIdentity,
  texts: { readonly thinking: string; readonly answer: string },
  finishReason: 'stop' | 'length',
  usage: ChatUsage,
  report: BudgetReport,
) {
  return {
    id: identity.id,
    object: 'chat.completion',
    created: identity.created,
    model: identity.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts.answer,
          reasoning_content: texts.thinking,
          reasoning: texts.thinking,
          refusal: null,
        },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    usage,
    budget_forcing: report,
  };
}

function chunk(identity: ChatIdentity, delta: Delta, finishReason: 'stop' | 'length' | null = null) {
  return {
    id: identity.id,
    object: 'chat.completion.chunk',
    created: identity.created,
    model: identity.model,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  };
}
