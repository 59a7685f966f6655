import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { initCommand } from '../../../cli/commands/init.ts';
import { chooseHardware, type Wanted } from '../../../cli/init/choose-hardware.ts';
import { knownModels } from '../../../cli/init/known-models.ts';
import { hostedPart, loadConfig, parseConfig } from '../../../lib/config.ts';
import { findInstanceType } from '../../../lib/facts/instance-types.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { createdBy } from '../../../plan/created.ts';

const source = { kind: 's3', uri: 's3://models-of-ours/m/' } as const;
const traffic = { requestsPerDay: 1_000, promptTokens: 500, thinkingTokens: 4_000, answerTokens: 500, activeHours: 24 };
const wanted = (model: string, changes: Partial<Wanted> = {}): Wanted => {
  const { hub: _hub, revision: _revision, ...draft } = knownModels[model] ?? fail(model);
  const name = 'stage';
  return {
    name,
    region: 'us-east-1',
    model: { id: model, source, ...draft },
    traffic,
    gpu: 'auto',
    maxSeconds: 600,
    fp8: true,
    ...changes,
  };
};
const choose = (model: string, changes: Partial<Wanted> = {}) => chooseHardware(wanted(model, changes), defaultPrices);
function fail(model: string): never {
  throw new Error(`There is no model ${model}.`);
}

