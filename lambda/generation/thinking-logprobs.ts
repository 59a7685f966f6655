import { ApiError } from '../errors/api-error.ts';
import type { Emission, NextSegment } from '../forcing/plan.ts';
import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { SegmentChunk } from '../upstream/segment-model.ts';
import type { Generation, GenerationEvent, ThinkingLogprob } from './generation.ts';

/** Number of most likely tokens to request with each token of a segment: what the client and the machine need. */
export function requestedLogprobs(segment: NextSegment, generation: Generation): number | undefined {
  const ofOutput = segment.part === 'thinking' ? generation.thinkingLogprobs : generation.topLogprobs;
  const forClient = segment.probe === true ? undefined : ofOutput;
  const forMachine = segment.logprobs?.top;
  if (forClient === undefined || forMachine === undefined) return forClient ?? forMachine;
  return Math.max(forClient, forMachine);
}

/**
 * Checks that a chunk has the log-probabilities that its segment needs.
 *
 * @throws {ApiError} 400 if the server sent tokens without them.
 */
export function checkLogprobs(
  { tokenIds, logprobs = [] }: SegmentChunk,
  segment: NextSegment,
  { thinkingLogprobs }: Generation,
): void {
  const forClient =
    segment.part === 'thinking' && segment.probe === undefined && thinkingLogprobs !== undefined
      ? 'thinking.logprobs'
      : undefined;
  const field = forClient ?? segment.logprobs?.field;
  if (field === undefined || logprobs.length === tokenIds.length) return;
  throw new ApiError(
    400,
    `${field} needs the log-probability of each thinking token, but the model server returned ${logprobs.length} for ${tokenIds.length} tokens. Omit ${field}, or use a server that returns them (vLLM's \`logprobs\`).`,
    { param: field, code: 'unsupported_parameter' },
  );
}

/** The log-probabilities of a chunk's first `kept` tokens, as the client asked for them. */
export function keptLogprobs(
  { logprobs = [] }: SegmentChunk,
  kept: number,
  part: NextSegment['part'],
  { topLogprobs, thinkingLogprobs }: Pick<Generation, 'topLogprobs' | 'thinkingLogprobs'>,
): Extract<GenerationEvent, { readonly kind: 'logprobs' }> | undefined {
  const top = part === 'thinking' ? thinkingLogprobs : topLogprobs;
  if (top === undefined || kept <= 0 || logprobs.length === 0) return undefined;
  // The machine may need more of them, and vLLM adds the sampled token to the most likely ones.
  const tokens = logprobs.slice(0, kept).map((each) => ({ ...each, top: each.top.slice(0, top) }));
  return { kind: 'logprobs', part, tokens };
}

/**
 * The entries of forced tokens. Their texts, one after the other, are the forced text. If only the server can decode, the first
 * token has all of it.
 */
export function forcedLogprobs(
  { ids, text }: NonNullable<Emission['forcedTokens']>,
  newDecoder: (() => StreamDecoder) | undefined,
): readonly ThinkingLogprob[] {
  const decoder = newDecoder?.();
  return ids.map((id, index) => {
    const last = index === ids.length - 1;
    const decoded = decoder === undefined ? undefined : decoder.push([id]) + (last ? decoder.end() : '');
    return { token: decoded ?? (index === 0 ? text : ''), logprob: null, top: [] };
  });
}
