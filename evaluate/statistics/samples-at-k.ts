/** One of several answers to a question. `key` is what a vote counts, `null` without an answer. */
export interface Sample {
  readonly key: string | null;
  readonly correct: boolean;
}

/**
 * pass@k: how likely at least one of k samples is right, estimated without bias from n ≥ k samples with c right ones:
 * 1 − C(n − c, k) / C(n, k). `undefined` if there are fewer than k.
 *
 * Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
 */
export function passAtK(samples: readonly Sample[], k: number): number | undefined {
  const n = samples.length;
  if (k < 1 || k > n) return undefined;
  const wrong = n - samples.filter(({ correct }) => correct).length;
  let none = 1;
  for (let drawn = 0; drawn < k; drawn++) none *= Math.max(0, wrong - drawn) / (n - drawn);
  return 1 - none;
}

/**
 * maj@k: how likely the majority vote of k samples is right, without bias over all subsets of k of the n samples. Equally frequent keys
 * share the vote. The vote needs one key that is more frequent than none: samples without an answer do not vote.
 */
export function majorityAtK(samples: readonly Sample[], k: number): number | undefined {
  return voteAtK(samples, k, 1);
}

/** cons@k: how likely more than half of k samples give the same, right answer. Without bias, as `majorityAtK`. */
export function consensusAtK(samples: readonly Sample[], k: number): number | undefined {
  return voteAtK(samples, k, Math.floor(k / 2) + 1);
}

/** Share of the subsets of k samples whose most frequent key, given at least `least` times, is right. */
function voteAtK(samples: readonly Sample[], k: number, least: number): number | undefined {
  const n = samples.length;
  if (k < 1 || k > n) return undefined;
  const groups = groupsOf(samples);
  const silent = samples.filter(({ key }) => key === null).length;
  let won = 0;
  // A subset with a most frequent key given `top` times: each key is drawn at most `top` times, t keys exactly so often.
  for (const [index, group] of groups.entries()) {
    const rightShare = group.right / group.size;
    if (rightShare === 0) continue;
    for (let top = least; top <= Math.min(group.size, k); top++) {
      // ways[tied][drawn]: ways to draw from the other keys, with `tied` of them drawn `top` times as well.
      let ways: number[][] = [Array.from({ length: k + 1 }, (_, drawn) => (drawn === 0 ? 1 : 0))];
      for (const [other, { size }] of groups.entries()) {
        if (other === index) continue;
        ways = withGroup(ways, size, top, k);
      }
      for (const [tied, counts] of ways.entries()) {
        for (let drawn = 0; drawn <= k - top; drawn++) {
          const rest = k - top - drawn;
          if (rest > silent) continue;
          won += (rightShare * choose(group.size, top) * (counts[drawn] ?? 0) * choose(silent, rest)) / (tied + 1);
        }
      }
    }
  }
  return won / choose(n, k);
}

function withGroup(ways: readonly (readonly number[])[], size: number, top: number, k: number): number[][] {
  const next = Array.from({ length: ways.length + (size >= top ? 1 : 0) }, () => new Array<number>(k + 1).fill(0));
  for (const [tied, counts] of ways.entries()) {
    for (const [drawn, count] of counts.entries()) {
      if (count === 0) continue;
      for (let taken = 0; taken <= Math.min(size, top, k - drawn); taken++) {
        const row = next[taken === top ? tied + 1 : tied];
        const at = drawn + taken;
        if (row !== undefined) row[at] = (row[at] ?? 0) + count * choose(size, taken);
      }
    }
  }
  return next;
}

/** Samples by key. Graders may judge answers with the same key differently, so a group has its own share of right ones. */
function groupsOf(samples: readonly Sample[]): readonly { readonly size: number; readonly right: number }[] {
  const groups = new Map<string, { size: number; right: number }>();
  for (const { key, correct } of samples) {
    if (key === null) continue;
    const group = groups.get(key) ?? { size: 0, right: 0 };
    group.size++;
    if (correct) group.right++;
    groups.set(key, group);
  }
  return [...groups.values()];
}

function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let ways = 1;
  for (let index = 1; index <= k; index++) ways = (ways * (n - k + index)) / index;
  return ways;
}
