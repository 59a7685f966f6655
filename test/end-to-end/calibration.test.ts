import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { askWithTokens } from '../../evaluate/ask.ts';
import { measurePasses } from '../../evaluate/calibration/measure-passes.ts';
import { upperBound95 } from '../../evaluate/statistics/clopper-pearson.ts';
import { confidenceMeasures } from '../../lambda/forcing/confidence.ts';
import { calibrationSchema } from '../../lambda/settings/calibration.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

const file = (name: string) => new URL(`../../local/model/${name}`, import.meta.url);
const sha256 = (name: string) =>
  createHash('sha256')
    .update(readFileSync(file(name)))
    .digest('hex');
const shipped = calibrationSchema.parse(JSON.parse(readFileSync(file('budgetforce-tiny.calibration.json'), 'utf8')));

const confidenceSchema = z.looseObject({
  confidence: z.object({ measure: z.string(), value: z.number() }).optional(),
  risk: z.looseObject({ upper_bound: z.number(), calibration: z.string() }).optional(),
  limits: z.looseObject({}).optional(),
});

let server: LocalServer;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => await server.close());

const ask = async (thinking: Readonly<Record<string, unknown>>, seed = 1) =>
  await askWithTokens(
    { baseUrl: `${server.url}/v1`, model: 'budgetforce-tiny', apiKey: undefined, temperature: 1 },
    'What is 37 + 58 - 21 + 44?',
    { thinking },
    seed,
    new AbortController().signal,
  );

describe('confidence from the log-probabilities of a response', () => {
  it.each(confidenceMeasures)('is what the function reports, with and without a Wait: %s', async (measure) => {
    for (const waits of [0, 1]) {
      const { thoughtTokens, report } = await ask({
        waits,
        logprobs: true,
        top_logprobs: 20,
        confidence_measure: measure,
      });
      const passes = measurePasses(thoughtTokens, [measure]);
      expect(passes).toHaveLength(waits + 1);
      const { confidence } = confidenceSchema.parse(report);
      expect(confidence?.measure).toBe(measure);
      expect(passes.at(-1)?.[measure]).toBeCloseTo(confidence?.value ?? Number.NaN, 9);
    }
  });
});

describe('the calibration of the embedded model', () => {
  it('is of its weights, and of other questions than its card', () => {
    expect(shipped.provenance?.weights).toBe(sha256('budgetforce-tiny.gguf'));
    expect(shipped.provenance?.questions.sha256).toBe(sha256('questions.jsonl'));
    // The card judges the first 500.
    expect(shipped.provenance?.questions.first).toBeGreaterThan(500);
  });

  it('has the bounds of its counts', () => {
    for (const { wrong, questions, wrongUpper95 } of shipped.rows) {
      expect(wrongUpper95).toBeGreaterThanOrEqual(upperBound95(wrong, questions));
      expect(wrongUpper95).toBeLessThan(upperBound95(wrong, questions) + 2e-4);
    }
  });

  it('gives Waits if unsure their threshold', async () => {
    const { report } = await ask({ wait_when: 'unsure' });
    expect(confidenceSchema.parse(report).confidence?.measure).toBe(shipped.measure);
  });

  it('gives a risk its policy', async () => {
    const lowest = Math.min(...shipped.rows.map(({ wrongUpper95 }) => wrongUpper95));
    const { report } = await ask({ risk: lowest });
    expect(confidenceSchema.parse(report).risk).toEqual({
      requested: lowest,
      upper_bound: lowest,
      calibration: shipped.id,
    });
    await expect(ask({ risk: lowest - 0.001 })).rejects.toThrow(`reaches is ${lowest}`);
  });
});
