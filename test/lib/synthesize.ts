import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { BUNDLING_STACKS } from 'aws-cdk-lib/cx-api';
import { z } from 'zod';
import { parseSettings, SETTINGS_FILE } from '../../lambda/settings/read-settings.ts';
import type { Settings } from '../../lambda/settings/settings.ts';
import {
  type ConfigInput,
  type ExternalModelConfigInput,
  type ModelConfigInput,
  parseConfig,
} from '../../lib/config.ts';
import type { ExternalServer } from '../../lib/index.ts';
import { addStacks } from '../../lib/stacks.ts';

const tokenizerFixture = fileURLToPath(new URL('fixtures/tokenizer.json', import.meta.url));

/** Builds a model of a config: s1-32B from S3 on two GPUs, one to four copies. */
export function aModel(changes: Partial<ModelConfigInput> = {}): ModelConfigInput {
  return {
    id: 's1-32b',
    format: 's1',
    source: { kind: 's3', uri: 's3://weights/s1-32b/' },
    contextTokens: 32_768,
    tokenizer: tokenizerFixture,
    vllm: { tensorParallel: 2 },
    copies: { initial: 1, min: 1, max: 4 },
    ...changes,
  };
}

/** Builds a config with one such model on one p5.48xlarge. */
export function aConfig(changes: Partial<ConfigInput> = {}): ConfigInput {
  return {
    name: 'stage',
    region: 'us-east-1',
    endpoint: { instanceType: 'ml.p5.48xlarge' },
    models: [aModel()],
    ...changes,
  };
}

/** Builds an app that bundles nothing. */
export function anApp(context: Record<string, unknown> = {}): App {
  return new App({ context: { [BUNDLING_STACKS]: [], ...context }, analyticsReporting: false });
}

/** Builds an app for the configs of config/, whose buckets are those of examples. */
export function anExampleApp(context: Record<string, unknown> = {}): App {
  return anApp({ allow: 'placeholder-bucket', ...context });
}

/** Builds a model of a config: s1-32B on a vLLM server that exists already. */
export function anExternalModel(
  upstream: Partial<ExternalServer> = {},
  changes: Partial<ExternalModelConfigInput> = {},
): ExternalModelConfigInput {
  return {
    id: 's1-32b',
    format: 's1',
    contextTokens: 32_768,
    upstream: {
      kind: 'openai-compatible',
      baseUrl: 'https://vllm.example.com/v1',
      servedModelName: 'simplescaling/s1-32B',
      ...upstream,
    },
    ...changes,
  };
}

/** Adds the stacks of a config to an app, as bin/app.ts does. */
export function addStages(app: App, config: ConfigInput) {
  return addStacks(app, parseConfig(config));
}

/** Adds the stacks of a config with an endpoint to an app, as bin/app.ts does. */
export function addTo(app: App, config: ConfigInput) {
  const { endpointStack, apiStack } = addStages(app, config);
  if (endpointStack === undefined) throw new Error('The config has no endpoint.');
  return { endpointStack, apiStack };
}

/** Synthesizes the two templates of a config, and the text of the function's settings file. */
export function synthesize(config: ConfigInput, context: Record<string, unknown> = {}) {
  const { endpointStack, apiStack } = addTo(anApp(context), config);
  return {
    endpoint: Template.fromStack(endpointStack),
    api: Template.fromStack(apiStack),
    settingsFile: apiStack.api.settingsFile,
  };
}

/** Parses the settings that the function gets from its file and its environment, with an ARN for each reference. */
export function deployedSettings({
  api,
  settingsFile,
}: {
  readonly api: Template;
  readonly settingsFile: string;
}): Settings {
  const [environment] = all(api, 'AWS::Lambda::Function')
    .filter(({ Description }) => !/^(Brings the documents|Runs responses|Runs batches)/.test(String(Description)))
    .flatMap(({ Environment }) => environmentSchema.safeParse(Environment).data ?? []);
  return parseSettings({ name: SETTINGS_FILE, text: settingsFile }, environment?.Variables ?? {});
}

const deployedValue = z.union([
  z.string(),
  z.record(z.string(), z.unknown()).transform(() => 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf'),
]);
const environmentSchema = z.object({ Variables: z.record(z.string(), deployedValue) });

/** Returns the properties of all resources of a type, without their tags. */
export function all(template: Template, type: string): readonly Record<string, unknown>[] {
  return Object.values(template.findResources(type)).map(({ Properties }) => ({ ...Properties, Tags: undefined }));
}

/** Returns the properties of the only resource of a type, without its tags. */
export function only(template: Template, type: string): Record<string, unknown> {
  const [first, ...others] = all(template, type);
  if (first === undefined || others.length > 0)
    throw new Error(`Expected one resource of type ${type}, but found ${all(template, type).length}.`);
  return first;
}
