import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { defaultPrices } from '../lib/facts/prices.ts';
import { IDLE_INSTANCE_SECONDS } from '../lib/facts/scale-in.ts';
import { architectures, parameters } from '../lib/serving/architecture.ts';
import { coldStart } from '../lib/serving/cold-start.ts';
import { decodeBytesPerSecond } from '../lib/serving/decode-speed.ts';
import { gpuMemory } from '../lib/serving/gpu-memory.ts';
import { DEFAULT_MAX_SEQUENCES } from '../lib/serving/vllm-settings.ts';

const seconds = z.number().min(0);

const profileSchema = z.strictObject({
  name: z.string().min(1),
  /** Source of the figures. */
  source: z.string().min(1),
  speed: z.strictObject({
    stepSeconds: z.number().gt(0),
    sequenceSeconds: seconds,
    cachedTokenSeconds: seconds,
    prefillTokensPerSecond: z.number().gt(0),
    chunkTokens: z.int().min(1),
    longPromptTokens: z.int().min(1).optional(),
    promptStretch: z.number().min(0).optional(),
    cacheTokens: z.int().min(1),
    maxSequences: z.int().min(1),
  }),
  copiesPerInstance: z.int().min(1),
  gpusPerInstance: z.number().gt(0),
  dollarsPerInstanceHour: z.number().min(0),
  /** Start time of an instance. It is billed from then on. */
  instanceSeconds: seconds,
  /** Start time of a copy on a running instance: image, weights, engine. */
  copySeconds: seconds,
  /** Time for which an instance without a copy keeps running and is billed. */
  idleInstanceSeconds: seconds,
  /** Overhead of function, gateway and router per model call. */
  callOverheadSeconds: seconds,
});

/** Speed of a copy, and start time and cost of copy and instance. A JSON file of this shape replaces the built-in profile. */
export type Profile = z.infer<typeof profileSchema>;

/** Dense BF16 performance of one H100 SXM by NVIDIA's data sheet (989 TFLOPS). Prefill is assumed to reach half of it. */
const H100_FLOPS = 989e12;
const PREFILL_EFFICIENCY = 0.5;

/**
 * s1-32B as deployed by config/s1-32b.json: BF16, two GPUs per copy, four copies per ml.p5.48xlarge. Derived, not measured: memory
 * and bandwidth as computed by `budgetforce plan`, prefill from the GPUs' peak performance (2 FLOP per weight and token).
 */
export function s1OnP5(): Profile {
  const name = 'ml.p5.48xlarge';
  const tensorParallel = 2;
  const shape = architectures['qwen2.5-32b'];
  const type = findInstanceType(name);
  const memory = gpuMemory(shape, { tensorParallel }, name);
  const dollarsPerInstanceHour = defaultPrices.instances[name];
  if (type === undefined || memory === undefined || dollarsPerInstanceHour === undefined)
    throw new Error(`lib/facts has no instance type, memory or price of ${name}.`);
  const { assumptions } = defaultPrices;
  const bandwidth = decodeBytesPerSecond(type, assumptions.decodeEfficiency);
  const { linear } = parameters(shape);
  const prefillTokensPerSecond = (tensorParallel * H100_FLOPS * PREFILL_EFFICIENCY) / (2 * linear);
  const start = coldStart({ id: name, source: 's3', weightBytes: memory.weights * tensorParallel }, assumptions);
  const secondsOf = (step: string) => start.steps.find((found) => found.name === step)?.seconds ?? 0;
  return {
    name: 's1-32b on ml.p5.48xlarge',
    source: `derived from data sheets and the assumptions of budgetforce plan (${defaultPrices.date}); not measured`,
    speed: {
      stepSeconds: memory.weights / bandwidth,
      sequenceSeconds: 1 / prefillTokensPerSecond,
      cachedTokenSeconds: memory.cachePerToken / bandwidth,
      prefillTokensPerSecond,
      chunkTokens: 2_048,
      cacheTokens: memory.cacheTokens,
      maxSequences: DEFAULT_MAX_SEQUENCES,
    },
    copiesPerInstance: type.gpus / tensorParallel,
    gpusPerInstance: type.gpus,
    dollarsPerInstanceHour,
    instanceSeconds: secondsOf('instance'),
    copySeconds: secondsOf('image') + secondsOf('download') + secondsOf('load') + secondsOf('engine'),
    idleInstanceSeconds: IDLE_INSTANCE_SECONDS,
    callOverheadSeconds: 0.05,
  };
}

/**
 * R1-Distill-32B as deployed by config/r1-distill-32b.json: the same weights as s1-32B, a window of 131,072 tokens, and steps that one long
 * prompt fills to half, so that short prompts pass it.
 */
export function r1OnP5(): Profile {
  const s1 = s1OnP5();
  return {
    ...s1,
    name: 'r1-distill-32b on ml.p5.48xlarge',
    speed: { ...s1.speed, chunkTokens: 8_192, longPromptTokens: 4_096 },
  };
}

/** @throws {Error} if the file cannot be read or has the wrong shape */
export function readProfile(file: string): Profile {
  let input: unknown;
  try {
    input = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`${file} cannot be read as a profile: ${cause instanceof Error ? cause.message : cause}.`, {
      cause,
    });
  }
  const parsed = profileSchema.safeParse(input);
  if (!parsed.success) throw new Error(`${file} is not a valid profile:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Number of requests with this average context that fill a copy, and the duration of a decode step with them. */
export function fullStep(
  { speed }: Pick<Profile, 'speed'>,
  contextTokens: number,
): { readonly requests: number; readonly stepSeconds: number } {
  const requests = Math.min(speed.maxSequences, speed.cacheTokens / contextTokens);
  const stepSeconds =
    speed.stepSeconds + requests * speed.sequenceSeconds + requests * contextTokens * speed.cachedTokenSeconds;
  return { requests, stepSeconds };
}
