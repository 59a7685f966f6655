import type { Held } from './committed-tokens.ts';
import { release } from './controller.ts';
import { type ElasticSettings, isOverGrant } from './elastic-grant.ts';
import type { ExpectedUse } from './expected-use.ts';
import type { CopyCapacity, Load } from './load.ts';
import type { LoadAccount } from './load-account.ts';

/** An elastic request that is thinking. Tokens are over all samples. */
export interface RunningThought<Key> extends Held {
  readonly key: Key;
  /** Thinking so far. The answer has not begun. */
  readonly usedThinking: number;
  /** Floor of the grant, and requested maximum. */
  readonly floorThinking: number;
  readonly wantedThinking: number;
  /** Confidence of the thought so far, 0 to 1. If omitted, it is unknown, which counts as 0.5. */
  readonly confidence?: number | undefined;
  /** Limit of the answer. */
  readonly answerTokens: number;
}

/** Confidence of a thought that is not measured. */
const UNKNOWN_CONFIDENCE = 0.5;

/**
 * Cuts thoughts that are longer than they would be granted now, starting with the thought that has used the largest fraction of
 * its requested maximum, weighted by its confidence: more thinking changes a sure thought least. Each one is checked again against the load that the previous cuts have left, so no more thoughts are
 * cut than necessary. What each cut frees is subtracted from the account.
 *
 * @param copies that take requests, and that start
 * @param cut called for each thought to end, with its reservation and limit after the cut
 */
export function cutLongest<Key, Thought extends RunningThought<Key>>(
  thoughts: readonly Thought[],
  account: LoadAccount<Key>,
  {
    use,
    capacity,
    settings,
    ...copies
  }: Pick<Load, 'copies' | 'startingCopies'> & {
    readonly use: ExpectedUse;
    readonly capacity: CopyCapacity;
    readonly settings: ElasticSettings;
  },
  cut: (thought: Thought, after: Pick<Held, 'limitTokens' | 'reservedTokens'>) => void,
): void {
  const isOver = ({ key, usedThinking, floorThinking, wantedThinking }: Thought) =>
    isOverGrant(
      { floorTokens: floorThinking, ceilingTokens: wantedThinking },
      usedThinking,
      account.load(copies.copies, copies.startingCopies),
      capacity,
      account.keyLoad(key),
      settings,
    );
  const rank = ({ usedThinking, wantedThinking, confidence = UNKNOWN_CONFIDENCE }: Thought) =>
    (usedThinking / Math.max(1, wantedThinking)) * confidence;
  const over = thoughts.filter(isOver).toSorted((a, b) => rank(b) - rank(a));
  for (const thought of over) {
    if (!isOver(thought)) continue;
    const { usedThinking, answerTokens } = thought;
    const event = { kind: 'cut', usedTokens: usedThinking, limitTokens: usedThinking + answerTokens } as const;
    const freed = release(thought, event, use);
    account.release(thought.key, freed);
    cut(thought, {
      limitTokens: thought.limitTokens - freed.limitTokens,
      reservedTokens: thought.reservedTokens - freed.reservedTokens,
    });
  }
}