describe('the hardware that init chooses', () => {
  it.each(Object.keys(knownModels))('%s fits, and the checks of synth let it through', (model) => {
    const { config } = choose(model);
    const [hosted] = hostedPart(parseConfig(config))?.models ?? [];
    expect(hosted?.copies.max).toBeGreaterThanOrEqual(2);
    expect(() => createdBy(parseConfig(config), undefined)).not.toThrow();
  });

  it('is the cheapest: no GPU by its name costs less', () => {
    for (const model of ['s1-32b', 'qwen3-8b']) {
      const { dollarsPerMonth } = choose(model);
      for (const gpu of ['l4', 'L40S', 'h100', 'H200']) {
        // A GPU may not hold the model at all.
        const other = attempt(() => choose(model, { gpu }).dollarsPerMonth) ?? Number.POSITIVE_INFINITY;
        expect(other).toBeGreaterThanOrEqual(dollarsPerMonth * 0.98);
      }
    }
  });

  it('takes full precision if FP8 saves no instance, or if it is asked to', () => {
    expect(JSON.stringify(choose('qwen3-0.6b').config)).not.toContain('fp8');
    expect(JSON.stringify(choose('s1-32b', { gpu: 'ml.p5.4xlarge' }).config)).toContain('fp8-weights');
    expect(JSON.stringify(choose('s1-32b', { fp8: false }).config)).not.toContain('fp8');
  });

  it('grows with the traffic', () => {
    const few = hostedPart(parseConfig(choose('s1-32b').config))?.models[0]?.copies.max ?? 0;
    const busy = { ...traffic, requestsPerDay: 100_000 };
    const many = hostedPart(parseConfig(choose('s1-32b', { traffic: busy }).config));
    expect(many?.models[0]?.copies.max).toBeGreaterThan(few * 5);
    expect(many?.endpoint.instances?.max).toBeGreaterThan(2);
  });

  it('takes a faster one if a request would take too long', () => {
    const slow = choose('s1-32b');
    const fast = choose('s1-32b', { maxSeconds: slow.secondsPerRequest / 2 });
    expect(fast.secondsPerRequest).toBeLessThanOrEqual(slow.secondsPerRequest / 2);
    expect(fast.dollarsPerMonth).toBeGreaterThan(slow.dollarsPerMonth);
    expect(() => choose('s1-32b', { maxSeconds: 1 })).toThrow(/takes more than 1 seconds there/);
  });

  it('takes the GPU that is named', () => {
    expect(findInstanceType(choose('qwen3-8b', { gpu: 'L40S' }).instanceType)?.gpu).toBe('L40S');
    expect(choose('qwen3-8b', { gpu: 'ml.g6e.2xlarge' }).instanceType).toBe('ml.g6e.2xlarge');
  });

  it.each([
    [{ gpu: 'tpu' }, /--gpu is "tpu"\. Give auto, a GPU \(A10G, L4, .*or an instance type/],
    [{ gpu: 'ml.g6.xlarge' }, /r1-distill-70b does not fit on ml\.g6\.xlarge/],
    [{ gpu: 'H100', region: 'eu-central-2' }, /AWS does not offer H100 in eu-central-2/],
  ])('refuses %j', (changes, message) => {
    expect(() => choose('r1-distill-70b', changes)).toThrow(message);
  });
});

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

describe('budgetforce init', () => {
  let parent: string;
  let hub: Server;
  const commit = 'b'.repeat(40);
  beforeEach(async () => {
    parent = mkdtempSync(join(tmpdir(), 'init-'));
    hub = createServer((request, response) => {
      const known = request.url?.startsWith('/api/models/simplescaling/s1-32B/revision/main');
      response.writeHead(known ? 200 : 404).end(known ? JSON.stringify({ sha: commit, siblings: [] }) : '{}');
    });
    hub.listen(0, '127.0.0.1');
    await new Promise((resolve) => hub.once('listening', resolve));
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(hub.address() as AddressInfo).port}`);
  });
  afterEach(() => {
    hub.close();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    rmSync(parent, { recursive: true });
  });

  const run = async (...args: readonly string[]) => {
    let output = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
    const code = await initCommand.run([join(parent, 'My API'), '--package', '0.1.0', '--json', ...args]);
    return {
      code,
      result: z.looseObject({ config: z.string(), files: z.array(z.string()) }).parse(JSON.parse(output)),
    };
  };

  it('pins the commit that the hub has now, and names the stage after the folder', async () => {
    const { code, result } = await run('--region', 'us-west-2');
    expect(code).toBe(0);
    expect(result.config).toBe('config/my-api.json');
    const config = loadConfig(join(parent, 'My API', result.config));
    expect(config).toMatchObject({ name: 'my-api', region: 'us-west-2' });
    expect(hostedPart(config)?.models[0]?.source).toMatchObject({ kind: 'hub', revision: commit });
    for (const file of result.files) expect(existsSync(join(parent, 'My API', file)), file).toBe(true);
    const manifest = JSON.parse(readFileSync(join(parent, 'My API', 'package.json'), 'utf8'));
    expect(manifest.dependencies).toMatchObject({ budgetforce: '0.1.0', 'aws-cdk-lib': expect.any(String) });
    expect(manifest.devDependencies['@aws-sdk/client-s3']).toMatch(/^\d/);
    expect(readdirSync(parent)).toEqual(['My API']);
  });

  it.each([
    [['--model', 'gpt-5'], /--model is "gpt-5"\. Give one of s1-32b, /],
    [['--source', 's3://models/m.tar.gz'], /uncompressed files under a prefix/],
    [['--source', 'somewhere'], /Give s3:\/\/bucket\/prefix\/, or OWNER\/NAME@COMMIT/],
    [['--source', 'owner/missing'], /no model owner\/missing at the revision main\. Without the hub give a commit/],
    [['--requests-per-day', 'many'], /--requests-per-day is "many"/],
    [['--region', 'Mars'], /^With these options the config would be wrong:.*Expected a region/s],
    [['--name', 'Of Mine'], /lower-case letters/],
  ])('refuses %j with a sentence, and writes nothing', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('never writes into a folder that has files', async () => {
    await run();
    writeFileSync(join(parent, 'My API', 'mine.txt'), 'mine');
    await expect(run()).rejects.toThrow(/has files/);
    expect(readFileSync(join(parent, 'My API', 'mine.txt'), 'utf8')).toBe('mine');
  });
});
