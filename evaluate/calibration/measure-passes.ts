import { type ConfidenceMeasure, ConfidenceMeter } from '../../lambda/forcing/confidence.ts';

/** A token of a thought, as the API returns it with `thinking.logprobs`. */
export interface ThoughtToken {
  readonly token: string;
  /** `null`: the token was forced. */
  readonly logprob: number | null;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/** Values of measures, 0 to 1. A measure whose log-probabilities are missing has none. */
export type Confidences = Readonly<Partial<Record<ConfidenceMeasure, number>>>;

/**
 * Computes confidences from log-probabilities, as the function does while the tokens come: of each pass of a thought. A pass ends at
 * forced tokens ("Wait").
 */
export function measurePasses(
  tokens: readonly ThoughtToken[],
  measures: readonly ConfidenceMeasure[],
): readonly Confidences[] {
  return passesOf(tokens).map((pass) => {
    const values = measures.flatMap((measure) => {
      const meter = new ConfidenceMeter(measure);
      for (const { logprob, top } of pass) meter.add({ logprob, top });
      const confidence = meter.read();
      return confidence === undefined ? [] : [[measure, confidence.value] as const];
    });
    return Object.fromEntries(values);
  });
}

type SampledToken = Omit<ThoughtToken, 'logprob'> & { readonly logprob: number };

function passesOf(tokens: readonly ThoughtToken[]): readonly (readonly SampledToken[])[] {
  const passes: SampledToken[][] = [];
  let forced = true;
  for (const { logprob, ...token } of tokens) {
    if (logprob === null) {
      forced = true;
      continue;
    }
    if (forced) passes.push([]);
    forced = false;
    passes.at(-1)?.push({ ...token, logprob });
  }
  return passes;
}
