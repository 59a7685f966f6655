import type { Candidate, PromptGroup } from './candidates.ts';

/** Why one answer is better than another. */
export const pairKinds = ['feedback', 'vote', 'short', 'wait', 'model'] as const;
export type PairKind = (typeof pairKinds)[number];

/** A better and a worse answer to the same prompt. */
export interface Pair {
  readonly kind: PairKind;
  readonly chosen: Pick<Candidate, 'thinking' | 'answer' | 'model' | 'tokens'>;
  readonly rejected: Pick<Candidate, 'thinking' | 'answer' | 'model' | 'tokens'>;
}

export interface PairOptions {
  readonly kinds: ReadonlySet<PairKind>;
  /** A right answer is short beside another if that one has at least this many times its tokens. */
  readonly shorter: number;
  /** Most pairs of one prompt, of all kinds together. */
  readonly perPrompt: number;
}

/**
 * The pairs of a prompt.
 *
 * - `feedback`: preferred over the other; right over wrong by what people say. A correction has no thought of its own, so an answer that
 *   agrees with it is chosen over those that do not.
 * - `vote`: right over wrong by the vote of the samples, or by a reference.
 * - `short`: the short right answer over the long right one.
 * - `wait`: right over wrong, where only one of the two had a Wait.
 * - `model`: right over wrong of two models.
 *
 * A pair is of the first kind that it fits. Within a kind, those whose tokens differ least come first, so that few teach length alone;
 * of `short` those that differ most.
 */
export function pairsOf(group: PromptGroup, { kinds, shorter, perPrompt }: PairOptions): readonly Pair[] {
  const all = [...preferredPairs(group), ...judgedPairs(group), ...shortPairs(group, shorter)];
  const seen = new Set<string>();
  const found: Pair[] = [];
  for (const kind of pairKinds) {
    if (!kinds.has(kind)) continue;
    const sign = kind === 'short' ? -1 : 1;
    const ofKind = all.filter((pair) => pair.kind === kind).toSorted((a, b) => sign * (distance(a) - distance(b)));
    for (const pair of ofKind) {
      const key = JSON.stringify([
        pair.chosen.thinking,
        pair.chosen.answer,
        pair.rejected.thinking,
        pair.rejected.answer,
      ]);
      if (found.length >= perPrompt || seen.has(key)) continue;
      seen.add(key);
      found.push(pair);
    }
  }
  return found;
}

function distance({ chosen, rejected }: Pair): number {
  return Math.abs((chosen.tokens ?? 0) - (rejected.tokens ?? 0));
}

function preferredPairs({ candidates, preferences }: PromptGroup): readonly Pair[] {
  const shown = (id: string) => candidates.find((candidate) => candidate.id === id);
  // Two people, or one who changed their mind: nobody knows which is better.
  const undisputed = preferences.filter(
    ({ better, worse }) => !preferences.some((other) => other.better === worse && other.worse === better),
  );
  return undisputed.flatMap(({ better, worse }) => {
    const [chosen, rejected] = [shown(better), shown(worse)];
    return chosen === undefined || rejected === undefined || isSame(chosen, rejected)
      ? []
      : [{ kind: 'feedback', chosen, rejected } as const];
  });
}

function judgedPairs({ candidates }: PromptGroup): readonly Pair[] {
  const of = (right: boolean) => candidates.filter(({ verdict }) => verdict?.right === right);
  return of(true).flatMap((chosen) =>
    of(false).map((rejected) => ({ kind: kindOf(chosen, rejected), chosen, rejected })),
  );
}

function kindOf(chosen: Candidate, rejected: Candidate): PairKind {
  if (chosen.model !== rejected.model) return 'model';
  if (chosen.waits > 0 !== rejected.waits > 0) return 'wait';
  return chosen.verdict?.by === 'feedback' ? 'feedback' : 'vote';
}

function shortPairs({ candidates }: PromptGroup, shorter: number): readonly Pair[] {
  const right = candidates.filter(({ verdict, tokens }) => verdict?.right === true && tokens !== undefined);
  return right.flatMap((chosen) =>
    right
      .filter(
        (rejected) =>
          rejected.model === chosen.model && (rejected.tokens ?? 0) >= shorter * Math.max(1, chosen.tokens ?? 0),
      )
      .map((rejected) => ({ kind: 'short' as const, chosen, rejected })),
  );
}

function isSame(a: Candidate, b: Candidate): boolean {
  return a.thinking === b.thinking && a.answer === b.answer;
}
