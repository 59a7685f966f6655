import { StreamBrokenError } from './errors.ts';

/**
 * Compares the ids that arrive with the server's own count, which vLLM sends with each chunk (`continuous_usage_stats`). A chunk that
 * came twice is recognized, and a lost one before the chunk after it is used, so that the call can continue from the ids so far.
 */
export class TokenCount {
  #received = 0;

  /**
   * Counts the ids of a chunk.
   *
   * @param reported tokens of the whole call up to this chunk. `undefined`: the server does not count in each chunk.
   * @param last whether the chunk has the finish reason. A server may leave an end token out of its count.
   * @returns whether the chunk came before, so that it must be dropped.
   * @throws {StreamBrokenError} if a chunk before this one was lost.
   */
  add(tokens: number, reported: number | undefined, last: boolean): boolean {
    const counted = this.#received + tokens;
    if (reported !== undefined && reported !== counted && !(last && reported === counted - 1)) {
      if (tokens > 0 && reported <= this.#received) return true;
      if (tokens > 0 || reported > counted) {
        throw new StreamBrokenError(
          `A chunk of the stream was lost: the model server counts ${reported} tokens, but ${counted} arrived.`,
        );
      }
    }
    this.#received = counted;
    return false;
  }
}
