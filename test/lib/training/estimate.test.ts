import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findInstanceType, instanceTypeNames } from '../../../lib/facts/instance-types.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { teraflopsOf } from '../../../lib/facts/training-hardware.ts';
import { type ArchitectureName, architectures } from '../../../lib/serving/architecture.ts';
import { s1kData, type TrainingData, trainingEstimate } from '../../../lib/training/estimate.ts';
import { trainingMemory } from '../../../lib/training/memory.ts';
import type { Recipe } from '../../../lib/training/recipe.ts';

const s1 = architectures['qwen2.5-32b'];
const twoP5 = { instanceType: 'ml.p5.48xlarge', instanceCount: 2 };

function estimate(
  recipe: Recipe & { readonly spot?: boolean },
  data: TrainingData = s1kData,
  instances = twoP5,
  prices = defaultPrices,
) {
  const estimated = trainingEstimate(s1, recipe, instances, data, prices);
  if (estimated === undefined) throw new Error('no estimate');
  return estimated;
}

describe('the estimate of a training job', () => {
  it('has the 315 steps and the 26 minutes of s1', () => {
    const { steps, trainingSeconds } = estimate({ method: 'full' });
    expect(steps.value).toBe(315);
    expect(trainingSeconds.value / 60).toBeGreaterThan(24);
    expect(trainingSeconds.value / 60).toBeLessThan(28);
  });

  it('counts a third more arithmetic if activations are computed again', () => {
    const again = estimate({ method: 'full' }).trainingSeconds.value;
    const kept = estimate({ method: 'full', activationCheckpointing: 'off' }).trainingSeconds.value;
    expect(again / kept).toBeCloseTo(8 / 6, 5);
  });

  it('multiplies hours, instances and price, and says so', () => {
    const { dollars, seconds } = estimate({ method: 'full' });
    expect(dollars?.value).toBeCloseTo((seconds.value / 3_600) * 2 * 63, 6);
    expect(dollars?.formula).toBe('36.1 min × 2 × ml.p5.48xlarge × $63/h');
    expect(estimate({ method: 'full', spot: true }).dollars?.value).toBeCloseTo((dollars?.value ?? 0) / 2, 6);
  });

  it('has no dollars without a price, and takes the price that replaces it', () => {
    const g5 = { instanceType: 'ml.g5.48xlarge', instanceCount: 1 };
    expect(estimate({ method: 'lora' }, s1kData, g5).dollars).toBeUndefined();
    const prices = { ...defaultPrices, instances: { 'ml.g5.48xlarge': 20 } };
    expect(estimate({ method: 'lora' }, s1kData, g5, prices).dollars?.value).toBeGreaterThan(0);
  });

  it('counts packed rows as sequences of the block, and maxSteps instead of epochs', () => {
    const packed = estimate({ method: 'full', packing: true, blockSize: 10_000 });
    // 550 sequences are 35 steps of 16, five times.
    expect(packed.steps.value).toBe(175);
    expect(estimate({ method: 'full', maxSteps: 20 }).tokens.value).toBe(20 * 16 * 5_500);
  });

  it('counts sampled answers, and the time in which they grow by one token after the other', () => {
    const recipe: Recipe = { method: 'lora', task: 'grpo', blockSize: 4_096, epochs: 1, batchSize: 16 };
    const { steps, tokens, samplingSeconds, trainingSeconds } = estimate(recipe);
    expect(steps).toEqual({ value: 500, formula: '8,000 sampled answers ÷ 16 a step × 1 epochs' });
    expect(tokens.value).toBe(500 * 16 * 4_096);
    expect(samplingSeconds?.formula).toContain('gathered from all GPUs');
    expect(trainingSeconds.value).toBeGreaterThan(samplingSeconds?.value ?? 0);
    const alone = estimate({ ...recipe, fsdp: 'off' });
    expect(alone.samplingSeconds?.value).toBeLessThan((samplingSeconds?.value ?? 0) / 10);
    expect(estimate({ method: 'lora' }).samplingSeconds).toBeUndefined();
  });

  it('stores twelve bytes a trained weight in a checkpoint, so an adapter’s is small', () => {
    expect(estimate({ method: 'full' }).checkpointBytes.value / 1e9).toBeCloseTo(393, 0);
    expect(estimate({ method: 'lora' }).checkpointBytes.value / 1e9).toBeLessThan(2);
    expect(estimate({ method: 'lora' }).modelBytes.value / 1e9).toBeCloseTo(65.5, 1);
  });

  it('and the memory are those of the table in docs/fine-tuning.md', () => {
    const page = readFileSync('docs/fine-tuning.md', 'utf8');
    const rows = [
      ...page.matchAll(/^\| ([\w.-]+), (full|lora), ([\d,]+) \| (\d) × (\S+) \| (.+) \| (.*) \| (.*) \| (.*) \|$/gm),
    ];
    expect(rows).toHaveLength(6);
    for (const [, name, method, block, count, instanceType, memory, largest, minutes, dollars] of rows) {
      const shape = architectures[name as ArchitectureName];
      const recipe = { method: method as Recipe['method'], blockSize: Number(block?.replace(',', '')) };
      const instances = { instanceType: instanceType ?? '', instanceCount: Number(count) };
      const fit = trainingMemory(shape, recipe, instances);
      const figures = trainingEstimate(shape, recipe, instances, s1kData, defaultPrices);
      const gib = (bytes = 0) => (bytes / 1024 ** 3).toFixed(1);
      const refused = (fit?.needed ?? 0) > (fit?.usable ?? 0);
      expect(memory).toBe(`${gib(fit?.needed)} of ${gib(fit?.usable)}${refused ? ': refused' : ''}`);
      expect(largest).toBe(fit?.largestBlock.toLocaleString('en-US'));
      if (refused) continue;
      expect(minutes).toBe(`${((figures?.seconds.value ?? 0) / 60).toFixed(0)} min`);
      expect(dollars).toBe(figures?.dollars?.value.toFixed(0));
    }
  });

  it('knows the arithmetic of the GPUs of every instance type', () => {
    const unknown = instanceTypeNames().filter((name) => teraflopsOf(findInstanceType(name)?.gpu ?? '') === undefined);
    expect(unknown).toEqual([]);
  });
});
