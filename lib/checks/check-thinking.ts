import { groupDigits } from '../facts/group-digits.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Budgets of a model, in tokens, as far as they are checked here. */
interface CheckedThinking {
  readonly defaultMaxTokens: number;
  readonly maxTokens: number;
  readonly defaultMaxAnswerTokens: number;
  readonly efforts: Readonly<Record<string, number>>;
}

/**
 * Refuses budgets that no request could use: thinking and answer share one window with the prompt.
 *
 * @param suggestedMaxTokens default of `maxTokens` for this window, which the message suggests
 */
export function checkThinking(
  { id, contextTokens }: { readonly id: string; readonly contextTokens: number },
  { maxTokens, defaultMaxTokens, defaultMaxAnswerTokens, efforts }: CheckedThinking,
  suggestedMaxTokens: number,
): Refusal | undefined {
  const source = 'https://docs.vllm.ai/en/latest/configuration/engine_args.html';
  if (maxTokens >= contextTokens) {
    return {
      code: 'thinking-window',
      sentence: `thinking.maxTokens of ${id} is ${groupDigits(maxTokens)}, but prompt, thinking and answer share ${groupDigits(contextTokens)} tokens: write ${suggestedMaxTokens} or less, or serve a larger vllm.contextTokens.`,
      source,
    };
  }
  if (defaultMaxTokens + defaultMaxAnswerTokens >= contextTokens) {
    return {
      code: 'thinking-window',
      sentence: `thinking.defaultMaxTokens (${groupDigits(defaultMaxTokens)}) and defaultMaxAnswerTokens (${groupDigits(defaultMaxAnswerTokens)}) of ${id} leave no room for a prompt in ${groupDigits(contextTokens)} tokens: write less for one of them.`,
      source,
    };
  }
  const over = Object.entries({ defaultMaxTokens, ...efforts }).find(([, tokens]) => tokens > maxTokens);
  if (over === undefined) return undefined;
  return {
    code: 'thinking-over-maximum',
    sentence: `thinking of ${id} sets ${over[0]} to ${groupDigits(over[1])}, but maxTokens is ${groupDigits(maxTokens)}, so such a request would be refused: write ${maxTokens} or less, or a larger maxTokens.`,
    source,
  };
}
