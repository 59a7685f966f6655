import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

/** Folder of a user who installed the packed package, with the example app. */
const folder = mkdtempSync(join(tmpdir(), 'budgetforce-package-'));
const packed = join(folder, 'node_modules', 'budgetforce');
const node = (args: readonly string[], cwd = folder) =>
  spawnSync(process.execPath, [...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CDK_OUTDIR: join(cwd, 'out') },
  });
const tsc = resolve('node_modules/typescript/bin/tsc');

beforeAll(() => {
  const { status, stderr } = spawnSync('npm', ['pack', '--pack-destination', folder], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const [archive = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  mkdirSync(packed, { recursive: true });
  spawnSync('tar', ['-xzf', join(folder, archive), '-C', packed, '--strip-components=1']);
  // Instead of npm install: links only the package's dependencies and peers, from this repository.
  const { dependencies, peerDependencies } = manifestSchema.parse(
    JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8')),
  );
  for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
  cpSync('examples/existing-app', folder, { recursive: true });
  cpSync('examples/pipeline', join(folder, 'pipeline'), { recursive: true });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const manifestSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
});

describe('the packed package', () => {
  it('the package contains code, types, configs and documents, but no source, tests or model', () => {
    const top = readdirSync(packed).sort();
    expect(top).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'config', 'dist', 'docs', 'package.json']);
    expect(existsSync(join(packed, 'dist', 'programs', 'function', 'index.mjs'))).toBe(true);
    expect(readdirSync(join(packed, 'dist')).includes('test')).toBe(false);
  });

  it('the example app compiles against the package’s types, as strictly as a new project', { timeout: 300_000 }, () => {
    const compilerOptions = {
      strict: true,
      module: 'nodenext',
      target: 'es2024',
      lib: ['es2024', 'dom', 'esnext.disposable'],
      noEmit: true,
      skipLibCheck: false,
      types: [],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
    const { status, stdout } = node([tsc, '--project', folder]);
    expect(status, stdout).toBe(0);
  });

  it('the example app synthesizes without esbuild, credentials or network', { timeout: 300_000 }, () => {
    const { status, stderr } = node(['app.ts']);
    expect(status, stderr).toBe(0);
    const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, 'out', file), 'utf8'));
    const { Resources } = templateSchema.parse(read('Reasoning.template.json'));
    const of = (type: string) => Object.values(Resources).filter(({ Type }) => Type === type);
    expect(of('AWS::SageMaker::InferenceComponent')).toHaveLength(1);
    expect(of('AWS::SageMaker::EndpointConfig')[0]?.Properties['MetricsConfig']).toMatchObject({
      MetricPublishFrequencyInSeconds: 10,
    });
    expect(of('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties['MetricName'])).toContain(
      'CommittedTokensPerCopy',
    );
    const granted = of('AWS::IAM::Policy').filter((policy) =>
      JSON.stringify(policy).includes('sagemaker:InvokeEndpointWithResponseStream'),
    );
    expect(granted).toHaveLength(2);
  });

  it('the pipeline example compiles, and deploys to two accounts and two regions after an approval', {
    timeout: 300_000,
  }, () => {
    const example = join(folder, 'pipeline');
    const lib = ['es2024', 'dom', 'esnext.disposable'];
    const compilerOptions = { strict: true, module: 'nodenext', target: 'es2024', lib, noEmit: true, types: [] };
    writeFileSync(join(example, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
    const compiled = node([tsc, '--project', example]);
    expect(compiled.status, compiled.stdout).toBe(0);
    const { status, stderr } = node(['app.ts'], example);
    expect(status, stderr).toBe(0);
    const read = (file: string): unknown => JSON.parse(readFileSync(join(example, 'out', file), 'utf8'));
    const { Resources } = templateSchema.parse(read('ReasoningPipeline.template.json'));
    const [pipeline] = Object.values(Resources).filter(({ Type }) => Type === 'AWS::CodePipeline::Pipeline');
    const { Stages } = z.object({ Stages: z.array(pipelineStageSchema) }).parse(pipeline?.Properties);
    expect(Stages.map(({ Name }) => Name)).toEqual([
      'Source',
      'Build',
      'UpdatePipeline',
      'Assets',
      'Staging',
      'Production',
    ]);
    const production = Stages.at(-1)?.Actions ?? [];
    const order = ({ RunOrder }: { readonly RunOrder?: number | undefined }): number => RunOrder ?? 1;
    const approval = production.filter(({ ActionTypeId }) => ActionTypeId.Category === 'Approval');
    expect(approval).toHaveLength(1);
    expect(Math.min(...production.map(order))).toBe(order(approval[0] ?? {}));
    const deploys = production.filter(({ ActionTypeId }) => ActionTypeId.Provider === 'CloudFormation');
    expect(new Set(deploys.map(({ Region }) => Region ?? 'us-east-1'))).toEqual(new Set(['us-east-1', 'us-west-2']));
    for (const deploy of deploys) expect(JSON.stringify(deploy.RoleArn)).toMatch(/:iam::444455556666:role\/cdk-/);
  });

  it('init of the packed command line writes an app whose tests run', { timeout: 300_000 }, () => {
    const bin = join(packed, 'bin', 'budgetforce.js');
    const created = node([bin, 'init', 'my-api', '--model', 'qwen3-0.6b', '--yes', '--json']);
    expect(created.status, created.stderr).toBe(0);
    const app = join(folder, 'my-api');
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')));
    expect(dependencies['budgetforce']).toMatch(/^\d+\.\d+\.\d+$/);
    const tested = node(['--test', 'test/stacks.test.ts'], app);
    expect(tested.status, tested.stdout).toBe(0);
    expect(tested.stdout).toMatch(/pass 4\b/);
    const synthesized = node(['app.ts'], app);
    expect(synthesized.status, synthesized.stderr).toBe(0);
    expect(readdirSync(join(app, 'out')).filter((file) => file.endsWith('.template.json'))).toEqual([
      'my-api-api.template.json',
      'my-api-endpoint.template.json',
    ]);
  });

  it('the packed command line plans, and names the package that another command needs', { timeout: 300_000 }, () => {
    const bin = join(packed, 'bin', 'budgetforce.js');
    const { status, stdout, stderr } = node([bin, 'plan', join(packed, 'config', 's1-32b.json')]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('ml.p5.48xlarge');
    const start = node([bin, 'start']);
    expect([start.status, start.stderr]).toEqual([
      1,
      expect.stringMatching(/^budgetforce start needs the package \S+: npm install /),
    ]);
  });
});

describe('the packed command train', () => {
  const bin = join(packed, 'bin', 'budgetforce.js');
  const rows = join(folder, 'rows.jsonl');
  const python = join(folder, 'python');

  it('trains a model of the user on this machine, with the script of the package', { timeout: 60_000 }, () => {
    for (const file of ['sft/train.py', 'sft/export.py', 'sft/formats.json', 'environment.sh', 'export_gguf.py'])
      expect(existsSync(join(packed, 'dist', 'training', file)), file).toBe(true);
    const fake = resolve('test/cli/train/fake-python.ts');
    writeFileSync(python, `#!/bin/sh\nexec ${process.execPath} ${fake} "$@"\n`, { mode: 0o755 });
    writeFileSync(rows, '{"question":"1+1?","thought":"1+1=2","answer":"2"}\n');
    const model = ['--model', folder, '--format', 's1', '--data', rows, '--run', 'mine'];
    const { status, stdout, stderr } = node([bin, 'train', 'start', '--local', '--python', python, ...model]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('mine: 20 steps');
  });

  it('says that the embedded model is in the repository, and which package another action needs', () => {
    expect(node([bin, 'train', 'start', '--local', '--python', python]).stderr).toBe(
      'budgetforce train: The embedded model and its example rows are in the repository of Budgetforce, not in this package. Give --model FOLDER and --data rows.jsonl.\n',
    );
    const check = node([bin, 'train', 'data', 'check', rows]);
    expect([check.status, check.stderr]).toEqual([
      1,
      'budgetforce train needs the package hyparquet: npm install hyparquet\n',
    ]);
  });
});

const pipelineStageSchema = z.object({
  Name: z.string(),
  Actions: z.array(
    z.object({
      ActionTypeId: z.object({ Category: z.string(), Provider: z.string() }),
      Region: z.string().optional(),
      RoleArn: z.unknown(),
      RunOrder: z.int().optional(),
    }),
  ),
});

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) }),
  ),
});
