import type { FormatName } from '../../lambda/forcing/format.ts';
import { type Retention, retentionSchema } from '../../lambda/settings/retention.ts';
import { SETTINGS_VARIABLE, type Settings } from '../../lambda/settings/settings.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { type ThinkingBudgets, type ThinkingOverrides, thinkingDefaults, withOverrides } from './thinking-defaults.ts';
import { familyTokenizer, tokenizerPath } from './tokenizer-layer.ts';

/** A model of the endpoint, as the API offers it. */
export interface ApiModel {
  readonly model: OfferedModel;
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
}

export interface ApiSettingsProps {
  readonly endpointName: string;
  readonly models: readonly ApiModel[];
  readonly apiKeySecretArn?: string | undefined;
  readonly tableName?: string | undefined;
  readonly retention?: Partial<Retention> | undefined;
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
  readonly keepAliveSeconds: number;
}

/** Returns the path of a model's tokenizer.json. `undefined` if its server tokenizes. */
export function tokenizerFile({ tokenizer, format }: ApiModel): string | undefined {
  return tokenizer === 'endpoint' ? undefined : (tokenizer ?? familyTokenizer(format));
}

/** Returns the budgets of a model: its overrides, and defaults that follow from its window. */
export function thinkingOf({ model, thinking }: Pick<ApiModel, 'model' | 'thinking'>): ThinkingBudgets {
  return withOverrides(thinkingDefaults(model.contextTokens), thinking);
}

/** Builds the settings that the function reads from its environment. */
export function apiSettings(props: ApiSettingsProps): Settings {
  return {
    models: props.models.map((entry) => {
      const thinking = thinkingOf(entry);
      const file = tokenizerFile(entry);
      return {
        id: entry.model.id,
        format: entry.format,
        contextTokens: entry.model.contextTokens,
        backend: {
          kind: 'sagemaker',
          endpointName: props.endpointName,
          inferenceComponentName: entry.model.componentName,
          servedModelName: entry.model.servedModelName,
        },
        tokenizer: file === undefined ? { kind: 'endpoint' } : { kind: 'file', path: tokenizerPath(file) },
        defaultMaxThinkingTokens: thinking.defaultMaxTokens,
        maxThinkingTokens: thinking.maxTokens,
        defaultMaxAnswerTokens: thinking.defaultMaxAnswerTokens,
        efforts: thinking.efforts,
        ...(entry.model.deployedScaling !== undefined && { scaling: entry.model.deployedScaling }),
        ...(entry.systemPrompt !== undefined && { systemPrompt: entry.systemPrompt }),
        ...(entry.defaultTemperature !== undefined && { defaultTemperature: entry.defaultTemperature }),
      };
    }),
    ...(props.apiKeySecretArn !== undefined && { apiKeySecretArn: props.apiKeySecretArn }),
    ...(props.tableName !== undefined && { tableName: props.tableName }),
    retention: retentionSchema.parse(props.retention ?? {}),
    requestTimeoutMs: props.requestSeconds * 1_000,
    capacityWaitMs: props.capacityWaitSeconds * 1_000,
    keepAliveMs: props.keepAliveSeconds * 1_000,
  };
}

/**
 * Returns the size of the function's environment variables, in bytes. The secret's ARN and the table's name are unknown
 * before deployment; they are counted as 140 and 90 characters.
 *
 * @param others variables beside the settings
 */
export function environmentBytes(settings: Settings, others: Readonly<Record<string, string>>): number {
  const value = JSON.stringify({
    ...settings,
    ...(settings.apiKeySecretArn && { apiKeySecretArn: 'x'.repeat(140) }),
    ...(settings.tableName && { tableName: 'x'.repeat(90) }),
  });
  return Object.entries({ ...others, [SETTINGS_VARIABLE]: value })
    .flat()
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
