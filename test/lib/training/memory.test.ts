import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArchitectureName, architectures } from '../../../lib/serving/architecture.ts';
import { loraParameters } from '../../../lib/training/lora-parameters.ts';
import { type TrainingMemory, trainingMemory } from '../../../lib/training/memory.ts';
import { trainingMemoryInWords } from '../../../lib/training/memory-in-words.ts';
import type { Recipe } from '../../../lib/training/recipe.ts';

function memoryOf(
  name: ArchitectureName,
  recipe: Recipe,
  instanceType = 'ml.p5.48xlarge',
  instanceCount = 1,
): TrainingMemory {
  const memory = trainingMemory(architectures[name], recipe, { instanceType, instanceCount });
  if (memory === undefined) throw new Error(`${instanceType} is unknown`);
  return memory;
}

const fits = ({ needed, usable }: TrainingMemory) => needed <= usable;

describe('the memory of a training job', () => {
  it('holds s1 at its whole block on 16 H100, and not on 8, as its authors found', () => {
    expect(fits(memoryOf('qwen2.5-32b', { method: 'full' }, 'ml.p5.48xlarge', 2))).toBe(true);
    expect(fits(memoryOf('qwen2.5-32b', { method: 'full' }, 'ml.p5.48xlarge', 1))).toBe(false);
    // s1 issue 13: 16 H100 are needed for 20,000 tokens, too.
    expect(fits(memoryOf('qwen2.5-32b', { method: 'full', blockSize: 20_000 }, 'ml.p5.48xlarge', 1))).toBe(false);
  });

  it('does not hold s1 on 16 H100 if activations are kept', () => {
    expect(fits(memoryOf('qwen2.5-32b', { method: 'full', activationCheckpointing: 'off' }, 'ml.p5.48xlarge', 2))).toBe(
      false,
    );
  });

  it('holds an adapter of 32 billion weights on one H100 with rows of 8,192 tokens, and of 7 billion on one L40S', () => {
    expect(fits(memoryOf('qwen2.5-32b', { method: 'lora', blockSize: 8_192 }, 'ml.p5.4xlarge'))).toBe(true);
    expect(fits(memoryOf('qwen2.5-32b', { method: 'full', blockSize: 8_192 }, 'ml.p5.4xlarge'))).toBe(false);
    expect(fits(memoryOf('qwen2.5-7b', { method: 'lora' }, 'ml.g6e.2xlarge'))).toBe(true);
    expect(fits(memoryOf('qwen2.5-7b', { method: 'full' }, 'ml.g6e.2xlarge'))).toBe(false);
  });

  it('holds a second model, two sequences and their logits for pairs', () => {
    const memory = (task: Recipe['task'], method: Recipe['method']) =>
      memoryOf('qwen2.5-32b', { method, task, blockSize: 8_192 }, 'ml.p5.48xlarge', 2);
    const [sft, dpo] = [memory('sft', 'full'), memory('dpo', 'full')];
    expect(dpo.tokens).toBe(2 * sft.tokens);
    expect((dpo.states - sft.states) * 16).toBe(4 * sft.weights.all);
    expect(memory('kto', 'lora').states).toBe(memory('sft', 'lora').states);
    expect(dpo.logitsPerToken).toBeGreaterThan(0);
    const words = trainingMemoryInWords({ method: 'full', task: 'dpo', blockSize: 8_192 }, dpo);
    const parts = [...words.matchAll(/(?:take|and|about) ([\d.]+) GiB/g)].map(([, gib]) => Number(gib));
    expect(parts.reduce((sum, gib) => sum + gib, 0)).toBeCloseTo(dpo.needed / 1024 ** 3, 0);
  });

  it('holds the cache of sampled answers instead of activations, and a second model only if it is held near', () => {
    const grpo: Recipe = { method: 'full', task: 'grpo', blockSize: 8_192, batchSize: 256 };
    const memory = (recipe: Recipe) => memoryOf('qwen2.5-32b', recipe, 'ml.p5.48xlarge', 2);
    const [free, held] = [memory(grpo), memory({ ...grpo, beta: 0.01 })];
    expect((held.states - free.states) * 16).toBe(4 * free.weights.all);
    // 64 layers × 8 heads × 128 × keys and values × 2 bytes.
    expect(free.sampling).toEqual({ answers: 16, cachePerToken: 64 * 8 * 128 * 2 * 2 });
    expect(free.needed).toBe(free.states + free.gathered + free.runtime + 16 * 8_192 * 262_144);
    const few = memory({ ...grpo, batchSize: 16 });
    expect(few.needed).toBeLessThan(free.needed);
    for (const [recipe, need] of [
      [grpo, free],
      [{ ...grpo, batchSize: 16 }, few],
    ] as const) {
      const words = trainingMemoryInWords(recipe, need);
      const parts = [...words.matchAll(/(?:take|and|about) ([\d.]+) GiB/g)].map(([, gib]) => Number(gib));
      expect(parts.reduce((sum, gib) => sum + gib, 0)).toBeCloseTo(need.needed / 1024 ** 3, 0);
    }
    expect(fits(memory({ ...grpo, blockSize: free.largestBlock }))).toBe(true);
    expect(fits(memory({ ...grpo, blockSize: free.largestBlock + 1 }))).toBe(false);
  });

  it('says in words what a reader can add up', () => {
    const recipe: Recipe = { method: 'full' };
    const memory = memoryOf('qwen2.5-32b', recipe, 'ml.p5.48xlarge', 2);
    const words = trainingMemoryInWords(recipe, memory);
    expect(words).toMatchInlineSnapshot(
      `"each GPU has 80.0 GiB, of which tensors can fill 95 %: 76.0 GiB; 32.8 billion weights × 16 bytes (fp32 weight, gradient, Adam's moments), shared by 16 GPUs take 30.5 GiB; 16-bit copies of what is in work take 5.6 GiB; activations of 32,768 tokens take 20.0 GiB kept (the input of each layer, the rest is computed again) and 15.1 GiB for the layer in work; CUDA and NCCL take about 2.0 GiB; together 73.2 GiB"`,
    );
    const parts = [...words.matchAll(/(?:take|and|about) ([\d.]+) GiB/g)].map(([, gib]) => Number(gib));
    expect(parts.reduce((sum, gib) => sum + gib, 0)).toBeCloseTo(memory.needed / 1024 ** 3, 0);
  });

  it('names a largest block that fits, and one more token does not', () => {
    const names = Object.keys(architectures) as ArchitectureName[];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.constantFrom<Recipe['method']>('full', 'lora'),
        fc.constantFrom('ml.g6e.xlarge', 'ml.g6e.48xlarge', 'ml.p5.48xlarge', 'ml.p5en.48xlarge'),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 4 }),
        (name, method, instanceType, instanceCount, microBatchSize) => {
          const recipe: Recipe = { method, microBatchSize };
          const { largestBlock } = memoryOf(name, recipe, instanceType, instanceCount);
          if (largestBlock > 0) {
            expect(fits(memoryOf(name, { ...recipe, blockSize: largestBlock }, instanceType, instanceCount))).toBe(
              true,
            );
          }
          expect(fits(memoryOf(name, { ...recipe, blockSize: largestBlock + 1 }, instanceType, instanceCount))).toBe(
            false,
          );
        },
      ),
    );
  });

  it('shrinks with more instances, and is not shared without FSDP', () => {
    const shared = [1, 2, 4].map((count) => memoryOf('qwen2.5-14b', { method: 'full' }, 'ml.p5.48xlarge', count));
    expect(shared.map(({ states }) => states / 1024 ** 3)).toEqual(
      [...shared].map(({ states }) => states / 1024 ** 3).sort((a, b) => b - a),
    );
    expect(memoryOf('qwen2.5-14b', { method: 'full', fsdp: 'off' }, 'ml.p5.48xlarge', 4).shards).toBe(1);
  });

  it('is unknown for an instance type that is unknown', () => {
    const job = { instanceType: 'ml.p9.48xlarge', instanceCount: 1 };
    expect(trainingMemory(architectures['qwen2.5-7b'], { method: 'full' }, job)).toBeUndefined();
  });
});

describe('the weights of an adapter', () => {
  it('are rank × (input + output) of each layer', () => {
    // 28 layers of Qwen2.5 7B: q and o 3,584 + 3,584, k and v 3,584 + 512, three of the MLP 3,584 + 18,944.
    const all = 28 * 16 * (2 * 7_168 + 2 * 4_096 + 3 * 22_528);
    expect(loraParameters(architectures['qwen2.5-7b'], { method: 'lora' })).toBe(all);
    const some = { method: 'lora', loraRank: 8, loraTargets: 'q_proj, v_proj' } as const;
    expect(loraParameters(architectures['qwen2.5-7b'], some)).toBe(28 * 8 * (7_168 + 4_096));
  });
});
