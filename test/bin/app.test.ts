import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ConfigInput } from '../../lib/config.ts';
import { restEvent } from '../lambda/aws/rest-event-fixture.ts';
import { manyModels } from '../lib/api/many-models.ts';
import { aConfig } from '../lib/synthesize.ts';

const folder = mkdtempSync(join(tmpdir(), 'budgetforce-app-'));
const out = join(folder, 'out');
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the app as `cdk synth` does, without credentials. */
function runApp(...configs: readonly ConfigInput[]) {
  const files = configs.map((config, index) => {
    const file = join(folder, `stage-${index}.json`);
    writeFileSync(file, JSON.stringify(config));
    return file;
  });
  const { PATH } = process.env;
  return spawnSync(process.execPath, ['bin/app.ts'], {
    encoding: 'utf8',
    env: { PATH, CDK_OUTDIR: out, CDK_CONTEXT_JSON: JSON.stringify({ config: files.join(',') }) },
  });
}

/** Sends a request to the function of a stage, with its code and its environment from the output of the app. */
function invoke(stage: string, event: unknown): unknown {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(out, file), 'utf8'));
  const manifest = assetsSchema.parse(read(`${stage}-api.assets.json`));
  const code = Object.values(manifest.files).find(({ displayName }) => displayName?.includes('Function'));
  const [found] = Object.values(templateSchema.parse(read(`${stage}-api.template.json`)).Resources).flatMap(
    (resource) => functionSchema.safeParse(resource).data ?? [],
  );
  const bundle = join(out, code?.source.path ?? '', 'index.mjs');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', runtime, bundle, JSON.stringify(event)],
    { encoding: 'utf8', env: { AWS_REGION: 'us-east-1', ...found?.Properties.Environment.Variables } },
  );
  expect(stdout, stderr).toMatch(/^\{/);
  return JSON.parse(stdout);
}

describe('the app', () => {
  it('each stage has its own settings beside the same code, which loads 20 models on Node 24', {
    timeout: 60_000,
  }, () => {
    const api = { apiKey: false };
    const { status, stderr } = runApp(aConfig({ api }), { ...manyModels, name: 'many', api });
    expect(status, stderr).toBe(0);
    const models = (stage: string) =>
      modelsSchema.parse(invoke(stage, restEvent({ httpMethod: 'GET', path: '/v1/models' }))).data.map(({ id }) => id);
    expect(models('stage')).toEqual(['s1-32b']);
    expect(models('many')).toHaveLength(25);
    expect(stderr.match(/Bundling asset .*Api\/Function/g)).toHaveLength(2);
  });

  it('the app reports a wrong config without a stack trace', () => {
    const { status, stderr } = runApp(aConfig({ endpoint: { instanceType: 'ml.p6.48xlarge' } }));
    expect(status).toBe(1);
    expect(stderr.trim()).toMatch(/^instanceType "ml\.p6\.48xlarge" is not one of .*$/);
  });
});

const assetsSchema = z.object({
  files: z.record(
    z.string(),
    z.object({ displayName: z.string().optional(), source: z.object({ path: z.string().optional() }) }),
  ),
});
const templateSchema = z.object({ Resources: z.record(z.string(), z.unknown()) });
const deployed = z.union([z.string(), z.record(z.string(), z.unknown()).transform(() => 'deployed')]);
const functionSchema = z.object({
  Type: z.literal('AWS::Lambda::Function'),
  Properties: z.object({ Environment: z.object({ Variables: z.record(z.string(), deployed) }) }),
});
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Runs the bundle with stand-ins for the globals of Lambda's runtime, and prints the body of the response to one event. */
const runtime = `
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: { from: (stream) => stream } };
const { handler } = await import(process.argv[1]);
const stream = new PassThrough();
const body = text(stream);
await handler(JSON.parse(process.argv[2]), stream, { awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 });
process.stdout.write(await body);
process.exit(0);
`;
