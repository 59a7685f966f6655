import type { SegmentChunk, SegmentModel, SegmentRequest } from '../../../lambda/upstream/segment-model.ts';
import { sampleSeedOf } from '../../../lambda/upstream/segment-seed.ts';
import { bytes, decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';

export interface DrawingModelOptions {
  /** Sizes of the chunks, used in turn by each call. */
  readonly chunkSizes: readonly number[];
  /** Whether the server gives log-probabilities. */
  readonly logprobs: boolean;
  /** Whether the last chunk of a call has no token. */
  readonly endsEmpty: boolean;
  /** Position in the ids of a sample from which a call hangs until it is aborted. @default - none hangs */
  readonly hangsAt?: number | undefined;
}

/**
 * A model that draws each token from its sample's seed and its position, as the embedded engine does: the same ids come however the
 * calls and the chunks divide them. Its thoughts are lines, some of which repeat an answer; its answers are a digit or two.
 */
export class DrawingModel implements SegmentModel {
  readonly requests: SegmentRequest[] = [];
  /** All ids that were sent, over all calls. */
  readonly sampled: number[] = [];
  readonly #options: DrawingModelOptions;

  constructor(options: DrawingModelOptions) {
    this.#options = options;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    this.requests.push(request);
    const { chunkSizes, logprobs, endsEmpty, hangsAt = Number.POSITIVE_INFINITY } = this.#options;
    const { ids, stopReason } = this.#tokensOf(request);
    const { length } = request.promptIds;
    const finish =
      stopReason === undefined ? { finishReason: 'length' as const } : { finishReason: 'stop' as const, stopReason };
    let turn = 0;
    for (let at = 0; at < ids.length; ) {
      signal.throwIfAborted();
      const size = Math.min(
        chunkSizes[turn++ % chunkSizes.length] ?? 1,
        ids.length - at,
        Math.max(1, hangsAt - length - at),
      );
      const tokenIds = ids.slice(at, at + size);
      if (length + at >= hangsAt) await untilAborted(signal);
      at += size;
      this.sampled.push(...tokenIds);
      yield {
        tokenIds,
        text: '',
        ...(logprobs && request.topLogprobs !== undefined ? { logprobs: tokenIds.map(logprobOf) } : {}),
        promptUsage: { total: length, cached: 0 },
        ...(at === ids.length && !endsEmpty ? finish : {}),
      };
    }
    if (endsEmpty) yield { tokenIds: [], text: '', ...finish };
  }

  #tokensOf(request: SegmentRequest): { readonly ids: readonly number[]; readonly stopReason: number | undefined } {
    const { promptIds, maxTokens, minTokens, stopTokenIds, sampling } = request;
    const seed = sampling.seed === undefined ? 0 : sampleSeedOf(sampling.seed, promptIds);
    const answers = decode(promptIds.slice(promptIds.lastIndexOf(IM_START) + 1)).startsWith('answer');
    const ids: number[] = [];
    while (ids.length < maxTokens) {
      const figure = hash(seed, promptIds.length + ids.length);
      // A probe is greedy. Its answer changes now and then.
      const greedy = sampling.temperature === 0 ? probed(promptIds.length, ids.length) : undefined;
      const id = greedy ?? (answers ? answered(figure) : thought(figure));
      const ends = stopTokenIds.includes(id);
      ids.push(ends && ids.length < minTokens ? (bytes('m')[0] ?? 0) : id);
      if (ends && ids.length > minTokens) return { ids, stopReason: id };
    }
    return { ids, stopReason: undefined };
  }
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
  });
}

/** A whole number from 0 to 999. */
function hash(seed: number, position: number): number {
  let value = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(position + 1, 0xc2b2ae35);
  value = Math.imul(value ^ (value >>> 15), 0x27d4eb2f);
  value ^= value >>> 13;
  return (value >>> 0) % 1_000;
}

const byte = (text: string) => bytes(text)[0] ?? 0;

function thought(figure: number): number {
  if (figure < 25) return IM_START;
  if (figure < 200) return byte('\n');
  return byte('ab .'[figure % 4] ?? 'a');
}

function answered(figure: number): number {
  return figure < 400 ? IM_END : byte('45'[figure % 2] ?? '4');
}

function probed(promptTokens: number, at: number): number {
  return at > 0 ? IM_END : byte('45'[(promptTokens >> 7) % 2] ?? '4');
}

/** `b` is improbable. */
function logprobOf(id: number) {
  const logprob = Math.log(id === byte('b') ? 0.2 : 0.9);
  return { token: String(id), logprob, top: [{ token: String(id), logprob }] };
}
