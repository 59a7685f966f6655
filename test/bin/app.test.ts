import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SETTINGS_VARIABLE } from '../../lambda/settings/settings.ts';
import { aConfig, tokenizerFixture } from '../lib/synthesize.ts';

const folder = mkdtempSync(join(tmpdir(), 'budgetforce-app-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the app as `cdk synth` does, without credentials. */
function runApp(config: unknown) {
  const file = join(folder, 'stage.json');
  const { PATH } = process.env;
  writeFileSync(file, JSON.stringify(config));
  return spawnSync(process.execPath, ['bin/app.ts'], {
    encoding: 'utf8',
    env: {
      PATH,
      CDK_OUTDIR: join(folder, 'out'),
      CDK_CONTEXT_JSON: JSON.stringify({ config: file }),
    },
  });
}

describe('the app', () => {
  it('the app bundles a function that loads on Node 24', { timeout: 60_000 }, () => {
    const { status, stderr } = runApp(aConfig());
    expect(status, stderr).toBe(0);
    const manifest = assetsSchema.parse(JSON.parse(readFileSync(join(folder, 'out', 'stage-api.assets.json'), 'utf8')));
    const code = Object.values(manifest.files).find(({ displayName }) => displayName?.includes('Function'));
    const bundle = join(folder, 'out', code?.source.path ?? '', 'index.mjs');
    const loaded = spawnSync(process.execPath, ['--input-type=module', '--eval', loader, bundle], {
      encoding: 'utf8',
      env: { AWS_REGION: 'us-east-1', [SETTINGS_VARIABLE]: settings },
    });
    expect(loaded.stdout, loaded.stderr).toBe('function');
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

/** Loads the bundle with stand-ins for the globals of Lambda's runtime. */
const loader = `
globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: { from: (stream) => stream } };
const { handler } = await import(process.argv[1]);
process.stdout.write(typeof handler);
process.exit(0);
`;

const settings = JSON.stringify({
  models: [
    {
      id: 's1-32b',
      format: 's1',
      contextTokens: 32_768,
      upstream: { kind: 'sagemaker', endpointName: 'stage', inferenceComponentName: 'stage-s1-32b' },
      tokenizer: { kind: 'file', path: tokenizerFixture },
      defaultMaxThinkingTokens: 8_192,
      maxThinkingTokens: 28_672,
      defaultMaxAnswerTokens: 2_048,
      efforts: { none: 0, minimal: 512, low: 2_048, medium: 8_192, high: 16_384, xhigh: 28_672 },
    },
  ],
  requestTimeoutMs: 880_000,
  capacityWaitMs: 600_000,
  keepAliveMs: 15_000,
});
