import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { afterAll, describe, expect, it } from 'vitest';
import { ReasoningApi } from '../../../lib/api/reasoning-api.ts';
import { functionCode } from '../../../lib/bundles/program-code.ts';
import { ReasoningEndpoint } from '../../../lib/endpoint/reasoning-endpoint.ts';
import { limits } from '../../../lib/facts/aws-limits.ts';
import { all, anApp, deployedSettings, only, synthesize } from '../synthesize.ts';
import { manyModels } from './many-models.ts';

const folder = mkdtempSync(join(tmpdir(), 'budgetforce-assets-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the settings of the function', () => {
  it('20 models with system prompts, budgets, adapters and servers synthesize, and the environment stays small', () => {
    const synthesized = synthesize(manyModels);
    const { models } = deployedSettings(synthesized);
    expect(models).toHaveLength(25);
    expect(models[0]).toMatchObject({ systemPrompt: expect.stringMatching(/^.{300,}$/), efforts: { high: 16_001 } });
    const { Environment } = only(synthesized.api, 'AWS::Lambda::Function');
    expect(synthesized.settingsFile.length).toBeGreaterThan(4 * limits.functionEnvironmentBytes.max);
    expect(JSON.stringify(Environment).length).toBeLessThan(300);
  });

  it('strict is in the settings if the config sets it', () => {
    const strictOf = (strict: boolean | undefined) => {
      const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
      const endpoint = anEndpoint(stack);
      const models = endpoint.models.map((model) => ({ model, format: 's1' as const }));
      return JSON.parse(new ReasoningApi(stack, 'Api', { endpoint, models, apiKey: false, strict }).settingsFile)
        .strict;
    };
    expect([strictOf(true), strictOf(false), strictOf(undefined)]).toEqual([true, undefined, undefined]);
  });

  it('a name that is known only at deployment is in the environment, once for all models', () => {
    const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
    const endpoint = anEndpoint(stack);
    // As if the name were a parameter of the stack.
    Object.assign(endpoint, { endpointName: new CfnParameter(stack, 'Name').valueAsString });
    const api = new ReasoningApi(stack, 'Api', {
      endpoint,
      models: endpoint.models.map((model) => ({ model, format: 's1' as const })),
      apiKey: false,
    });
    const settings = JSON.parse(api.settingsFile);
    expect(settings.models.map(({ upstream }: { upstream: object }) => upstream)).toMatchObject([
      { endpointName: { variable: 'BUDGETFORCE_ENDPOINT_NAME' }, inferenceComponentName: expect.stringMatching(/-a$/) },
      { endpointName: { variable: 'BUDGETFORCE_ENDPOINT_NAME' }, inferenceComponentName: expect.stringMatching(/-b$/) },
    ]);
    expect(only(Template.fromStack(stack), 'AWS::Lambda::Function')['Environment']).toEqual({
      Variables: {
        NODE_OPTIONS: '--enable-source-maps',
        BUDGETFORCE_ENDPOINT_NAME: { Ref: 'Name' },
        BUDGETFORCE_TABLE_NAME: { Ref: expect.stringMatching(/Ledger/) },
      },
    });
  });

  it('values of the environment that exceed Lambda’s limit are refused', () => {
    const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
    const endpoint = anEndpoint(stack);
    const systemPrompt = `${new CfnParameter(stack, 'Team').valueAsString}: ${'x'.repeat(4_000)}`;
    const models = endpoint.models.map((model) => ({ model, format: 's1' as const, systemPrompt }));
    expect(() => new ReasoningApi(stack, 'Api', { endpoint, models })).toThrowErrorMatchingSnapshot();
  });

  it('other code gets the settings in a layer, and the path in its environment', () => {
    const app = new App({ outdir: join(folder, 'layer'), analyticsReporting: false });
    const stack = new Stack(app, 'Stack', { env: { region: 'us-east-1' } });
    const endpoint = anEndpoint(stack);
    const api = new ReasoningApi(stack, 'Api', {
      endpoint,
      models: endpoint.models.map((model) => ({ model, format: 's1' as const })),
      code: Code.fromInline('exports.handler = async () => {}'),
    });
    const template = Template.fromStack(stack);
    const layers = all(template, 'AWS::Lambda::LayerVersion').map(({ Description }) => Description);
    expect(layers).toContain('Settings of the reasoning API');
    expect(only(template, 'AWS::Lambda::Function')['Environment']).toMatchObject({
      Variables: { BUDGETFORCE_SETTINGS_FILE: '/opt/settings.json' },
    });
    const [file = ''] = assets('layer').filter((path) => existsSync(join(path, 'settings.json')));
    expect(readdirSync(file)).toEqual(['settings.json']);
    expect(readFileSync(join(file, 'settings.json'), 'utf8')).toBe(api.settingsFile);
  });
});

describe('the asset of the function', () => {
  it('the asset of the function has the same name if and only if code and settings are the same', {
    timeout: 60_000,
  }, () => {
    const stage = (name: string, settings: string) => {
      const stack = new Stack(new App({ outdir: join(folder, name), analyticsReporting: false }), name);
      new LambdaFunction(stack, 'Function', {
        runtime: Runtime.NODEJS_24_X,
        handler: 'index.handler',
        code: functionCode(settings),
      });
      const [asset = '', ...others] = assets(name);
      expect(others).toEqual([]);
      expect(readdirSync(asset).sort()).toEqual(['index.mjs', 'index.mjs.map', 'settings.json']);
      expect(readFileSync(join(asset, 'settings.json'), 'utf8')).toBe(settings);
      return asset.slice(join(folder, name).length);
    };
    const first = stage('first', '{"a":1}');
    expect(stage('same', '{"a":1}')).toBe(first);
    expect(stage('changed', '{"a":2}')).not.toBe(first);
  });

  it('the source map names files relative to the package, so that the asset is the same on every machine', () => {
    const [asset = ''] = assets('first');
    const { sources } = JSON.parse(readFileSync(join(asset, 'index.mjs.map'), 'utf8'));
    expect(sources).toContain('../../../lambda/handler.ts');
  });
});

function anEndpoint(stack: Stack): ReasoningEndpoint {
  const source = { kind: 's3', uri: 's3://weights/m/' } as const;
  return new ReasoningEndpoint(stack, 'Endpoint', {
    instanceType: 'ml.p5.48xlarge',
    models: ['a', 'b'].map((id) => ({ id, source, contextTokens: 4_096 })),
  });
}

/** Paths of the assets in the output of an app. */
function assets(name: string): readonly string[] {
  return readdirSync(join(folder, name))
    .filter((file) => file.startsWith('asset.'))
    .map((file) => join(folder, name, file));
}
