import { invalidRequest } from '../api-error.ts';
import type { Turn } from '../forcing/format.ts';
import type { FieldNames, WantedBudget } from '../forcing/settle-limits.ts';
import type { Sampling } from '../models/segment-model.ts';
import type { ModelSettings } from '../settings.ts';
import { type ThinkingWish, thinkingWishOf } from './budget-dialects.ts';
import type { ChatRequest } from './chat-request.ts';

/** The turns of a chat. Thoughts of earlier turns are left out, as the families prescribe; `developer` is a system message. */
export function turnsOf(request: ChatRequest): readonly Turn[] {
  return request.messages.map((message) => ({
    role: message.role === 'developer' ? 'system' : message.role,
    text: typeof message.content === 'string' ? message.content : message.content.map((part) => part.text).join(''),
  }));
}

/** The budget that a chat request asks for, and the names it used. */
export function budgetOf(
  request: ChatRequest,
  settings: ModelSettings,
): { readonly wanted: WantedBudget; readonly names: FieldNames; readonly wish: ThinkingWish } {
  const wish = thinkingWishOf(request, settings.efforts);
  if (request.vote === true && (request.n ?? 1) < 2) {
    throw invalidRequest('vote', `vote needs several samples, but n is ${request.n ?? 1}. Give n of 2 to 16.`);
  }
  const total = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  if (
    request.max_completion_tokens != null &&
    request.max_tokens != null &&
    request.max_completion_tokens !== request.max_tokens
  ) {
    throw invalidRequest(
      'max_tokens',
      `max_tokens (${request.max_tokens}) and max_completion_tokens (${request.max_completion_tokens}) differ. Give one of them.`,
    );
  }
  return {
    wish,
    wanted: {
      ...(wish.minTokens === undefined ? {} : { minTokens: wish.minTokens }),
      ...(wish.maximum === undefined ? {} : { maxTokens: wish.maximum.tokens }),
      ...(wish.waits === undefined ? {} : { waits: wish.waits }),
      ...(total === undefined ? {} : { maxCompletionTokens: total }),
      maxIsWish: wish.maximum?.effort ?? false,
    },
    names: {
      minTokens: 'thinking.min_tokens',
      maxTokens: wish.maximum?.field ?? 'thinking.max_tokens',
      maxCompletionTokens: request.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens',
    },
  };
}

/** The sampling of a chat request; fields that it leaves out are left to the model's settings, then to the server. */
export function samplingOf(request: ChatRequest, settings: ModelSettings): Sampling {
  const temperature = request.temperature ?? settings.defaultTemperature;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(request.top_p == null ? {} : { topP: request.top_p }),
    ...(request.top_k == null ? {} : { topK: request.top_k }),
    ...(request.min_p == null ? {} : { minP: request.min_p }),
    ...(request.repetition_penalty == null ? {} : { repetitionPenalty: request.repetition_penalty }),
    ...(request.frequency_penalty == null ? {} : { frequencyPenalty: request.frequency_penalty }),
    ...(request.presence_penalty == null ? {} : { presencePenalty: request.presence_penalty }),
    ...(request.seed == null ? {} : { seed: request.seed }),
  };
}

export function stopTextsOf(request: ChatRequest): readonly string[] {
  if (request.stop == null) return [];
  return typeof request.stop === 'string' ? [request.stop] : request.stop;
}
