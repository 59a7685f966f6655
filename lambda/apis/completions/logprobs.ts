import type { TokenLogprob } from '../../upstream/segment-model.ts';

/**
 * Converts log-probabilities to the form of OpenAI's completions. `null` if there are none.
 *
 * @param options.echoed whether the first token is the first of a prompt, which nothing predicts
 * @param options.from offset of the first token in the text. @default 0
 */
export function toLogprobs(
  tokens: readonly TokenLogprob[],
  { echoed, from = 0 }: { readonly echoed: boolean; readonly from?: number },
) {
  if (tokens.length === 0) return null;
  let offset = from;
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }, index) => (echoed && index === 0 ? null : logprob)),
    top_logprobs: tokens.map(({ token, logprob, top }, index) => {
      if (echoed && index === 0) return null;
      // As in vLLM, the token itself is always among them.
      return { [token]: logprob, ...Object.fromEntries(top.map((other) => [other.token, other.logprob])) };
    }),
    text_offset: tokens.map(({ token }) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
  };
}
