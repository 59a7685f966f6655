import type { ConfidenceMeasure } from '../../lambda/forcing/confidence.ts';

/** A policy that the held-out half judges, and `thinking.risk` may choose. */
export interface Policy {
  readonly name: string;
  readonly waits: number;
  readonly waitWhen: 'always' | 'unsure';
  /** Set if `waitWhen` is `unsure`. */
  readonly unsureBelow?: number;
  /** Maximum of thinking tokens. */
  readonly maxTokens: number;
}

/** Thinking tokens of the calibration half. */
interface SeenThinking {
  /** Without a Wait, of each answer. */
  readonly natural: readonly number[];
  /** With one Wait, of each answer. */
  readonly wait: readonly number[];
}

/** Shares of the natural thoughts that end within the shorter maxima. */
const QUANTILES = [0.5, 0.75, 0.9];

/** A maximum leaves this much more than the longest thought of the calibration half. */
const HEADROOM = 1.25;

/**
 * The policies: natural, always and only if unsure 1 to `maxWaits` Waits, and no Wait with shorter maxima. The maximum of a policy is a
 * quarter above the longest thought seen, since a risk can only use policies whose maximum its key allows.
 *
 * @param ceiling highest maximum that the API takes
 */
export function policiesOf(
  seen: SeenThinking,
  options: { readonly maxWaits: number; readonly unsureBelow: number; readonly ceiling: number },
): readonly Policy[] {
  const { maxWaits, unsureBelow, ceiling } = options;
  const longest = Math.max(1, ...seen.natural);
  // Further passes are taken to be as long as that of the first Wait.
  const pass = Math.max(longest, Math.max(0, ...seen.wait) - longest);
  const fitting = (tokens: number) => Math.min(ceiling, Math.ceil(tokens / 16) * 16);
  const maximum = (waits: number) => fitting(HEADROOM * (longest + waits * pass));
  const sorted = seen.natural.toSorted((a, b) => a - b);
  const maxima = QUANTILES.map((share) => Math.max(1, sorted[Math.ceil(share * sorted.length) - 1] ?? 1));
  const waits = Array.from({ length: maxWaits }, (_, index) => index + 1);
  return [
    ...[...new Set(maxima)]
      .filter((maxTokens) => maxTokens < maximum(0))
      .map((maxTokens): Policy => ({ name: `maximum-${maxTokens}`, waits: 0, waitWhen: 'always', maxTokens })),
    { name: 'natural', waits: 0, waitWhen: 'always', maxTokens: maximum(0) },
    ...waits.map((n): Policy => ({ name: `wait-${n}`, waits: n, waitWhen: 'always', maxTokens: maximum(n) })),
    ...waits.map(
      (n): Policy => ({
        name: `unsure-wait-${n}`,
        waits: n,
        waitWhen: 'unsure',
        unsureBelow,
        maxTokens: maximum(n),
      }),
    ),
  ];
}

/** The `thinking` object that asks a policy, as `thinking.risk` applies it. */
export function thinkingOf(policy: Policy, measure: ConfidenceMeasure): Readonly<Record<string, unknown>> {
  const { waits, waitWhen, unsureBelow, maxTokens } = policy;
  return {
    waits,
    max_tokens: maxTokens,
    ...(waitWhen === 'unsure'
      ? { wait_when: 'unsure', unsure_below: unsureBelow, confidence_measure: measure }
      : // A default of the config or the key must not gate it.
        { wait_when: 'always' }),
  };
}
