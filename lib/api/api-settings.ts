import type { FormatName } from '../../lambda/forcing/format.ts';
import { SETTINGS_VARIABLE, type Settings } from '../../lambda/settings/settings.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { group, limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { type Thinking, type ThinkingOverrides, thinkingDefaults, withOverrides } from './thinking-defaults.ts';
import { familyTokenizer, tokenizerPath } from './tokenizer-layer.ts';

/** How the API offers a model of the endpoint. */
export interface ApiModel {
  readonly model: OfferedModel;
  /** The family's way of delimiting thinking and answer. */
  readonly format: FormatName;
  /**
   * Path of the model's tokenizer.json, or `endpoint`: the model's server makes ids of text. That costs a call for each
   * text, and a request waits for a copy where there is none; the path is better.
   *
   * @default - the one of the format's family: Qwen's for s1, qwq and qwen3, gpt-oss's own; r1 needs one
   */
  readonly tokenizer?: string | undefined;
  /**
   * Budgets, where they differ from the defaults.
   *
   * @default - parts of the window that the endpoint serves, see `thinkingDefaults`
   */
  readonly thinking?: ThinkingOverrides | undefined;
  /**
   * The system message where a conversation has none.
   *
   * @default - the format's own
   */
  readonly systemPrompt?: string | undefined;
  /**
   * Sampling temperature where a request names none, 0 to 2.
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
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
  readonly keepAliveSeconds: number;
}

/** The tokenizer.json of a model, where there is one. */
export function tokenizerFile({ tokenizer, format }: ApiModel): string | undefined {
  return tokenizer === 'endpoint' ? undefined : (tokenizer ?? familyTokenizer(format));
}

/** The thinking of a model: what was written over what its window gives. */
function thinkingOf({ model, thinking }: Pick<ApiModel, 'model' | 'thinking'>): Thinking {
  return withOverrides(thinkingDefaults(model.contextTokens), thinking);
}

/** The settings as the function reads them. */
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
        ...(entry.model.load !== undefined && { scaling: entry.model.load }),
        ...(entry.systemPrompt !== undefined && { systemPrompt: entry.systemPrompt }),
        ...(entry.defaultTemperature !== undefined && { defaultTemperature: entry.defaultTemperature }),
      };
    }),
    ...(props.apiKeySecretArn !== undefined && { apiKeySecretArn: props.apiKeySecretArn }),
    ...(props.tableName !== undefined && { tableName: props.tableName }),
    requestTimeoutMs: props.requestSeconds * 1_000,
    capacityWaitMs: props.capacityWaitSeconds * 1_000,
    keepAliveMs: props.keepAliveSeconds * 1_000,
  };
}

/** Refuses budgets that no request could use: thinking and answer share one window with the prompt. */
export function checkThinking(entry: Pick<ApiModel, 'model' | 'thinking'>): Refusal | undefined {
  const { maxTokens, defaultMaxTokens, defaultMaxAnswerTokens, efforts } = thinkingOf(entry);
  const { id, contextTokens } = entry.model;
  const source = 'https://docs.vllm.ai/en/latest/configuration/engine_args.html';
  if (maxTokens >= contextTokens) {
    return {
      code: 'thinking-window',
      sentence: `thinking.maxTokens of ${id} is ${group(maxTokens)}, but prompt, thinking and answer share ${group(contextTokens)} tokens: write ${thinkingDefaults(contextTokens).maxTokens} or less, or serve a larger vllm.contextTokens.`,
      source,
    };
  }
  if (defaultMaxTokens + defaultMaxAnswerTokens >= contextTokens) {
    return {
      code: 'thinking-window',
      sentence: `thinking.defaultMaxTokens (${group(defaultMaxTokens)}) and defaultMaxAnswerTokens (${group(defaultMaxAnswerTokens)}) of ${id} leave no prompt in ${group(contextTokens)} tokens: write less for one of them.`,
      source,
    };
  }
  const over = Object.entries({ defaultMaxTokens, ...efforts }).find(([, tokens]) => tokens > maxTokens);
  if (over === undefined) return undefined;
  return {
    code: 'thinking-over-maximum',
    sentence: `thinking of ${id} means ${group(over[1])} tokens by ${over[0]}, but maxTokens allows ${group(maxTokens)}, so such a request would be refused: write ${maxTokens} or less, or a larger maxTokens.`,
    source,
  };
}

/** Refuses variables that Lambda does not take together. A secret's ARN and a table's name, known at deployment only, count 140 and 90. */
export function oversizedSettings(settings: Settings, others: Readonly<Record<string, string>>): Refusal | undefined {
  const value = JSON.stringify({
    ...settings,
    ...(settings.apiKeySecretArn && { apiKeySecretArn: 'x'.repeat(140) }),
    ...(settings.tableName && { tableName: 'x'.repeat(90) }),
  });
  const bytes = Object.entries({ ...others, [SETTINGS_VARIABLE]: value })
    .flat()
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const { max, source } = limits.functionEnvironmentBytes;
  if (bytes <= max) return undefined;
  return {
    code: 'settings-size',
    sentence: `The variables of the function take ${group(bytes)} bytes, most of them the settings of ${settings.models.length} models, but Lambda takes ${group(max)} together: write fewer models, or shorter system prompts.`,
    source,
  };
}
