import type { FallbackSettings } from '../lambda/settings/fallback-settings.ts';
import type { ModelSettings } from '../lambda/settings/settings.ts';
import { findServedModel } from './served-models.ts';

/** A server on which requests go on. */
export interface LocalFallback {
  /** Base URL of a text completions server with vLLM's fields, for example `http://localhost:8001/v1`. */
  readonly baseUrl: string;
  /** The server's model. @default - the one with the model's own id, else the first of its /models */
  readonly model?: string;
  /** Its tokenizer.json. @default - it has the vocabulary of the model */
  readonly tokenizerPath?: string;
  readonly key?: string;
}

/**
 * Adds the fallbacks to the settings of a model.
 *
 * @throws {Error} if a server cannot be reached, has no such model, or serves a smaller window than the model
 */
export async function withFallbacks(
  model: ModelSettings,
  { fallbacks = [], hedgeAfterMs }: { readonly fallbacks?: readonly LocalFallback[]; readonly hedgeAfterMs?: number },
): Promise<ModelSettings> {
  if (fallbacks.length === 0) return model;
  const settings = await Promise.all(fallbacks.map(async (fallback) => await toSettings(fallback, model)));
  return { ...model, fallbacks: settings, ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }) };
}

/** The bearer keys of the model's upstream and of its fallbacks, by their names. */
export function keysOf(
  model: ModelSettings,
  { upstreamKey, fallbacks = [] }: { readonly upstreamKey?: string; readonly fallbacks?: readonly LocalFallback[] },
): ReadonlyMap<string, string> {
  const own = upstreamKey === undefined ? [] : [[model.id, upstreamKey] as const];
  const others = fallbacks.flatMap(({ baseUrl, key }) => (key === undefined ? [] : [[nameOf(baseUrl), key] as const]));
  return new Map([...own, ...others]);
}

async function toSettings(fallback: LocalFallback, own: ModelSettings): Promise<FallbackSettings> {
  const baseUrl = fallback.baseUrl.replace(/\/+$/, '');
  const served = await findServedModel('fallback', baseUrl, fallback.model, fallback.key);
  if (served.contextTokens !== undefined && served.contextTokens < own.contextTokens) {
    throw new Error(
      `The fallback ${baseUrl} has a window of ${served.contextTokens} tokens, but ${own.id} has ${own.contextTokens}, so long requests could not go on there. Start the model with a smaller window, or choose another fallback.`,
    );
  }
  return {
    name: nameOf(baseUrl),
    upstream: { kind: 'openai-compatible', baseUrl, servedModelName: served.id },
    ...(fallback.tokenizerPath === undefined ? {} : { tokenizer: { kind: 'file', path: fallback.tokenizerPath } }),
  };
}

function nameOf(baseUrl: string): string {
  return new URL(baseUrl).host;
}
