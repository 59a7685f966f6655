import * as z from 'zod';
import { formatNames } from '../forcing/format.ts';
import { upstreamSchema } from '../upstream/registry.ts';

/** What a server may be unable to do, although a request asks for it: such a request does not use it as a fallback. */
export const fallbackGaps = ['min_tokens', 'logprobs', 'structured_outputs'] as const;
export type FallbackGap = (typeof fallbackGaps)[number];

/** Most fallbacks of a model. */
export const MAX_FALLBACKS = 8;

export const tokenizerSettingsSchema = z.discriminatedUnion('kind', [
  /** A Hugging Face tokenizer.json. The path is absolute or relative to the function's code. */
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1) }),
  /** The model's server tokenizes (vLLM's `/tokenize`). */
  z.strictObject({ kind: z.literal('endpoint') }),
]);

/** Price of a model, in dollars per million tokens. */
export const priceSchema = z.strictObject({
  prompt: z.number().min(0).describe('In dollars per million prompt tokens.'),
  completion: z.number().min(0).describe('In dollars per million tokens of thinking and answer.'),
});
export type Price = z.infer<typeof priceSchema>;

const gaps = { cannot: z.array(z.enum(fallbackGaps)).optional() };

/** Where the requests of a model go on if its own upstream fails. */
export const fallbackSettingsSchema = z.union([
  /** The upstream of another model. */
  z.strictObject({ model: z.string().min(1).max(128), ...gaps }),
  /** An upstream that serves no model of its own. */
  z.strictObject({
    /** Name in reports and in the log. */
    name: z.string().min(1).max(128),
    upstream: upstreamSchema,
    /** If omitted, the model's. */
    format: z.enum(formatNames).optional(),
    /** If omitted, the model's: the upstream serves the same vocabulary. */
    tokenizer: tokenizerSettingsSchema.optional(),
    /** If omitted, the model's. */
    contextTokens: z.int().min(128).optional(),
    /** If omitted, the model's. */
    dollarsPerMillionTokens: priceSchema.optional(),
    ...gaps,
  }),
]);
export type FallbackSettings = z.infer<typeof fallbackSettingsSchema>;

/** A model and its fallbacks, as far as their names are checked. */
interface NamedFallbacks {
  readonly id: string;
  readonly fallbacks?: readonly ({ readonly model: string } | { readonly upstream: unknown })[] | undefined;
}

/** Returns the first fallback that names no other model, or the model itself through a circle, and why. `undefined` if all can be used. */
export function fallbackProblem(
  models: readonly NamedFallbacks[],
): { readonly id: string; readonly sentence: string } | undefined {
  const byId = new Map(models.map((model) => [model.id, model]));
  for (const { id, fallbacks = [] } of models) {
    const named = fallbacks.flatMap((fallback) => ('model' in fallback ? [fallback.model] : []));
    const unknown = named.find((name) => !byId.has(name));
    if (unknown !== undefined) {
      const known = [...byId.keys()].filter((other) => other !== id).map((other) => JSON.stringify(other));
      const instead = known.length === 0 ? 'there is no other model' : `the other models are ${known.join(', ')}`;
      return {
        id,
        sentence: `The fallback ${JSON.stringify(unknown)} of ${JSON.stringify(id)} is not the id of a model: ${instead}. Write one of them, or an upstream`,
      };
    }
    const repeated = named.find((name, index) => named.indexOf(name) < index);
    if (repeated !== undefined) {
      return {
        id,
        sentence: `${JSON.stringify(id)} has the fallback ${JSON.stringify(repeated)} twice: write it once`,
      };
    }
    const circle = circleFrom(id, byId);
    if (circle !== undefined) {
      const path = circle.map((name) => JSON.stringify(name)).join(' → ');
      return {
        id,
        sentence: `The fallbacks of ${JSON.stringify(id)} lead back to it (${path}), so each would wait for the other: leave one of them out`,
      };
    }
  }
  return undefined;
}

/** The shortest way from a model back to itself. */
function circleFrom(id: string, byId: ReadonlyMap<string, NamedFallbacks>): readonly string[] | undefined {
  const ways: string[][] = [[id]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const fallback of byId.get(way.at(-1) ?? '')?.fallbacks ?? []) {
      if (!('model' in fallback)) continue;
      if (fallback.model === id) return [...way, id];
      if (seen.has(fallback.model)) continue;
      seen.add(fallback.model);
      ways.push([...way, fallback.model]);
    }
  }
  return undefined;
}
