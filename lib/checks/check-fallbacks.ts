import { Token } from 'aws-cdk-lib';
import { fallbackProblem } from '../../lambda/settings/fallback-settings.ts';
import type { Refusal } from '../facts/refusal.ts';

/** A model with its fallbacks, as far as they are checked here. */
export interface CheckedFallbacks {
  readonly id: string;
  readonly contextTokens: number;
  readonly hedgeAfterMs?: number | undefined;
  readonly fallbacks?: readonly CheckedFallback[] | undefined;
}

type CheckedFallback =
  | { readonly model: string }
  | { readonly upstream: unknown; readonly name: string; readonly contextTokens: number };

const INVOKE =
  'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html';
const SERVING = 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html';

/** Refuses fallbacks that are unknown, circular or ambiguous, and windows that are smaller than what the model publishes. */
export function checkFallbacks(models: readonly CheckedFallbacks[]): readonly (Refusal | undefined)[] {
  const problem = fallbackProblem(models);
  const windows = new Map(models.map(({ id, contextTokens }) => [id, contextTokens]));
  return [
    problem && { code: 'fallback', sentence: `${problem.sentence}.`, source: SERVING, final: true },
    ...models.flatMap((model) =>
      (model.fallbacks ?? []).flatMap((fallback) => {
        const name = 'model' in fallback ? fallback.model : fallback.name;
        const window = 'model' in fallback ? windows.get(fallback.model) : fallback.contextTokens;
        return [
          window === undefined ? undefined : checkWindow(model, name, window),
          'model' in fallback ? undefined : checkName(model, name, windows),
        ];
      }),
    ),
    ...models.map(({ id, hedgeAfterMs, fallbacks }) =>
      hedgeAfterMs === undefined || fallbacks !== undefined
        ? undefined
        : hedgeRefusal(id, 'the model has no fallbacks'),
    ),
  ];
}

function checkWindow({ id, contextTokens }: CheckedFallbacks, name: string, window: number): Refusal | undefined {
  if (window >= contextTokens) return undefined;
  return {
    code: 'fallback-window',
    sentence: `The fallback "${name}" of ${id} has a window of ${window} tokens, but ${id} publishes ${contextTokens}, so long requests could not go on there: write a fallback with that window, or lower contextTokens of ${id}.`,
    source: SERVING,
  };
}

function checkName(
  { id, fallbacks = [] }: CheckedFallbacks,
  name: string,
  ids: ReadonlyMap<string, unknown>,
): Refusal | undefined {
  const same = fallbacks.filter((other) => 'name' in other && other.name === name).length;
  if (same < 2 && !ids.has(name)) return undefined;
  return {
    code: 'fallback-name',
    sentence: `The fallback "${name}" of ${id} has the name of another fallback or of a model, so a report could mean either: write another name for it.`,
    source: SERVING,
    final: true,
  };
}

/** Refuses a hedge whose two calls would have different token ids. */
export function checkHedge(id: string, hedgeAfterMs: number | undefined, sameVocabulary: boolean): Refusal | undefined {
  if (hedgeAfterMs === undefined || sameVocabulary) return undefined;
  return hedgeRefusal(id, 'its first fallback has another vocabulary, so the same prompt would be other ids there');
}

function hedgeRefusal(id: string, because: string): Refusal {
  return {
    code: 'fallback-hedge',
    sentence: `hedgeAfterMs of ${id} has no effect, because ${because}: leave hedgeAfterMs out, or write a first fallback with the tokenizer of ${id}.`,
    source: SERVING,
    final: true,
  };
}

/** Refuses a fallback whose text the function cannot turn into ids, or whose ids it cannot turn into text. */
export function checkFallbackTokenizer(id: string, name: string, usable: boolean): Refusal | undefined {
  if (usable) return undefined;
  return {
    code: 'fallback-tokenizer',
    sentence: `The fallback "${name}" of ${id} has another vocabulary and no tokenizer.json, so a thought could not go on there: write the path of its tokenizer.json in tokenizer, or leave format out if it has the vocabulary of ${id}.`,
    source: 'https://huggingface.co/docs/tokenizers/index',
    final: true,
  };
}

/**
 * Refuses an endpoint in a region that the config does not name: prompts must not leave the region by mistake.
 *
 * @param region of the stack
 */
export function checkUpstreamRegion(
  region: string,
  id: string,
  endpoint: { readonly region: string; readonly endpointName: string },
  fallbackRegions: readonly string[],
): Refusal | undefined {
  if (Token.isUnresolved(region) || endpoint.region === region || fallbackRegions.includes(endpoint.region))
    return undefined;
  const named = [region, ...fallbackRegions].join(', ');
  return {
    code: 'fallback-region',
    sentence: `Prompts of ${id} could go to endpoint "${endpoint.endpointName}" in region "${endpoint.region}", but the config names only ${named}: write "${endpoint.region}" in api.fallbackRegions if prompts may go there, or an endpoint in a named region.`,
    source: INVOKE,
    final: true,
  };
}
