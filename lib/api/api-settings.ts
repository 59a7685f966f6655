import type { FormatName } from '../../lambda/forcing/format.ts';
import type { BackgroundSettings } from '../../lambda/settings/background-settings.ts';
import { type Retention, retentionSchema } from '../../lambda/settings/retention.ts';
import type { RetrievalSettings } from '../../lambda/settings/retrieval-settings.ts';
import type { RouteSettings } from '../../lambda/settings/routes.ts';
import type { PrefixCache, Settings } from '../../lambda/settings/settings.ts';
import type { UpstreamSettings } from '../../lambda/upstream/registry.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { type ExternalModel, isExternal } from './external-model.ts';
import { fallbackTokenizer, inlineFallbacks, type ModelFallback, toFallbackSettings } from './fallback.ts';
import { familyTokenizer } from './family-tokenizer.ts';
import { type ThinkingBudgets, type ThinkingOverrides, thinkingDefaults, withOverrides } from './thinking-defaults.ts';
import { tokenizerPath } from './tokenizer-layer.ts';

/** A model as the API offers it. */
export interface ApiModel {
  /** Model of a `ReasoningEndpoint`, or a model on a server that exists already. */
  readonly model: OfferedModel | ExternalModel;
  /** Format in which the model family delimits thinking and answer. */
  readonly format: FormatName;
  /**
   * Path of the model's tokenizer.json, or `endpoint` to tokenize by the model's server. `endpoint` needs a call for each
   * text, and a copy before it can answer; a path is better.
   *
   * @default - the tokenizer of the format's family: Qwen's for s1, qwq and qwen3, gpt-oss's own; r1 has no default
   */
  readonly tokenizer?: string | undefined;
  /**
   * Budgets that differ from the defaults.
   *
   * @default - shares of the window that the endpoint serves, see `thinkingDefaults`
   */
  readonly thinking?: ThinkingOverrides | undefined;
  /**
   * System message if a conversation has none.
   *
   * @default - the format's own
   */
  readonly systemPrompt?: string | undefined;
  /**
   * Sampling temperature if a request has none. 0 to 2.
   *
   * @default - the server's
   */
  readonly defaultTemperature?: number | undefined;
  /**
   * Price of the model's tokens, in dollars per million.
   *
   * @default - none is reported
   */
  readonly dollarsPerMillionTokens?: { readonly prompt: number; readonly completion: number } | undefined;
  /**
   * Upstreams on which its requests go on if its own fails, in this order. At most 8.
   *
   * @default - none
   */
  readonly fallbacks?: readonly ModelFallback[] | undefined;
  /**
   * Time without a first chunk after which the first fallback is called as well, in milliseconds. It costs a second prefill.
   *
   * @default - off
   */
  readonly hedgeAfterMs?: number | undefined;
  /**
   * Time between two chunks from its server and its fallbacks after which a call is ended and resumed, in seconds.
   *
   * @default - that of the API
   */
  readonly upstreamIdleSeconds?: number | undefined;
}

export interface ApiSettingsProps {
  /** `undefined` if all models are on other servers. */
  readonly endpointName: string | undefined;
  readonly models: readonly ApiModel[];
  readonly apiKeySecretArn?: string | undefined;
  readonly tableName?: string | undefined;
  readonly contentBucket?: string | undefined;
  readonly retention?: Partial<Retention> | undefined;
  readonly background?: BackgroundSettings | undefined;
  readonly retrieval?: RetrievalSettings | undefined;
  readonly batches?: Settings['batches'];
  readonly webhookSecretArn?: string | undefined;
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  readonly routes?: readonly RouteSettings[] | undefined;
  readonly rawPrompts?: boolean | undefined;
  readonly prefixCache?: PrefixCache | undefined;
  readonly corsOrigins?: readonly string[] | undefined;
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
  readonly keepAliveSeconds: number;
  readonly upstreamIdleSeconds?: number | undefined;
  readonly strict?: boolean | undefined;
}

/** Returns the path of a model's tokenizer.json. `undefined` if its server tokenizes. */
export function tokenizerFile({ tokenizer, format }: ApiModel): string | undefined {
  return tokenizer === 'endpoint' ? undefined : (tokenizer ?? familyTokenizer(format));
}

/** Returns the budgets of a model: its overrides, and defaults that follow from its window. */
export function thinkingOf({ model, thinking }: Pick<ApiModel, 'model' | 'thinking'>): ThinkingBudgets {
  return withOverrides(thinkingDefaults(model.contextTokens), thinking);
}

