import { Token } from 'aws-cdk-lib';
import { z } from 'zod';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import {
  type FallbackGap,
  type FallbackSettings,
  fallbackGaps,
  MAX_FALLBACKS,
  type Price,
  priceSchema,
} from '../../lambda/settings/fallback-settings.ts';
import { openAiCompatible } from '../../lambda/upstream/openai-compatible.ts';
import type { UpstreamSettings } from '../../lambda/upstream/registry.ts';
import type { RemoteEndpoint } from './external-model.ts';
import { familyTokenizer } from './family-tokenizer.ts';
import { remoteEndpointSchema } from './remote-endpoint-schema.ts';
import { tokenizerPath } from './tokenizer-layer.ts';

const cannot = z
  .array(z.enum(fallbackGaps))
  .optional()
  .describe('What the server cannot do. Requests that ask for it do not use this fallback.');

const fallbackSchema = z.union([
  z.strictObject({ model: z.string().min(1).max(128).describe('Id of another model of this config.'), cannot }),
  z.strictObject({
    upstream: z
      .discriminatedUnion('kind', [
        openAiCompatible.settings.extend({
          servedModelName: z
            .string()
            .min(1)
            .optional()
            .describe('Name of the model at the server. If omitted, that of the model.'),
        }),
        remoteEndpointSchema,
      ])
      .describe('Server or endpoint that serves no model of its own. Without `servedModelName`, it has the model’s.'),
    name: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Name in reports. If omitted, the host, or the endpoint and its region.'),
    format: z.enum(formatNames).optional().describe('Format of the fallback. If omitted, the model’s.'),
    tokenizer: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Path of the fallback’s tokenizer.json, relative to this file. If omitted, the fallback has the vocabulary of the model.',
      ),
    contextTokens: z.int().min(128).optional().describe('Window of the fallback, in tokens. If omitted, the model’s.'),
    dollarsPerMillionTokens: priceSchema.optional().describe('Price of the fallback. If omitted, the model’s.'),
    cannot,
  }),
]);

/** Fields of a model in a config. */
export const fallbackFields = {
  fallbacks: z
    .array(fallbackSchema)
    .min(1)
    .max(MAX_FALLBACKS)
    .optional()
    .describe(
      'Upstreams on which its requests go on if its own fails, in this order: `{ "model": "s1-eu" }` or `{ "upstream": … }`, see [reliability](reliability.md#failover). A key that may use the model may use its fallbacks. Not for its adapters.',
    ),
  hedgeAfterMs: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Time without a first chunk after which the first fallback is called as well, in milliseconds; the first chunk decides. A hedged request costs a second prefill. If omitted, off.',
    ),
  upstreamIdleSeconds: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Time between two chunks from its server and its fallbacks after which a call is ended and resumed, in seconds. If omitted, `api.upstreamIdleSeconds`.',
    ),
};

/** An upstream on which the requests of a model go on if its own fails. */
export type ModelFallback =
  | {
      /** Id of another model of the API. */
      readonly model: string;
      /** @default - it can do everything */
      readonly cannot?: readonly FallbackGap[] | undefined;
    }
  | InlineFallback;

/** A fallback that serves no model of its own. */
export interface InlineFallback {
  readonly upstream: FallbackServer | RemoteEndpoint;
  /** @default - the host, or the endpoint and its region */
  readonly name?: string | undefined;
  /** @default - the model's */
  readonly format?: FormatName | undefined;
  /** Path of its tokenizer.json. @default - the fallback has the vocabulary of the model */
  readonly tokenizer?: string | undefined;
  /** @default - the model's */
  readonly contextTokens?: number | undefined;
  /** @default - the model's */
  readonly dollarsPerMillionTokens?: Price | undefined;
  /** @default - it can do everything */
  readonly cannot?: readonly FallbackGap[] | undefined;
}

/** Server of OpenAI-compatible text completions with vLLM's fields. */
interface FallbackServer {
  readonly kind: 'openai-compatible';
  readonly baseUrl: string;
  /** @default - that of the model */
  readonly servedModelName?: string | undefined;
  readonly apiKeySecretArn?: string | undefined;
}

/** Returns the fallbacks that serve no model of their own. */
export function inlineFallbacks(fallbacks: readonly ModelFallback[] | undefined): readonly InlineFallback[] {
  return (fallbacks ?? []).filter((fallback): fallback is InlineFallback => 'upstream' in fallback);
}

/** Returns the name of a fallback in reports. */
export function fallbackName(fallback: ModelFallback): string {
  if ('model' in fallback) return fallback.model;
  if (fallback.name !== undefined) return fallback.name;
  const { upstream } = fallback;
  if (upstream.kind === 'sagemaker') return `${upstream.endpointName}.${upstream.region}`;
  return !Token.isUnresolved(upstream.baseUrl) && URL.canParse(upstream.baseUrl)
    ? new URL(upstream.baseUrl).host
    : 'fallback';
}

/**
 * Returns the path of a fallback's own tokenizer.json, or `undefined` if it has the vocabulary of the model. With another format and no
 * path, it is that of the format's family.
 */
export function fallbackTokenizer({ tokenizer, format }: InlineFallback, ofModel: FormatName): string | undefined {
  return tokenizer ?? (format === undefined || format === ofModel ? undefined : familyTokenizer(format));
}

/** Builds the fallbacks of a model for the function's settings. */
export function toFallbackSettings(
  fallbacks: readonly ModelFallback[],
  model: { readonly format: FormatName; readonly servedModelName: string },
): FallbackSettings[] {
  return fallbacks.map((fallback): FallbackSettings => {
    const gaps = fallback.cannot === undefined ? {} : { cannot: [...fallback.cannot] };
    if ('model' in fallback) return { model: fallback.model, ...gaps };
    const file = fallbackTokenizer(fallback, model.format);
    const { format, contextTokens, dollarsPerMillionTokens } = fallback;
    return {
      name: fallbackName(fallback),
      upstream: {
        ...fallback.upstream,
        servedModelName: fallback.upstream.servedModelName ?? model.servedModelName,
      } satisfies UpstreamSettings,
      ...(format !== undefined && { format }),
      ...(file !== undefined && { tokenizer: { kind: 'file', path: tokenizerPath(file) } }),
      ...(contextTokens !== undefined && { contextTokens }),
      ...(dollarsPerMillionTokens !== undefined && { dollarsPerMillionTokens }),
      ...gaps,
    };
  });
}
