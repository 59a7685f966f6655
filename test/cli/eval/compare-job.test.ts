import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bundleProgram } from '../../../lib/bundles/programs.ts';
import { type EvaluationSettings, verdictSchema } from '../../../lib/training/evaluation-settings.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { LazyEngine } from '../../../local/engine/lazy-engine.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';
import { MemoryS3 } from '../weights/memory-s3.ts';

const settings: EvaluationSettings = {
  bucket: 'models',
  endpointName: 'stage',
  component: 'stage-m',
  candidate: 'stage-m-candidate',
  model: { id: 'm', format: 's1', contextTokens: 1_000 },
  questions: 's3://models/questions/seven.jsonl',
  budgets: [16],
  limit: 10,
  concurrency: 2,
  calibrate: false,
  maxLossPoints: 1,
};

let folder: string;
let s3: MemoryS3;
let endpoint: LocalEndpoint;
let sageMaker: Server;
const vocabulary = z
  .object({
    model: z.object({ vocab: z.record(z.string(), z.int()) }),
    added_tokens: z.array(z.object({ id: z.int(), content: z.string() })),
  })
  .transform(({ model, added_tokens }) => ({
    ...model.vocab,
    ...Object.fromEntries(added_tokens.map(({ content, id }) => [content, id])),
  }))
  .parse(JSON.parse(readFileSync('local/model/tokenizer.json', 'utf8')));
const says = (digit: string) => [digit, '<|im_end|>'].map((token) => vocabulary[token] ?? 0);
const services = { service: scriptedEngine(says('8')), trained: scriptedEngine(says('7')) };
let urls: Readonly<Record<string, string>>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'job-'));
  for (const [name, content] of bundleProgram('evaluate')) writeFileSync(join(folder, name), content);
  s3 = new MemoryS3();
  const rows = Array.from({ length: 10 }, (_, index) => ({
    id: `q${index}`,
    question: `3 + 4, ${index}`,
    answer: '7',
  }));
  s3.objects.set('questions/seven.jsonl', Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')));
  s3.objects.set(
    'runs/run-1/output/stage-run-1/output/model/tokenizer.json',
    readFileSync('local/model/tokenizer.json'),
  );
  endpoint = await startLocalEndpoint({
    engine: services.service,
    endpointName: 'stage',
    inferenceComponentName: 'stage-m',
    servedModelName: 'm',
    components: [
      { name: 'stage-m-candidate', servedModelName: 'm', engine: new LazyEngine(async () => services.trained) },
    ],
  });
  sageMaker = createServer((_, response) => {
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ Specification: { ModelName: 'EndpointModel-1' } }));
  }).listen(0, '127.0.0.1');
  await once(sageMaker, 'listening');
  urls = {
    AWS_ENDPOINT_URL_S3: await s3.start(),
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.url,
    AWS_ENDPOINT_URL_SAGEMAKER: `http://127.0.0.1:${(sageMaker.address() as AddressInfo).port}`,
  };
});
afterEach(async () => {
  s3.close();
  sageMaker.close();
  await endpoint.close();
  rmSync(folder, { recursive: true });
});

async function run(variables: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [join(folder, 'index.mjs')], {
    env: {
      ...process.env,
      ...urls,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
      RUN: 'run-1',
      MODEL_NAME: 'stage-run-1',
      JOB: 'stage-run-1',
      EVALUATION: JSON.stringify(settings),
      ...variables,
    },
  });
  const [output, errors, [code]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    once(child, 'exit'),
  ]);
  return { code, output: output.join(''), errors: errors.join('') };
}

describe('the job of an evaluation', () => {
  it('asks both components, writes a report and the answers, and prints the verdict as one line', {
    timeout: 60_000,
  }, async () => {
    const { code, output, errors } = await run();
    expect(errors).not.toContain('error:');
    expect(code).toBe(0);
    expect(verdictSchema.parse(JSON.parse(output))).toMatchObject({
      passes: true,
      sentence: expect.stringContaining('the trained model answers 100.0 % right, the model in service 0.0 %'),
    });
    const keys = [...s3.objects.keys()];
    expect(keys).toEqual(
      expect.arrayContaining(['runs/run-1/evaluation/report.json', 'runs/run-1/evaluation/report.md']),
    );
    for (const name of ['stage-run-1', 'EndpointModel-1']) {
      const file = keys.find((key) => new RegExp(`^evaluations/${name}/[0-9a-f]{16}/results\\.jsonl$`).test(key));
      expect(
        s3.objects
          .get(file ?? '')
          ?.toString()
          .trim()
          .split('\n'),
      ).toHaveLength(10);
    }
    // A second run asks nobody again.
    const asked = services.trained.requests.length + services.service.requests.length;
    expect((await run()).output).toBe(output);
    expect(services.trained.requests.length + services.service.requests.length).toBe(asked);
  });

  it('fails with a sentence, and without a verdict', { timeout: 60_000 }, async () => {
    s3.objects.delete('questions/seven.jsonl');
    expect(await run()).toMatchObject({ code: 1, output: '', errors: expect.stringMatching(/^error: .+/) });
  });
});
