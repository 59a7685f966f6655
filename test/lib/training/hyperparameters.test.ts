import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hyperparametersOf, maxRunLength } from '../../../lib/training/hyperparameters.ts';
import { recipeDefaults } from '../../../lib/training/recipe.ts';
import { trainingSchema } from '../../../lib/training/training-schema.ts';

const options = readFileSync('training/sft/options.py', 'utf8');
const known = [...options.matchAll(/^\s*(?:add|recipe|preference|grpo|length|lora|machine)\("--([a-z0-9-]+)"/gm)].map(
  ([, name = '']) => name.replaceAll('-', '_'),
);

/** A recipe with a value for every field of the schema. */
function everyField(method: 'full' | 'lora', fields: object = {}) {
  const common = {
    task: 'dpo',
    beta: 0.2,
    ldAlpha: 0.5,
    ...fields,
    epochs: 2,
    maxSteps: 100,
    learningRate: 2e-5,
    batchSize: 8,
    microBatchSize: 2,
    blockSize: 4_096,
    tooLong: 'drop',
    packing: false,
    scheduler: 'linear',
    warmupRatio: 0.1,
    weightDecay: 0,
    beta1: 0.8,
    beta2: 0.9,
    maxGradNorm: 2,
    seed: 7,
    columns: 's1k-1.1',
    attention: 'flash_attention_2',
    fsdp: 'on',
    activationCheckpointing: 'off',
    saveSteps: 5,
    keepCheckpoints: 3,
    logSteps: 2,
  };
  const lora = { loraRank: 8, loraAlpha: 32, loraDropout: 0.1, loraTargets: 'q_proj,v_proj' };
  return trainingSchema.parse({ recipe: { method, ...common, ...(method === 'lora' && lora) } }).recipe;
}

describe('the hyperparameters of a recipe', () => {
  it.each(['full', 'lora'] as const)('are options of the script, by their names (%s)', (method) => {
    const parameters = hyperparametersOf(everyField(method), 's1', undefined);
    expect(known.length).toBeGreaterThan(20);
    expect(Object.keys(parameters).filter((name) => !known.includes(name))).toEqual([]);
    expect(Object.values(parameters).every((value) => typeof value === 'string')).toBe(true);
    expect(parameters['lora_rank']).toBe(method === 'lora' ? '8' : undefined);
  });

  const python = spawnSync('python3', ['--version']).status === 0;

  it.skipIf(!python)('are read by the script as the values of the config', () => {
    const parameters = hyperparametersOf(everyField('lora'), 'qwen3', undefined);
    const program = `
import json, sys
sys.path.insert(0, "training/sft")
sys.modules["tokenizers"] = type(sys)("tokenizers")
sys.modules["tokenizers"].Tokenizer = object
import argparse, types
data = types.ModuleType("data"); data.COLUMNS = {"plain": 1, "s1k": 1, "s1k-1.1": 1}; data.FORMATS = {"qwen3": 1}
sys.modules["data"] = data
from options import parse_options
given = json.loads(sys.argv[1])
options = parse_options([f"--{name.replace('_', '-')}={value}" for name, value in given.items()] + ["--model=m", "--data=d", "--output=o"])
print(json.dumps({name: value for name, value in vars(options).items() if isinstance(value, (int, float, str, bool))}))
`;
    const { stdout, stderr, status } = spawnSync('python3', ['-c', program, JSON.stringify(parameters)]);
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({
      format: 'qwen3',
      epochs: 2,
      learning_rate: 2e-5,
      packing: false,
      task: 'dpo',
      ld_alpha: 0.5,
      lora_rank: 8,
      lora_targets: 'q_proj,v_proj',
      columns: 's1k-1.1',
      activation_checkpointing: 'off',
      save_steps: 5,
    });
  });

  it('of sampled answers are options of the script, too', () => {
    const fields = {
      task: 'grpo',
      ldAlpha: undefined,
      beta: 0,
      generations: 4,
      tokenPrice: 0.001,
      grader: 'exact',
      temperature: 0.9,
      maxCompletionLength: 2_000,
    };
    const parameters = hyperparametersOf(everyField('lora', fields), 's1', undefined);
    expect(Object.keys(parameters).filter((name) => !known.includes(name))).toEqual([]);
    expect(parameters).toMatchObject({
      task: 'grpo',
      generations: '4',
      token_price: '0.001',
      grader: 'exact',
      max_completion_length: '2000',
    });
  });

  it('name the repository of the hub and its commit', () => {
    const hub = { id: 'Qwen/Qwen2.5-7B-Instruct', revision: 'a'.repeat(40) };
    expect(hyperparametersOf(everyField('full'), 's1', hub)).toMatchObject({
      model: hub.id,
      model_revision: hub.revision,
    });
  });

  it('default to those of the script', () => {
    const defaultOf = (name: string) =>
      new RegExp(`"--${name}"[^\\n]*default=([^,)]+)`).exec(options)?.[1] ??
      /BLOCK_SIZES = \{"s1": ([\d_]+)/.exec(options)?.[1];
    expect(Number(defaultOf('epochs'))).toBe(recipeDefaults.epochs);
    expect(Number(defaultOf('batch-size'))).toBe(recipeDefaults.batchSize);
    expect(Number(defaultOf('save-steps'))).toBe(recipeDefaults.saveSteps);
    expect(Number(defaultOf('generations'))).toBe(recipeDefaults.generations);
    expect(Number(/BLOCK_SIZES = \{"s1": ([\d_]+)/.exec(options)?.[1]?.replace('_', ''))).toBe(
      recipeDefaults.blockSize,
    );
  });
});

describe('the name of a run', () => {
  it('leaves room for the stage and the number of an attempt in SageMaker’s 63 characters', () => {
    for (const stage of ['s', 'stage', 's'.repeat(40)]) {
      expect(`${stage}-${'r'.repeat(maxRunLength(stage))}-r499`.length).toBeLessThanOrEqual(63);
      expect(maxRunLength(stage)).toBeGreaterThanOrEqual(17);
    }
  });
});
