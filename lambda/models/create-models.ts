import type { FallbackSettings } from '../settings/fallback-settings.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { CircuitBreaker } from '../upstream/circuit-breaker.ts';
import { ModelError } from '../upstream/errors.ts';
import { GuardedModel } from '../upstream/guarded-model.ts';
import type { UpstreamSettings } from '../upstream/registry.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { newTokenizer } from './create-tokenizer.ts';
import { type Fallback, ServedModel } from './served-model.ts';

/** What the models of an app take from outside. */
export interface ModelWorld {
  readonly open: (settings: UpstreamSettings, modelId: string, idleMs?: number) => Promise<Upstream>;
  /** Monotonic time, in milliseconds. */
  readonly now: () => number;
  /** Returns a random number from 0 to 1. */
  readonly random: () => number;
}

/**
 * Creates the models of an app and connects them with their fallbacks. Models and fallbacks on one upstream share its breaker. No file
 * is read and no call is made before the first request.
 */
export async function createModels(
  settings: readonly ModelSettings[],
  world: ModelWorld,
): Promise<readonly ServedModel[]> {
  const breakers = new Map<string, CircuitBreaker>();
  const breakerOf = (upstream: UpstreamSettings) => {
    const key = JSON.stringify(upstream);
    const breaker = breakers.get(key) ?? new CircuitBreaker(world.now, world.random);
    breakers.set(key, breaker);
    return breaker;
  };
  const models = new Map<string, ServedModel>();
  const inline = new Map<string, readonly Fallback[]>();
  for (const model of settings) {
    const upstream = await world.open(model.upstream, model.id, model.upstreamIdleMs);
    const opened = await openInline(model, world);
    const tokenizer = newTokenizer(model, firstThatTokenizes([upstream, ...sharing(opened)]));
    models.set(model.id, servedBy(model, upstream, tokenizer, breakerOf(model.upstream)));
    inline.set(
      model.id,
      opened.map(({ entry, upstream }) => toFallback(entry, model, upstream, tokenizer, breakerOf(entry.upstream))),
    );
  }
  for (const model of settings) {
    const own = models.get(model.id);
    if (own === undefined || model.fallbacks === undefined) continue;
    const unnamed = [...(inline.get(model.id) ?? [])];
    own.failover = {
      breaker: breakerOf(model.upstream),
      hedgeAfterMs: model.hedgeAfterMs,
      fallbacks: model.fallbacks.flatMap((entry) => {
        if (!('model' in entry)) return unnamed.shift() ?? [];
        const other = models.get(entry.model);
        if (other === undefined) return [];
        const price = other.settings.dollarsPerMillionTokens;
        const breaker = breakerOf(other.settings.upstream);
        return [{ name: entry.model, model: other, breaker, cannot: entry.cannot ?? [], price }];
      }),
    };
  }
  return [...models.values()];
}

type InlineFallback = Extract<FallbackSettings, { upstream: unknown }>;

/** Opens the upstreams of the fallbacks that name no model. */
async function openInline({ fallbacks = [], upstreamIdleMs }: ModelSettings, { open }: ModelWorld) {
  const entries = fallbacks.filter((entry): entry is InlineFallback => 'upstream' in entry);
  return await Promise.all(
    entries.map(async (entry) => ({ entry, upstream: await open(entry.upstream, entry.name, upstreamIdleMs) })),
  );
}

/** The upstreams that serve the model's own vocabulary. */
function sharing(opened: Awaited<ReturnType<typeof openInline>>): readonly Upstream[] {
  return opened.flatMap(({ entry, upstream }) => (entry.tokenizer === undefined ? [upstream] : []));
}

function toFallback(
  entry: InlineFallback,
  model: ModelSettings,
  upstream: Upstream,
  shared: Tokenizer,
  breaker: CircuitBreaker,
): Fallback {
  const settings: ModelSettings = {
    ...model,
    upstream: entry.upstream,
    ...(entry.format === undefined ? {} : { format: entry.format }),
    ...(entry.tokenizer === undefined ? {} : { tokenizer: entry.tokenizer }),
    ...(entry.contextTokens === undefined ? {} : { contextTokens: entry.contextTokens }),
  };
  const tokenizer = entry.tokenizer === undefined ? shared : newTokenizer(settings, upstream.tokenize);
  return {
    name: entry.name,
    model: servedBy(settings, upstream, tokenizer, breaker),
    breaker,
    cannot: entry.cannot ?? [],
    price: entry.dollarsPerMillionTokens,
  };
}

function servedBy(
  settings: ModelSettings,
  upstream: Upstream,
  tokenizer: Tokenizer,
  breaker: CircuitBreaker,
): ServedModel {
  return new ServedModel(settings, new GuardedModel(upstream.segments, breaker), tokenizer);
}

/** Tokenizes by the first server that can: the model's own, then those of its fallbacks with the same vocabulary. */
function firstThatTokenizes(upstreams: readonly Pick<Upstream, 'tokenize'>[]): Upstream['tokenize'] {
  return async (route, body, signal) => {
    let failure: unknown;
    for (const { tokenize } of upstreams) {
      try {
        return await tokenize(route, body, signal);
      } catch (error) {
        signal?.throwIfAborted();
        failure ??= error;
        if (!(error instanceof ModelError) || (!error.retryable && error.status !== 500)) break;
      }
    }
    throw failure;
  };
}