/** Builds the settings of the function. */
export function apiSettings(props: ApiSettingsProps): Settings {
  return {
    ...(props.apiKeySecretArn !== undefined && { apiKeySecretArn: props.apiKeySecretArn }),
    ...(props.tableName !== undefined && { tableName: props.tableName }),
    ...(props.contentBucket !== undefined && { contentBucket: props.contentBucket }),
    ...(props.strict === true && { strict: true }),
    requestTimeoutMs: props.requestSeconds * 1_000,
    capacityWaitMs: props.capacityWaitSeconds * 1_000,
    keepAliveMs: props.keepAliveSeconds * 1_000,
    ...(props.upstreamIdleSeconds !== undefined && { upstreamIdleMs: props.upstreamIdleSeconds * 1_000 }),
    retention: retentionSchema.parse(props.retention ?? {}),
    ...(props.background !== undefined && { background: props.background }),
    ...(props.retrieval !== undefined && { retrieval: props.retrieval }),
    ...(props.batches !== undefined && { batches: props.batches }),
    ...(props.webhookSecretArn !== undefined && { webhooks: { secretArn: props.webhookSecretArn } }),
    ...(Object.keys(props.aliases ?? {}).length > 0 && { aliases: { ...props.aliases } }),
    ...((props.routes ?? []).length > 0 && { routes: [...(props.routes ?? [])] }),
    ...(props.prefixCache === 'per-key' && { prefixCache: props.prefixCache }),
    ...(props.rawPrompts === true && { rawPrompts: true }),
    ...(props.corsOrigins !== undefined && { corsOrigins: [...props.corsOrigins] }),
    models: props.models.map((entry) => {
      const thinking = thinkingOf(entry);
      const file = tokenizerFile(entry);
      return {
        id: entry.model.id,
        format: entry.format,
        contextTokens: entry.model.contextTokens,
        upstream: upstreamOf(entry.model, props.endpointName),
        tokenizer: file === undefined ? { kind: 'endpoint' } : { kind: 'file', path: tokenizerPath(file) },
        defaultMaxThinkingTokens: thinking.defaultMaxTokens,
        maxThinkingTokens: thinking.maxTokens,
        defaultMaxAnswerTokens: thinking.defaultMaxAnswerTokens,
        efforts: thinking.efforts,
        ...(entry.thinking?.gates !== undefined && { gates: entry.thinking.gates }),
        ...(entry.thinking?.calibration !== undefined && { calibration: entry.thinking.calibration }),
        ...(!isExternal(entry.model) &&
          entry.model.deployedScaling !== undefined && { scaling: entry.model.deployedScaling }),
        ...(!isExternal(entry.model) && entry.model.zeroCopies !== undefined && { zeroCopies: entry.model.zeroCopies }),
        ...(entry.dollarsPerMillionTokens !== undefined && { dollarsPerMillionTokens: entry.dollarsPerMillionTokens }),
        ...(entry.systemPrompt !== undefined && { systemPrompt: entry.systemPrompt }),
        ...(entry.defaultTemperature !== undefined && { defaultTemperature: entry.defaultTemperature }),
        ...(entry.fallbacks !== undefined && {
          fallbacks: toFallbackSettings(entry.fallbacks, {
            format: entry.format,
            servedModelName: servedModelName(entry.model),
          }),
        }),
        ...(entry.hedgeAfterMs !== undefined && { hedgeAfterMs: entry.hedgeAfterMs }),
        ...(entry.upstreamIdleSeconds !== undefined && { upstreamIdleMs: entry.upstreamIdleSeconds * 1_000 }),
      };
    }),
  };
}

/** Returns the paths of all tokenizer.json files that the function needs: of the models, and of fallbacks with another vocabulary. */
export function tokenizerFiles(models: readonly ApiModel[]): readonly string[] {
  const files = models.flatMap((entry) => [
    tokenizerFile(entry),
    ...inlineFallbacks(entry.fallbacks).map((fallback) => fallbackTokenizer(fallback, entry.format)),
  ]);
  return [...new Set(files.filter((file) => file !== undefined))];
}

/** Name of a model at its server. */
function servedModelName(model: ApiModel['model']): string {
  return (isExternal(model) ? model.upstream.servedModelName : model.servedModelName) ?? model.id;
}

function upstreamOf(model: ApiModel['model'], endpointName = ''): UpstreamSettings {
  if (isExternal(model)) return model.upstream;
  const { componentName: inferenceComponentName, servedModelName } = model;
  return {
    kind: 'sagemaker',
    endpointName,
    ...(inferenceComponentName !== undefined && { inferenceComponentName }),
    servedModelName,
  };
}
