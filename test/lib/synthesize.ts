import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type ConfigInput, parseConfig } from '../../lib/config.ts';
import { addStacks } from '../../lib/stacks.ts';

export const tokenizerFixture = fileURLToPath(new URL('fixtures/tokenizer.json', import.meta.url));

/** Builds a model of a config: s1-32B from S3 on two GPUs, one to four copies. */
export function aModel(changes: Partial<ConfigInput['models'][number]> = {}): ConfigInput['models'][number] {
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

/** Builds an app. */
export function anApp(context: Record<string, unknown> = {}): App {
  return new App({ context, analyticsReporting: false });
}

/** Adds the stacks of a config to an app, as bin/app.ts does, with inline code instead of a bundle. */
export function addTo(app: App, config: ConfigInput) {
  return addStacks(app, parseConfig(config), { code: Code.fromInline('exports.handler = async () => {}') });
}

/** Synthesizes the two templates of a config. */
export function synthesize(config: ConfigInput, context: Record<string, unknown> = {}) {
  const { endpointStack, apiStack } = addTo(anApp(context), config);
  return { endpoint: Template.fromStack(endpointStack), api: Template.fromStack(apiStack) };
}

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
